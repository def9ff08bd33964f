"""What an organisation runs on its own side: keys, signed submissions, questions with checked answers, evidence.

Each name is imported from its module when it is first used, so that a program pays for what it uses.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from graphsvc.client.answers import Answer
    from graphsvc.client.errors import Refused, Unreachable
    from graphsvc.client.keys import HpkeKey, SigningKey
    from graphsvc.client.manifest import Outgoing
    from graphsvc.client.service import Client
    from graphsvc.client.signing import ReadSigner
    from graphsvc.client.submitted import NothingAccepted, Submitted
    from graphsvc.client.tokens import BoundCredentials, ClientCredentials, TokenProvider, fixed_token

_WHERE = {
    "answers": ("Answer",),
    "errors": ("Refused", "Unreachable"),
    "keys": ("HpkeKey", "SigningKey"),
    "manifest": ("Outgoing",),
    "service": ("Client",),
    "signing": ("ReadSigner",),
    "submitted": ("NothingAccepted", "Submitted"),
    "tokens": ("BoundCredentials", "ClientCredentials", "TokenProvider", "fixed_token"),
}
_MODULES = {name: module for module, names in _WHERE.items() for name in names}

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


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"graphsvc.client.{_MODULES[name]}"), name)
