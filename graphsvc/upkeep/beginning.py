"""The first files of a service in production: settings with comments, the keys of its clients, how its provider writes.

Nothing is written over, and nothing here is a secret of the ledger: those are made by the first start.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from joserfc.jwk import Key

from graphsvc.auth.http import CALLBACK
from graphsvc.model.errors import InvalidInput
from graphsvc.model.files import write_durably
from graphsvc.model.jwkfiles import new_jwk, public_set, save_jwk
from graphsvc.model.principals import check_roles
from graphsvc.model.product import product_data
from graphsvc.settings import read_settings

PROVIDERS: Mapping[str, str] = {
    "keycloak": "{issuer}/protocol/openid-connect/certs",
    "okta": "{issuer}/v1/keys",
    "entra": "{tenant}/discovery/v2.0/keys",
}
"""The providers whose tokens are described in ``identity/``, and where each has its keys."""
KEYLESS = frozenset({"entra"})
"""Providers that take no plain key of a client: there it has a secret."""
SETTINGS, CLIENT_KEY, OPERATOR_KEY = "settings.env", "client.jwk", "operator.jwk"
PROVIDER, REALM, PROFILE = "provider.yaml", "keycloak-realm.json", "operator.json"
_CLIENT, _OPERATOR = "graphsvc", "graphsvc-operator"

_TEXT = """\
# Settings of a graphsvc service; docs/operations.md lists them all. Files named here lie beside this one.
# Every command reads it:  export GRAPHSVC_SETTINGS={here}/{settings}
# Check it:                graphsvc doctor --before-start

GRAPHSVC_ENVIRONMENT=production

# The log's name, a URL without scheme. Signatures are bound to it: never change it.
GRAPHSVC_ORIGIN={origin}

# Where browsers and machines reach the service; a proxy with TLS stands there.
GRAPHSVC_PUBLIC_URL={url}

# Who says who somebody is, where its keys are, and how it writes its tokens.
GRAPHSVC_ISSUER={issuer}
GRAPHSVC_JWKS={jwks}
GRAPHSVC_PROVIDER={provider}
# The audience that access tokens must have.
GRAPHSVC_AUDIENCE={audience}

# The service's own client at the issuer, by which people log in. Its key or secret stays here.
GRAPHSVC_CLIENT_ID={client}
{proof}
# introspection: the issuer is asked whether a token is still good. expiry: a token is good until it expires.
GRAPHSVC_REVOCATION={revocation}
# Seconds after which a person must log in again: without a request, and in any case.
GRAPHSVC_SESSION_IDLE=1800
GRAPHSVC_SESSION_SECONDS=28800

# A Neo4j of your own; without it the service runs one beside itself.
#GRAPHSVC_NEO4J_URI=neo4j+s://db.example.org:7687
#GRAPHSVC_NEO4J_PASSWORD=

# A PostgreSQL for the ledger (with a Neo4j of your own), and a store for payloads; without them: files.
#GRAPHSVC_DATABASE=postgresql://graphsvc:password@db.example.org/graphsvc
#GRAPHSVC_PAYLOADS=s3://bucket/graphsvc

# Who cosigns the log, and a time-stamping authority (docs/audit.md).
#GRAPHSVC_WITNESSES=witnesses.json
#GRAPHSVC_TSA=https://tsa.example.org
"""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a service is to be: its address, its issuer, of which kind, and the log's name (empty: by the address)."""

    url: str
    issuer: str
    provider: str
    origin: str = ""


def begin(folder: Path, wanted: Wanted) -> list[Path]:
    """Write the first files into a folder; returns them. Raises InvalidInput, also where one of them is there."""
    if wanted.provider not in PROVIDERS:
        raise InvalidInput(f"one of {', '.join(PROVIDERS)} is needed", code="unknown_provider", where="--provider")
    names = [SETTINGS, PROVIDER, PROFILE]
    names += [] if wanted.provider in KEYLESS else [CLIENT_KEY, OPERATOR_KEY]
    names += [REALM] if wanted.provider == "keycloak" else []
    for name in names:
        if (folder / name).exists():
            raise InvalidInput("there is a file already: nothing was written", code="exists", where=str(folder / name))
    text = _settings(folder, wanted)
    own, operator = new_jwk(), new_jwk()
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if wanted.provider not in KEYLESS:
        save_jwk(folder / CLIENT_KEY, own)
        save_jwk(folder / OPERATOR_KEY, operator)
    write_durably(folder / PROVIDER, (product_data("identity") / f"{wanted.provider}.yaml").read_bytes(), 0o644)
    if wanted.provider == "keycloak":
        realm = realm_for(wanted.url, wanted.issuer, {_CLIENT: own, _OPERATOR: operator})
        write_durably(folder / REALM, _json(realm), 0o644)
    write_durably(folder / PROFILE, _json(_profile(wanted)), 0o644)
    # Last: who finds settings finds all that they name.
    write_durably(folder / SETTINGS, text.encode())
    read_settings(folder, {"GRAPHSVC_SETTINGS": str(folder / SETTINGS)})
    return [folder / name for name in names]


