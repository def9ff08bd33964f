"""How an identity provider writes its tokens, as data: a YAML file, so that another provider needs no code.

::

    algorithms: [RS256]                   # how tokens may be signed: Ed25519, EdDSA, ES256, RS256
    types: [JWT]                          # the typ of their header: at+jwt, JWT, absent
    person: [oid, sub]                    # the claim that names who calls: the first of these that is there
    client: [azp, appid]                  # the same for the client
    jti: optional                         # whether a token must have one: required, optional
    organisation: {claim: tid, values: {6f1c…: police-ke}}
    roles: {claim: [resource_access, graphsvc, roles], prefix: graphsvc-}
    demanded: {typ: [Bearer, DPoP]}       # claims that an access token has, with the values that each may have
    refused: [nonce, at_hash]             # claims that none has: ID tokens do
    scope: openid offline_access          # what is asked for when a person logs in

A claim is a name, as it is written, or a list of names that leads into objects. ``values`` translates, and drops what
it does not name; ``prefix`` is cut off, and drops what lacks it. A person is of one organisation: none and several are
refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import msgspec

from graphsvc.model.errors import InvalidInput
from graphsvc.model.principals import check_roles
from graphsvc.model.yamlfiles import load_yaml

ABSENT = "absent"
"""Stands for a header without ``typ``."""
_LONGEST = 255
_MOST = 200
_ID_TOKEN = ("nonce", "at_hash", "c_hash", "s_hash")
"""Claims that ID tokens have (OpenID Connect Core sections 2 and 3.3.2.11), and access tokens have not."""

Algorithm = Literal["Ed25519", "EdDSA", "ES256", "RS256"]
Value = str | int | bool


class _Claim(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    claim: str | list[str]
    values: dict[str, str] | None = None
    prefix: str = ""


class _File(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    algorithms: list[Algorithm]
    types: list[Literal["at+jwt", "JWT", "absent"]]
    organisation: _Claim = _Claim("org")
    roles: _Claim = _Claim("roles")
    person: tuple[str, ...] = ("sub",)
    client: tuple[str, ...] = ("client_id",)
    jti: Literal["required", "optional"] = "required"
    demanded: dict[str, Value | list[Value]] = {}
    refused: list[str] | None = None
    scope: str = "openid"


@dataclass(frozen=True, slots=True)
class Claim:
    """Where in a token's claims something stands, and how it is read."""

    path: tuple[str, ...]
    values: Mapping[str, str] | None = None
    prefix: str = ""

    def one(self, claims: Mapping[str, Any]) -> tuple[str, ...]:
        """What a claim with a text says; where something is picked by prefix or table, a list may stand there too."""
        value = self._found(claims)
        picks = self.values is not None or bool(self.prefix)
        return self._read(value if picks and isinstance(value, list) else [] if value is None else [value])

    def many(self, claims: Mapping[str, Any]) -> tuple[str, ...]:
        """What a claim with a list of texts says, sorted, each once. Raises ValueError for anything else."""
        value = self._found(claims)
        return self._read([] if value is None else value)

    def _found(self, claims: Mapping[str, Any]) -> Any:
        value: Any = claims
        for name in self.path:
            if not isinstance(value, Mapping):
                raise ValueError("not in an object")
            if name not in value:
                return None
            value = value[name]
        if value is None:
            raise ValueError("null")
        return value

    def _read(self, listed: object) -> tuple[str, ...]:
        if not isinstance(listed, list) or len(listed) > _MOST or not all(_is_text(one) for one in listed):
            raise ValueError("not a list of texts")
        cut = (one.removeprefix(self.prefix) for one in listed if one.startswith(self.prefix))
        if self.values is None:
            return tuple(sorted(set(cut)))
        return tuple(sorted({self.values[one] for one in cut if one in self.values}))


@dataclass(frozen=True, slots=True)
class Provider:
    """Which tokens are accepted, and where in them is what. The defaults are those of RFC 9068.

    RFC 9068 demands ``at+jwt``. A provider that writes ``JWT`` on access tokens does so on ID tokens too: then claims
    that only ID tokens have are ``refused``, and the audience tells them apart. ``types`` are in small letters.
    """

    algorithms: frozenset[str] = frozenset({"Ed25519", "EdDSA", "ES256"})
    types: frozenset[str] = frozenset({"at+jwt"})
    person: tuple[str, ...] = ("sub",)
    client: tuple[str, ...] = ("client_id",)
    organisation: Claim = Claim(("org",))
    roles: Claim = Claim(("roles",))
    needs_id: bool = True
    demanded: Mapping[str, tuple[Value, ...]] = field(default_factory=dict)
    refused: tuple[str, ...] = _ID_TOKEN
    scope: str = "openid"

    def type(self, typ: object) -> bool:
        """Whether a header's ``typ`` is accepted; ``application/`` before it means the same (RFC 7515)."""
        if typ is None:
            return ABSENT in self.types
        return isinstance(typ, str) and typ != ABSENT and typ.lower().removeprefix("application/") in self.types

    def is_access_token(self, claims: Mapping[str, Any]) -> bool:
        """Whether the claims are those of an access token, as far as this provider tells."""
        # True is 1 in Python, and no 1 in a token.
        holds = all(
            any(type(claims.get(name)) is type(value) and claims[name] == value for value in values)
            for name, values in self.demanded.items()
        )
        return holds and not any(name in claims for name in self.refused)


RFC_9068 = Provider()


def read_provider(path: Path) -> Provider:
    """The provider that a file describes. Raises InvalidInput that says where and why."""
    try:
        said = msgspec.convert(load_yaml(path.read_bytes(), where=str(path)), _File)
    except OSError as error:
        raise _bad(f"can't be read: {error.strerror}", path) from None
    except msgspec.ValidationError as error:
        raise _bad(f"does not describe a provider: {error}", path) from None
    if not said.algorithms or not said.types or not said.person or not said.client:
        raise _bad("algorithms, types, person and client name one at least", path)
    if "openid" not in said.scope.split():
        raise _bad("without the scope openid nobody can log in", path)
    check_roles((said.roles.values or {}).values())
    return Provider(
        frozenset(said.algorithms),
        frozenset(one.lower() for one in said.types),
        said.person,
        said.client,
        _claim(said.organisation, path),
        _claim(said.roles, path),
        said.jti == "required",
        {name: tuple(one) if isinstance(one, list) else (one,) for name, one in said.demanded.items()},
        _ID_TOKEN if said.refused is None else tuple(said.refused),
        said.scope,
    )


def _claim(said: _Claim, path: Path) -> Claim:
    names = (said.claim,) if isinstance(said.claim, str) else tuple(said.claim)
    if not names or not all(names):
        raise _bad("a claim is a name, or a list of names", path)
    return Claim(names, said.values, said.prefix)


def _is_text(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= _LONGEST


def _bad(message: str, path: Path) -> InvalidInput:
    return InvalidInput(message, code="bad_provider", where=str(path))
