"""Providers as data: what each writes is read, and what is no access token of its, or says too little, is refused."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import pytest
from joserfc import jws
from joserfc.jwk import ECKey, RSAKey

from graphsvc.auth import Authenticator, StaticKeys
from graphsvc.auth.providers import ABSENT, Claim, Provider, read_provider
from graphsvc.model.errors import InvalidInput, Unauthenticated
from graphsvc.model.principals import Organisation
from graphsvc.model.product import product_data
from graphsvc.model.yamlfiles import load_yaml

VECTORS: list[dict[str, Any]] = load_yaml(
    (Path(__file__).parents[1] / "vectors" / "provider_tokens.yaml").read_bytes(), where="vectors"
)
KEYS = {
    "ES256": ECKey.generate_key("P-256", {"kid": "ES256"}),
    "RS256": RSAKey.generate_key(2048, {"kid": "RS256"}),
}
MEMBERS = {org: Organisation(org, "company", "KE", org) for org in ("harbour", "pasar", "police-ke")}


def _read(vector: dict[str, Any]) -> Any:
    now = int(time.time())
    claims = {"iss": "https://idp", "aud": "graphsvc", "iat": now, "nbf": now, "exp": now + 60, **vector["claims"]}
    alg = vector["header"]["alg"]
    token = jws.serialize_compact({**vector["header"], "kid": alg}, json.dumps(claims), KEYS[alg], algorithms=[alg])
    keys = StaticKeys({"keys": [key.as_dict(private=False) for key in KEYS.values()]})
    provider = read_provider(product_data("identity") / f"{vector['provider']}.yaml")
    authenticator = Authenticator("https://idp", "graphsvc", keys, MEMBERS.get, provider)
    return asyncio.run(authenticator.principal(f"Bearer {token}"))


@pytest.mark.parametrize("vector", VECTORS, ids=lambda one: f"{one['provider']}: {one['what']}")
def test_tokens_as_a_provider_writes_them(vector: dict[str, Any]) -> None:
    if "read" not in vector:
        with pytest.raises(Unauthenticated) as caught:
            _read(vector)
        assert caught.value.code == "invalid_token"
        return
    found = _read(vector)
    said = {"org": found.org, "person": found.person, "client": found.client, "roles": list(found.roles)}
    assert said == vector["read"]


@pytest.mark.parametrize("name", ["keycloak", "okta", "entra"])
def test_a_token_that_says_who_for_another_provider_says_it_here_to_nobody(name: str) -> None:
    for vector in VECTORS:
        if vector["provider"] != name and "read" in vector:
            with pytest.raises(Unauthenticated):
                _read({**vector, "provider": name})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("algorithms: [HS256]\ntypes: [JWT]", "HS256"),
        ("algorithms: [none]\ntypes: [JWT]", "none"),
        ("algorithms: []\ntypes: [JWT]", "one at least"),
        ("algorithms: [RS256]\ntypes: [dpop+jwt]", "dpop"),
        ("algorithms: [RS256]\ntypes: [JWT]\nrole: {claim: roles}", "role"),
        ("algorithms: [RS256]\ntypes: [JWT]\nroles: {claim: []}", "a claim is"),
        ("algorithms: [RS256]\ntypes: [JWT]\nroles: {claim: groups, values: {A: admin}}", "no such role"),
        ("algorithms: [RS256]\ntypes: [JWT]\nperson: []", "one at least"),
        ("- RS256", "provider"),
    ],
)
def test_a_file_that_describes_no_provider_is_refused(text: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "provider.yaml"
    path.write_text(text)
    with pytest.raises(InvalidInput, match=said):
        read_provider(path)
    with pytest.raises(InvalidInput, match="can't be read"):
        read_provider(tmp_path / "none.yaml")


def test_one_thing_is_read_where_it_stands_and_nothing_is_guessed() -> None:
    deep = Claim(("resource_access", "graphsvc", "roles"))
    assert deep.many({"resource_access": {"graphsvc": {"roles": ["b", "a", "a"]}}}) == ("a", "b")
    assert deep.many({"resource_access": {"other": {}}}) == () == deep.many({})
    for wrong in ({"resource_access": "x"}, {"resource_access": {"graphsvc": []}}):
        with pytest.raises(ValueError, match="not in an object"):
            deep.many(wrong)
    # A name with dots or slashes is a name: nothing is taken apart.
    assert Claim(("https://graphsvc.example/org",)).one({"https://graphsvc.example/org": "pasar"}) == ("pasar",)
    picked = Claim(("groups",), {"g1": "pasar", "g2": "pasar"})
    assert picked.one({"groups": ["g1", "g2", "g3"]}) == ("pasar",), "twice the same is one"
    assert picked.one({"groups": "g1"}) == ("pasar",)
    for wrong in ({"org": ["pasar"]}, {"org": None}, {"org": 1}, {"org": ""}, {"org": "x" * 256}):
        with pytest.raises(ValueError, match=r"."):
            Claim(("org",)).one(wrong)


def test_a_demanded_value_is_that_value_of_that_type() -> None:
    provider = Provider(demanded={"ver": (1,), "typ": ("Bearer", "DPoP")})
    assert all(provider.is_access_token({"ver": 1, "typ": typ}) for typ in ("Bearer", "DPoP"))
    for wrong in ({"ver": True}, {"ver": "1"}, {"ver": 1.0}, {}, {"ver": 1, "typ": "ID"}, {"ver": 1, "typ": None}):
        assert not provider.is_access_token({"typ": "Bearer", **wrong}), wrong
    assert not Provider(types=frozenset({ABSENT})).type("absent"), "that word in a token is no absence"