def realm_for(url: str, issuer: str, keys: Mapping[str, Key]) -> dict[str, Any]:
    """Keycloak's realm for a service at an address: the product's, with the public keys of its clients."""
    realm: dict[str, Any] = json.loads((product_data("identity") / REALM).read_bytes())
    realm["realm"] = issuer.rstrip("/").rpartition("/")[2]
    for client in realm["clients"]:
        client["attributes"]["jwks.string"] = json.dumps(public_set(keys[client["clientId"]]))
        if client["standardFlowEnabled"]:
            client["redirectUris"] = [f"{url.rstrip('/')}{CALLBACK}"]
    return realm


def keycloak_client(client_id: str, org: str, roles: Sequence[str], public: Mapping[str, Any]) -> dict[str, Any]:
    """A member's machine client as Keycloak imports it: its organisation and roles are its own, and of no person.

    ``public`` is its key set. Raises InvalidInput for a set with a private key, or without one key.
    """
    keys = public.get("keys")
    if not isinstance(keys, list) or len(keys) != 1 or not isinstance(keys[0], dict) or "d" in keys[0]:
        message = "a set with one public key is needed, as keys show prints it"
        raise InvalidInput(message, code="bad_key", where="--public")
    check_roles(roles)
    realm: dict[str, Any] = json.loads((product_data("identity") / REALM).read_bytes())
    client: dict[str, Any] = next(one for one in realm["clients"] if one["clientId"] == _OPERATOR)
    client["clientId"], client["description"] = client_id, f"A machine of {org}"
    client["attributes"] |= {"jwks.string": json.dumps(public), "token.endpoint.auth.signing.alg": str(keys[0]["alg"])}
    shown = {"access.token.claim": "true", "introspection.token.claim": "true", "id.token.claim": "false"}
    said = {"claim.name": "org", "claim.value": org, "jsonType.label": "String", **shown}
    mappers = [{"name": "organisation", "protocolMapper": "oidc-hardcoded-claim-mapper", "config": said}]
    mappers += [
        {"name": role, "protocolMapper": "oidc-hardcoded-role-mapper", "config": {"role": f"{_CLIENT}.{role}"}}
        for role in roles
    ]
    client["protocolMappers"] = [{"protocol": "openid-connect", **mapper} for mapper in mappers]
    return client


def _settings(folder: Path, wanted: Wanted) -> str:
    values = {
        "here": folder.absolute(),
        "settings": SETTINGS,
        "origin": wanted.origin or f"{urlsplit(wanted.url).netloc}/log",
        "url": wanted.url.rstrip("/"),
        "issuer": wanted.issuer,
        "jwks": PROVIDERS[wanted.provider].format(
            issuer=wanted.issuer.rstrip("/"), tenant=wanted.issuer.rstrip("/").removesuffix("/v2.0")
        ),
        "provider": PROVIDER,
        "audience": _CLIENT,
        "client": _CLIENT,
        "proof": (
            "GRAPHSVC_CLIENT_SECRET_FILE=client.secret"
            if wanted.provider in KEYLESS
            else f"GRAPHSVC_CLIENT_KEY={CLIENT_KEY}"
        ),
        "revocation": "expiry" if wanted.provider == "entra" else "introspection",
    }
    for name in ("url", "issuer", "origin"):
        # Refused by name of the option, before anything is made.
        variable = "GRAPHSVC_PUBLIC_URL" if name == "url" else f"GRAPHSVC_{name.upper()}"
        try:
            read_settings(folder, {variable: str(values[name])})
        except InvalidInput as error:
            raise InvalidInput(error.message, code=error.code, where=f"--{name}") from None
    return _TEXT.format(**values)


def _profile(wanted: Wanted) -> dict[str, Any]:
    ends = {
        "keycloak": f"{wanted.issuer.rstrip('/')}/protocol/openid-connect/token",
        "okta": f"{wanted.issuer.rstrip('/')}/v1/token",
        "entra": f"{wanted.issuer.rstrip('/').removesuffix('/v2.0')}/oauth2/v2.0/token",
    }
    return {
        "url": wanted.url.rstrip("/"),
        "org": "operator",
        "trust": "trust.json",
        "tokenEndpoint": ends[wanted.provider],
        "clientId": _OPERATOR,
        **({"secretFile": "operator.secret"} if wanted.provider in KEYLESS else {"clientKey": OPERATOR_KEY}),
        "bound": wanted.provider == "keycloak",
    }


def _json(value: Any) -> bytes:
    return json.dumps(value, indent=2).encode() + b"\n"
