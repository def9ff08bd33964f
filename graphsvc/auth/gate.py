"""The gate: all that tells who calls, put together by the settings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from starlette.routing import Route

from graphsvc.auth.dpop import Proofs
from graphsvc.auth.http import SessionRoutes
from graphsvc.auth.keys import FetchedKeys, Keys
from graphsvc.auth.login import Login
from graphsvc.auth.ownclient import Credentials, OwnClient
from graphsvc.auth.providers import RFC_9068, Provider, read_provider
from graphsvc.auth.revocation import Introspection
from graphsvc.auth.sessions import Callers, Sessions
from graphsvc.auth.shared import Shared
from graphsvc.auth.tokens import Authenticator, Organisations
from graphsvc.model.errors import InvalidInput
from graphsvc.model.jwkfiles import read_jwk
from graphsvc.settings import Settings

INTROSPECTION = "introspection"


@dataclass(frozen=True, slots=True)
class Identities:
    """Who says who somebody is: an issuer with its keys, how it writes tokens, and the service's own client there."""

    issuer: str
    keys: Keys
    provider: Provider = RFC_9068
    credentials: Credentials | None = None


@dataclass(frozen=True, slots=True)
class Gate:
    """What tells who calls, and the routes by which people log in; none where the service has no client."""

    callers: Callers
    routes: Sequence[Route]


def identities_of(settings: Settings) -> Identities:
    """The identities that settings name. Raises InvalidInput for a file that is not one, or can't be read."""
    return Identities(settings.issuer, FetchedKeys(settings.jwks), provider_of(settings), credentials_of(settings))


def provider_of(settings: Settings) -> Provider:
    """How the issuer writes its tokens: a file, else RFC 9068 with the algorithms and types that are set."""
    if settings.provider:
        return read_provider(Path(settings.provider))
    types = frozenset(settings.token_types.lower().split())
    return Provider(frozenset(settings.token_algorithms.split()), types)


def credentials_of(settings: Settings) -> Credentials | None:
    """The service's own client at the issuer, if it has one. Raises InvalidInput for one without key and secret."""
    if not settings.client_id:
        return None
    if settings.client_key:
        return Credentials(settings.client_id, read_jwk(Path(settings.client_key)))
    if not settings.client_secret_file:
        message = "a client needs a key or a secret: set GRAPHSVC_CLIENT_KEY or GRAPHSVC_CLIENT_SECRET_FILE"
        raise InvalidInput(message, code="setting", where="GRAPHSVC_CLIENT_ID")
    try:
        secret = Path(settings.client_secret_file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        secret = ""
    if not secret:
        raise InvalidInput("the file holds no secret", code="setting", where="GRAPHSVC_CLIENT_SECRET_FILE")
    return Credentials(settings.client_id, secret=secret)


def open_gate(
    settings: Settings, identities: Identities, organisations: Organisations, shared: Shared | None = None
) -> Gate:
    """Put the gate together; ``shared`` is what all processes share about callers, None: this one is alone.

    Raises InvalidInput where revocation is asked for and the service has no client.
    """
    shared = shared or Shared.alone()
    known, own = identities.credentials, None
    if known is not None:
        own = OwnClient(identities.issuer, known, scope=identities.provider.scope)
    standing = None
    if settings.revocation == INTROSPECTION:
        if own is None:
            message = "introspection needs a client of the service's own: set GRAPHSVC_CLIENT_ID"
            raise InvalidInput(message, code="setting", where="GRAPHSVC_REVOCATION")
        standing = Introspection(own)
    keys, provider, public_url = identities.keys, identities.provider, settings.public_url
    proofs = Proofs(public_url=public_url, shared=shared)
    authenticator = Authenticator(identities.issuer, settings.audience, keys, organisations, provider, standing, proofs)
    if own is None:
        return Gate(Callers(authenticator), ())
    sessions = Sessions(own, authenticator, shared, (settings.session_idle, settings.session_seconds))
    routes = SessionRoutes(Login.at(own, keys, provider, shared.derived(b"login")), sessions, public_url).routes()
    return Gate(Callers(authenticator, sessions, public_url), routes)
