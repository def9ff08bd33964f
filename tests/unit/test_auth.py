"""Access tokens: what is taken, and every way in which one is refused."""

from __future__ import annotations

import asyncio
import base64
import json
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from joserfc import jws
from joserfc.errors import SecurityWarning
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

from graphsvc.auth import Authenticator, FetchedKeys, Provider, StaticKeys
from graphsvc.local.identity import DevelopmentClient, DevelopmentIdentity, IdentityServer
from graphsvc.model.errors import Unauthenticated, Unavailable
from graphsvc.model.principals import Organisation

PASAR = Organisation("pasar", "company", "ID", "Pasar")
ED = OKPKey.generate_key("Ed25519", {"kid": "ed", "use": "sig"})
EC = ECKey.generate_key("P-256", {"kid": "ec"})
P384 = ECKey.generate_key("P-384", {"kid": "p384"})
ED448 = OKPKey.generate_key("Ed448", {"kid": "ed448"})
RSA = RSAKey.generate_key(2048, {"kid": "rsa"})
JWKS = {"keys": [key.as_dict(private=False) for key in (ED, EC, P384, ED448, RSA)]}


def _claims(**changes: Any) -> dict[str, Any]:
    now = int(time.time())
    claims = {
        "iss": "https://idp",
        "aud": "graphsvc",
        "sub": "ratna",
        "client_id": "c",
        "jti": "1",
        "iat": now,
        "exp": now + 60,
        "org": "pasar",
        "roles": ["analyst"],
        **changes,
    }
    return {name: value for name, value in claims.items() if value is not ...}


def _token(claims: Any = None, key: Any = ED, **header: Any) -> str:
    header = {"alg": "Ed25519", "typ": "at+jwt", "kid": key.kid, **header}
    header = {name: value for name, value in header.items() if value is not ...}
    algorithms = ["Ed25519", "EdDSA", "ES256", "ES384", "Ed448", "RS256", "HS256"]
    registry = jws.JWSRegistry(algorithms=algorithms, strict_check_header=False)
    payload = claims if isinstance(claims, bytes) else json.dumps(_claims() if claims is None else claims)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SecurityWarning)
        return jws.serialize_compact(header, payload, key, registry=registry)


def _authenticator(organisations: Any = None) -> Authenticator:
    return Authenticator("https://idp", "graphsvc", StaticKeys(JWKS), organisations or {"pasar": PASAR}.get)


def _ask(header: str | None, authenticator: Authenticator | None = None) -> Any:
    return asyncio.run((authenticator or _authenticator()).principal(header))


@pytest.mark.parametrize(
    "make",
    # Made when the test runs, not when it is collected: minutes may lie between, and tokens expire.
    [
        lambda: _token(),
        lambda: _token(alg="EdDSA"),
        lambda: _token(key=EC, alg="ES256"),
        lambda: _token(typ="application/AT+JWT"),
        lambda: _token(_claims(aud=["other", "graphsvc"])),
        lambda: _token(_claims(roles=...)),
        lambda: _token(_claims(exp=int(time.time()) - 5)),
    ],
)
def test_good_tokens(make: Callable[[], str]) -> None:
    principal = _ask(f"bearer {make()}")
    assert (principal.organisation, principal.person, principal.client) == (PASAR, "ratna", "c")
    assert principal.roles in {("analyst",), ()}


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer ", "Basic abc", "DPoP", "DPoP  "])
def test_no_bearer_token(header: str | None) -> None:
    with pytest.raises(Unauthenticated) as caught:
        _ask(header)
    assert caught.value.code == "unauthenticated"


def _b64(value: Any) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _with_header(header: dict[str, Any]) -> str:
    return ".".join([_b64(header), *_token().split(".")[1:]])


