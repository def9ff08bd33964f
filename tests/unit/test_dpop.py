"""Proofs of possession: what a good one is, every way in which one is refused, and that none is good twice."""

from __future__ import annotations

import asyncio
import json
import time
import warnings
from pathlib import Path
from typing import Any

import httpx2
import pytest
from joserfc import jws
from joserfc.errors import SecurityWarning
from joserfc.jwk import ECKey, Key, OctKey, OKPKey, RSAKey

from graphsvc.api.ports import Call
from graphsvc.auth import Authenticator, StaticKeys, dpop
from graphsvc.auth.dpop import Proofs, same_address, token_hash
from graphsvc.client import BoundCredentials, ClientCredentials, Refused
from graphsvc.local.identity import DevelopmentClient, DevelopmentIdentity, IdentityServer
from graphsvc.model.errors import TooMany, Unauthenticated
from graphsvc.model.principals import Organisation
from graphsvc_verify.canonical import b64u

URL = "https://graph.example.org/graphql"
KEY = ECKey.generate_key("P-256", {"kid": "mine"})
OTHER = ECKey.generate_key("P-256")
ED = OKPKey.generate_key("Ed25519")
RSA = RSAKey.generate_key(2048)
CLIENT = DevelopmentClient("desk", "pasar", "ratna", ("analyst",))
PASAR = Organisation("pasar", "company", "ID", "Pasar")


def _public(key: Key) -> dict[str, Any]:
    named = key.as_dict(private=False).items()
    return {name: value for name, value in named if name in {"kty", "crv", "x", "y", "n", "e"}}


def _proof(token: str = "t", key: Key = KEY, header: dict[str, Any] | None = None, **changes: Any) -> str:
    head = {"typ": "dpop+jwt", "alg": "ES256", "jwk": _public(key), **(header or {})}
    claims = {"jti": str(time.perf_counter_ns()), "htm": "POST", "htu": URL, "iat": int(time.time()),
              "ath": token_hash(token), **changes}  # fmt: skip
    head, claims = ({name: value for name, value in one.items() if value is not ...} for one in (head, claims))
    registry = jws.JWSRegistry(algorithms=["ES256", "EdDSA", "Ed25519", "RS256", "HS256"], strict_check_header=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SecurityWarning)
        return jws.serialize_compact(head, json.dumps(claims), key, registry=registry)


def _check(*proofs: str, token: str = "t", key: Key = KEY, proofs_of: Proofs | None = None, url: str = URL) -> None:
    call = Call("POST", url, proofs=proofs)
    asyncio.run((proofs_of or Proofs()).check(call, token, key.thumbprint()))


def test_good_proofs() -> None:
    _check(_proof())
    _check(_proof(key=ED, header={"alg": "EdDSA"}), key=ED)
    _check(_proof(key=ED, header={"alg": "Ed25519"}), key=ED)
    _check(_proof(htu="HTTPS://Graph.Example.org:443/graphql?x=1#y"))
    _check(_proof(iat=time.time() + 20, exp=1))


def _by_hand(**header: Any) -> str:
    """A proof whose header no library would write; its signature is of another header."""
    _, body, signature = _proof().split(".")
    said = {"typ": "dpop+jwt", "alg": "ES256", "jwk": _public(KEY), **header}
    return f"{b64u(json.dumps(said).encode())}.{body}.{'' if said['alg'] == 'none' else signature}"


BAD = {
    "an access token's type": lambda: _proof(header={"typ": "at+jwt"}),
    "no type": lambda: _proof(header={"typ": ...}),
    "none": lambda: _by_hand(alg="none"),
    "RSA": lambda: _proof(key=RSA, header={"alg": "RS256"}),
    "HMAC": lambda: _proof(key=OctKey.import_key(b"x" * 32), header={"alg": "HS256", "jwk": _public(KEY)}),
    "algorithm of another key": lambda: _proof(header={"alg": "ES256", "jwk": _public(ED)}),
    "key of somebody else": lambda: _proof(header={"jwk": _public(OTHER)}),
    "by another key": lambda: _proof(key=OTHER),
    "private key": lambda: _proof(header={"jwk": KEY.as_dict(private=True)}),
    "symmetric key": lambda: _proof(header={"jwk": {"kty": "oct", "k": "eHg"}}),
    "no key": lambda: _proof(header={"jwk": ...}),
    "key a text": lambda: _by_hand(jwk="mine"),
    "critical": lambda: _by_hand(crit=["b64"], b64=False),
    "algorithm a list": lambda: _by_hand(alg=["ES256"]),
    "kid in place of a key": lambda: _proof(header={"jwk": ..., "kid": "mine"}),
    "another method": lambda: _proof(htm="GET"),
    "method in small letters": lambda: _proof(htm="post"),
    "another path": lambda: _proof(htu="https://graph.example.org/v1/keys"),
    "another host": lambda: _proof(htu="https://evil.example/graphql"),
    "another scheme": lambda: _proof(htu="http://graph.example.org/graphql"),
    "another port": lambda: _proof(htu="https://graph.example.org:8443/graphql"),
    "with a user": lambda: _proof(htu="https://me@graph.example.org/graphql"),
    "no address": lambda: _proof(htu=...),
    "old": lambda: _proof(iat=int(time.time()) - 120),
    "of tomorrow": lambda: _proof(iat=int(time.time()) + 120),
    "time a text": lambda: _proof(iat="now"),
    "time true": lambda: _proof(iat=True),
    "no time": lambda: _proof(iat=...),
    "no jti": lambda: _proof(jti=...),
    "empty jti": lambda: _proof(jti=""),
    "for another token": lambda: _proof(token="u"),
    "for no token": lambda: _proof(ath=...),
    "too long": lambda: _proof(x="y" * 5_000),
    "garbage": lambda: "a.b.c",
    "not ASCII": lambda: "é.b.c",
}


