"""Who calls: access tokens, proofs of possession, sessions of people, and how a provider writes all that."""

from graphsvc.auth.keys import FetchedKeys, Keys, StaticKeys
from graphsvc.auth.providers import Provider
from graphsvc.auth.tokens import Authenticator

__all__ = ["Authenticator", "FetchedKeys", "Keys", "Provider", "StaticKeys"]