BAD = {
    "garbage": "x.y.z",
    "two parts": "a.b",
    "long": "a" * 9000,
    "no typ": _token(typ=...),
    "id token": _token(typ="JWT"),
    "typ not a text": _with_header({"alg": "Ed25519", "typ": ["at+jwt"], "kid": "ed"}),
    "no kid": _token(kid=...),
    "unknown kid": _token(kid="who"),
    "kid of another key": _token(kid="ec"),
    "alg of another key": _token(kid="ec", alg="EdDSA"),
    "alg none": f"{_b64({'alg': 'none', 'typ': 'at+jwt', 'kid': 'ed'})}.{_b64(_claims())}.",
    "hmac by public key": _token(key=OctKey.import_key(ED.as_dict(private=False)["x"], {"kid": "ed"}), alg="HS256"),
    "RSA": _token(key=RSA, alg="RS256"),
    "P-384": _token(key=P384, alg="ES384"),
    "Ed448 as EdDSA": _token(key=ED448, alg="EdDSA"),
    "crit": _with_header({"alg": "Ed25519", "typ": "at+jwt", "kid": "ed", "crit": ["x"], "x": 1}),
    "altered": _token()[:-4] + "AAAA",
    "other payload": ".".join([_token().split(".")[0], _b64(_claims(org="police")), _token().split(".")[2]]),
    "cnf": _token(_claims(cnf={"jkt": "x"})),
    "cnf null": _token(_claims(cnf=None)),
    "cnf of a certificate": _token(_claims(cnf={"x5t#S256": "x"})),
    "cnf of two kinds": _token(_claims(cnf={"jkt": "x", "x5t#S256": "x"})),
    "cnf of a key": _token(_claims(cnf={"jkt": "x", "kc-jkt-type": "DPoP"})),
    "cnf empty": _token(_claims(cnf={})),
    "an ID token's nonce": _token(_claims(nonce="n")),
    "issuer": _token(_claims(iss="https://idp/")),
    "audience": _token(_claims(aud="other")),
    "audiences": _token(_claims(aud=["other"])),
    "no audience": _token(_claims(aud=...)),
    "expired": _token(_claims(exp=int(time.time()) - 31)),
    "no exp": _token(_claims(exp=...)),
    "exp text": _token(_claims(exp="9999999999")),
    "exp bool": _token(_claims(exp=True)),
    "no iat": _token(_claims(iat=...)),
    "iat later": _token(_claims(iat=int(time.time()) + 86_400)),
    "nbf later": _token(_claims(nbf=int(time.time()) + 86_400)),
    "no sub": _token(_claims(sub=...)),
    "empty sub": _token(_claims(sub="")),
    "no client": _token(_claims(client_id=...)),
    "no jti": _token(_claims(jti=...)),
    "no org": _token(_claims(org=...)),
    "org not a text": _token(_claims(org=["pasar"])),
    "not a member": _token(_claims(org="nobody")),
    "roles a text": _token(_claims(roles="operator")),
    "roles of numbers": _token(_claims(roles=[1])),
    "claims a list": _token([1]),
    "claims not JSON": _token(b"\xff"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_tokens(name: str) -> None:
    with pytest.raises(Unauthenticated) as caught:
        _ask(f"Bearer {BAD[name]}")
    assert caught.value.code == "invalid_token"
    assert caught.value.where == "header authorization"


def test_a_remembered_token_still_asks_whether_its_organisation_is_a_member() -> None:
    members = {"pasar": PASAR}
    authenticator = _authenticator(members.get)
    header = f"Bearer {_token()}"
    first = _ask(header, authenticator)
    assert _ask(header, authenticator) is first
    members["pasar"] = Organisation("pasar", "company", "ID", "Pasar Baru")
    assert _ask(header, authenticator).organisation.name == "Pasar Baru"
    members.clear()
    with pytest.raises(Unauthenticated):
        _ask(header, authenticator)


def test_a_remembered_token_is_refused_once_it_has_expired(monkeypatch: pytest.MonkeyPatch) -> None:
    authenticator = _authenticator()
    header = f"Bearer {_token()}"
    _ask(header, authenticator)
    later = time.time() + 120
    monkeypatch.setattr(time, "time", lambda: later)
    with pytest.raises(Unauthenticated, match="expired"):
        _ask(header, authenticator)


def test_keys_are_fetched_from_a_real_provider_and_outlive_it(tmp_path: Path) -> None:
    server = IdentityServer("development")
    client = DevelopmentClient("c", "pasar", "ratna", ("analyst",))
    identity = DevelopmentIdentity(server.url, "graphsvc", tmp_path, [client])
    server.start(identity)
    header = f"Bearer {identity.token(client)}"
    authenticator = Authenticator(server.url, "graphsvc", FetchedKeys(f"{server.url}/jwks"), {"pasar": PASAR}.get)

    async def ask() -> None:
        assert (await authenticator.principal(header)).roles == ("analyst",)
        server.stop()
        other = f"Bearer {identity.token(client)}"
        assert (await authenticator.principal(other)).person == "ratna"
        # Of an unknown key nobody knows while the provider is gone: that is no bad token.
        with pytest.raises(Unavailable):
            await authenticator.principal(f"Bearer {_token(_claims(iss=server.url))}")

    asyncio.run(ask())


def test_without_any_keys_the_service_is_unavailable() -> None:
    keys = FetchedKeys("http://127.0.0.1:1/jwks")
    authenticator = Authenticator("https://idp", "graphsvc", keys, {"pasar": PASAR}.get)
    with pytest.raises(Unavailable):
        _ask(f"Bearer {_token()}", authenticator)


def test_key_sets_come_over_https() -> None:
    with pytest.raises(ValueError, match="https"):
        FetchedKeys("http://idp.example/jwks")


@pytest.mark.parametrize("stated", ["EdDSA", "Ed25519", None])
@pytest.mark.parametrize("alg", ["EdDSA", "Ed25519"])
def test_a_key_may_say_its_algorithm_by_the_old_name_or_the_new(stated: str | None, alg: str) -> None:
    member = ED.as_dict(private=False) | ({} if stated is None else {"alg": stated})
    authenticator = Authenticator("https://idp", "graphsvc", StaticKeys({"keys": [member]}), {"pasar": PASAR}.get)
    assert _ask(f"Bearer {_token(alg=alg)}", authenticator).person == "ratna"


def test_providers_that_sign_with_rsa_or_write_jwt_are_taken_where_a_setting_says_so() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SecurityWarning)
        small = RSAKey.generate_key(1024, {"kid": "small"})
        keys = StaticKeys({"keys": [small.as_dict(private=False), *JWKS["keys"]]})
    provider = Provider(frozenset({"RS256"}), frozenset({"jwt"}))
    wide = Authenticator("https://idp", "graphsvc", keys, {"pasar": PASAR}.get, provider)
    assert _ask(f"Bearer {_token(key=RSA, alg='RS256', typ='JWT')}", wide).person == "ratna"
    refused = (
        (_token(key=RSA, alg="RS256"), wide, "at+jwt where only JWT is taken"),
        (_token(typ="JWT"), wide, "Ed25519 where only RS256 is taken"),
        (_token(key=small, alg="RS256", typ="JWT"), wide, "a short key"),
        (_token(key=RSA, alg="RS256"), _authenticator(), "RS256 where nothing was set"),
        (_token(typ="JWT"), _authenticator(), "typ JWT where nothing was set"),
    )
    for token, authenticator, why in refused:
        with pytest.raises(Unauthenticated):
            _ask(f"Bearer {token}", authenticator)
            pytest.fail(why)