@pytest.mark.parametrize("name", BAD)
def test_bad_proofs(name: str) -> None:
    with pytest.raises(Unauthenticated) as caught:
        _check(BAD[name]())
    assert (caught.value.code, caught.value.where) == ("invalid_dpop_proof", "header dpop")


def test_exactly_one_proof() -> None:
    for proofs in ((), (_proof(), _proof())):
        with pytest.raises(Unauthenticated, match="one proof"):
            _check(*proofs)


def test_a_proof_is_good_once_as_long_as_it_is_good_at_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [time.time()]
    proofs = Proofs(lambda: now[0])
    late = _proof(iat=int(now[0]) + 55)
    _check(late, proofs_of=proofs)
    now[0] += 110
    with pytest.raises(Unauthenticated, match="used before"):
        _check(late, proofs_of=proofs)
    now[0] += 20
    with pytest.raises(Unauthenticated, match="not of now"):
        _check(late, proofs_of=proofs)
    monkeypatch.setattr(dpop, "A_KEY", 3)
    fresh = Proofs()
    for _ in range(3):
        _check(_proof(), proofs_of=fresh)
    with pytest.raises(TooMany):
        _check(_proof(), proofs_of=fresh)
    _check(_proof(key=OTHER), key=OTHER, proofs_of=fresh)


def test_the_same_jti_of_another_key_is_another_proof() -> None:
    proofs = Proofs()
    _check(_proof(jti="1"), proofs_of=proofs)
    _check(_proof(jti="1", key=OTHER), key=OTHER, proofs_of=proofs)
    with pytest.raises(Unauthenticated):
        _check(_proof(jti="1"), proofs_of=proofs)


def test_what_was_proved_before_a_restart_proves_nothing_after_it() -> None:
    used = _proof(iat=int(time.time()) - 5)
    with pytest.raises(Unauthenticated, match="older than this service's start"):
        _check(used, proofs_of=Proofs())


def test_addresses() -> None:
    assert same_address("http://h", "http://h:80/") and same_address("http://[::1]:80/a", "http://[::1]/a")
    for other in ("http://h/a", "ftp://h/", "//h/", "http://", "http://h:99999/", 7, None):
        assert not same_address(other, "http://h/")


@pytest.fixture
def provider(tmp_path: Path) -> Any:
    server = IdentityServer("development")
    identity = DevelopmentIdentity(server.url, "graphsvc", tmp_path, [CLIENT])
    server.start(identity)
    yield server.url, identity
    server.stop()


def test_a_bound_token_is_taken_with_its_proof_and_never_without(provider: Any) -> None:
    url, identity = provider
    secret = json.loads(identity.clients_file.read_text())["clients"][0]["clientSecret"]
    bound, plain = (kind(f"{url}/token", "desk", secret) for kind in (BoundCredentials, ClientCredentials))
    keys, at = StaticKeys(identity.jwks()), URL.removesuffix("/graphql")
    authenticator = Authenticator(url, "graphsvc", keys, {"pasar": PASAR}.get, proofs=Proofs(public_url=at))

    def ask(scheme: str, token: str, *proofs: str, at: str = "http://10.0.0.1:8443/graphql?a=b") -> Any:
        return asyncio.run(authenticator.principal(f"{scheme} {token}", Call("POST", at, proofs)))

    token = bound()
    assert bound() == token, "kept"
    # Behind a proxy the service is called otherwise than its callers call it.
    assert ask("DPoP", token, bound.proof("POST", URL, token)).person == "ratna"
    refused = (
        ("Bearer", token, ()),
        ("Bearer", token, (bound.proof("POST", URL, token),)),
        ("DPoP", token, ()),
        ("DPoP", token, (bound.proof("POST", URL),)),
        ("DPoP", token, (BoundCredentials(url, "x").proof("POST", URL, token),)),
        ("DPoP", plain(), (bound.proof("POST", URL, plain()),)),
    )
    for scheme, sent, proofs in refused:
        with pytest.raises(Unauthenticated):
            ask(scheme, sent, *proofs)
            pytest.fail(f"{scheme} {proofs}")
    assert ask("Bearer", plain()).person == "ratna"


def test_a_client_that_wants_bound_tokens_takes_no_others(provider: Any) -> None:
    url, identity = provider
    secret = json.loads(identity.clients_file.read_text())["clients"][0]["clientSecret"]
    bad = httpx2.post(f"{url}/token", data={"grant_type": "client_credentials"}, auth=("desk", secret),
                      headers={"dpop": _proof()})  # fmt: skip
    assert (bad.status_code, bad.json()["error"]) == (400, "invalid_dpop_proof")

    class Unbinding(BoundCredentials):
        def proof(self, method: str, url: str, token: str = "") -> str:
            raise AssertionError

        def _asked(self, headers: Any, seen: Any = None) -> Any:
            return super()._asked({}, seen)

    unbinding = Unbinding(f"{url}/token", "desk", secret)
    unbinding.proof = lambda *_: ""  # type: ignore[method-assign]
    with pytest.raises(Refused) as caught:
        unbinding()
    assert caught.value.code == "not_bound"
