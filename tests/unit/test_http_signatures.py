"""HTTP Message Signatures (RFC 9421) as the verifier reads them, and what the API takes for a signed question."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path

import httpx2
import pytest
from api_world import World
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from graphsvc.client.keys import SigningKey
from graphsvc.client.signing import ReadSigner
from graphsvc_verify.ed25519 import verify_signature
from graphsvc_verify.errors import VerifyError
from graphsvc_verify.httpsig import Covered, read_base, read_signature_input, read_signatures, signature_base
from graphsvc_verify.signedread import REQUIRED, SignedRead

# RFC 9421, appendix B.2.6, with the request of B.2 and the public key test-key-ed25519 of B.1.4.
RFC_KEY = base64.b64decode("JrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs=")
RFC_INPUT = (
    'sig-b26=("date" "@method" "@path" "@authority" "content-type" "content-length")'
    ';created=1618884473;keyid="test-key-ed25519"'
)
RFC_SIGNATURE = "sig-b26=:wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw==:"
RFC_REQUEST = {
    "date": "Tue, 20 Apr 2021 02:07:55 GMT",
    "@method": "POST",
    "@path": "/foo",
    "@authority": "example.com",
    "content-type": "application/json",
    "content-length": "18",
}
ORIGIN = "log.example/test"
QUESTION = json.dumps({"query": '{ entity(handle: "h1") { handle } }', "extensions": {"salt": "s" * 24}}).encode()


def test_the_example_of_rfc_9421_holds() -> None:
    covered = read_signature_input(RFC_INPUT)["sig-b26"]
    signature = read_signatures(RFC_SIGNATURE)["sig-b26"]
    base = signature_base(covered, RFC_REQUEST)
    verify_signature(RFC_KEY, signature, base)
    assert read_base(base.decode()) == (covered, RFC_REQUEST)
    with pytest.raises(VerifyError):
        verify_signature(RFC_KEY, signature, signature_base(covered, {**RFC_REQUEST, "@method": "PUT"}))


def test_spaces_and_several_signatures_are_read() -> None:
    field = 'proxy=("@method");created=1;keyid="a\\"b" ,  graphsvc=(  "@path"   "date" );nonce="n"; created=-5'
    found = read_signature_input(field)
    assert found["proxy"] == Covered(("@method",), {"created": 1, "keyid": 'a"b'})
    assert found["graphsvc"].text == '("@path" "date");nonce="n";created=-5'
    assert read_signatures("a=:AA==: , b=:AQ==:") == {"a": b"\0", "b": b"\1"}


@pytest.mark.parametrize(
    "field",
    [
        "",
        "a",
        "a=",
        'a="x"',
        'a=("@method"',
        'a=("@method""date")',
        'a=("@method" "@method")',
        'a=("date";sf)',
        'a=("@signature-params")',
        'a=("Date")',
        'a=("d\\xte")',
        'a=("date");created=1.5',
        'a=("date");created=?1',
        'a=("date");created=tok',
        'a=("date");created',
        'a=("date");created=1;created=2',
        'a=("date");created=1,',
        'a=("date") b=("date")',
        "a=(date)",
        'A=("date")',
    ],
)
def test_what_is_no_signature_input_is_refused(field: str) -> None:
    with pytest.raises(VerifyError, match="bad_http_signature"):
        read_signature_input(field)


@pytest.mark.parametrize(
    "base",
    [
        "",
        '"@method": POST',
        '"@method": POST\n"@signature-params": ("@path")',
        '"@method": POST\n"@method": POST\n"@signature-params": ("@method" "@method")',
        '"@method": POST\n"@signature-params": ( "@method")',
        '"@method": POST \n"@signature-params": ("@method")',
        '\'@method\': POST\n"@signature-params": ("@method")',
        '"@method": POST\n"@signature-params": ("@method")\n',
        '"@method": P\u00f6ST\n"@signature-params": ("@method")',
    ],
)
def test_a_base_that_nobody_would_make_is_refused(base: str) -> None:
    """Else one signature could be kept in two spellings, and count twice."""
    with pytest.raises(VerifyError):
        read_base(base)


# The API


def signer() -> ReadSigner:
    return ReadSigner("pasar", ORIGIN, SigningKey(Ed25519PrivateKey.generate()))


def ask(
    world: World, body: bytes = QUESTION, change: Callable[[dict[str, str]], object] = lambda _: None
) -> httpx2.Response:
    """A question signed as the client does, with its headers changed on the way."""
    headers, _ = signer().sign(body, world.token, {"graphsvc-purpose": "investigation"})
    headers |= {"graphsvc-purpose": "investigation", "accept": "application/graphql-response+json"}
    change(headers)
    return world.request("POST", "/graphql", content=body, headers={**headers, "content-type": "application/json"})


def test_a_signed_question_comes_in_whole(tmp_path: Path) -> None:
    world = World(tmp_path)
    assert ask(world).status_code == 200
    (signed,) = world.asking.signed
    assert isinstance(signed, SignedRead)
    assert (signed.org, signed.log, signed.stated) == ("pasar", ORIGIN, {"purpose": "investigation"})
    # Not a mutation: an act is signed by itself. And who does not sign is not asked to.
    assert world.graphql('{ entity(handle: "h1") { handle } }').status_code == 200
    assert world.asking.signed[1:] == [None]


def less(name: str) -> Callable[[dict[str, str]], object]:
    def change(headers: dict[str, str]) -> None:
        headers["signature-input"] = headers["signature-input"].replace(f'"{name}"', "").replace("  ", " ")

    return change


def put(name: str, text: str, by: str) -> Callable[[dict[str, str]], object]:
    return lambda headers: headers.update({name: headers[name].replace(text, by)})


CHANGES: dict[str, tuple[Callable[[dict[str, str]], object], str]] = {
    **{f"without {name}": (less(name), "bad_http_signature") for name in REQUIRED},
    "no signature": (lambda h: h.pop("signature"), "bad_http_signature"),
    "no input": (lambda h: h.pop("signature-input"), "bad_http_signature"),
    "another label": (put("signature", "graphsvc=", "other="), "bad_http_signature"),
    "another tag": (put("signature-input", 'tag="graphsvc-read"', 'tag="x"'), "bad_http_signature"),
    "another algorithm": (put("signature-input", "ed25519", "rsa-pss-sha512"), "bad_http_signature"),
    "no organisation": (put("signature-input", "pasar/", ""), "bad_http_signature"),
    "the token itself": (put("signature-input", '"@path"', '"@path" "authorization"'), "bad_http_signature"),
    "a field that is not there": (put("signature-input", '"@path"', '"@path" "date"'), "bad_http_signature"),
    "digest of another body": (lambda h: h.update({"content-digest": f"sha-256=:{'A' * 43}=:"}), "altered_body"),
    "no sha-256": (put("content-digest", "sha-256", "sha-512"), "bad_http_signature"),
    "digest of another token": (lambda h: h.update({"graphsvc-token-digest": f"sha-256=:{'A' * 43}=:"}), "wrong_token"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_signature_that_covers_too_little_or_too_much_is_refused(tmp_path: Path, name: str) -> None:
    world = World(tmp_path)
    change, code = CHANGES[name]
    response = ask(world, change=change)
    assert response.status_code == 400
    assert response.json()["errors"][0]["extensions"]["code"] == code
    assert not world.asking.questions, "nothing was looked up"


@pytest.mark.parametrize("salt", ["", "short", 5, None])
def test_a_signed_question_without_salt_is_refused(tmp_path: Path, salt: object) -> None:
    world = World(tmp_path)
    body = json.dumps({"query": '{ entity(handle: "h1") { handle } }', "extensions": {"salt": salt}}).encode()
    assert ask(world, body).json()["errors"][0]["extensions"] == {"code": "no_salt", "where": "/extensions/salt"}
