"""What an organisation runs on its own side: keys, signed submissions, questions with checked answers, evidence."""

from graphsvc.client.answers import Answer
from graphsvc.client.errors import Refused, Unreachable
from graphsvc.client.keys import HpkeKey, SigningKey
from graphsvc.client.manifest import Outgoing
from graphsvc.client.service import Client
from graphsvc.client.signing import ReadSigner
from graphsvc.client.submitted import NothingAccepted, Submitted
from graphsvc.client.tokens import BoundCredentials, ClientCredentials, TokenProvider, fixed_token

__all__ = [
    "Answer",
    "BoundCredentials",
    "Client",
    "ClientCredentials",
    "HpkeKey",
    "NothingAccepted",
    "Outgoing",
    "ReadSigner",
    "Refused",
    "SigningKey",
    "Submitted",
    "TokenProvider",
    "Unreachable",
    "fixed_token",
]
