"""An operator with the database and the log's key can say what it likes; not in an organisation's name.

What it makes is either refused, or told as asserted by the operator. And what everyone can read of the log says
nothing of who asked what.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from attack_world import OWNER, READER, World, data_of
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from ledger_actors import Member, carrying, enter, moment, opened, over_wire, read_of, sign

from graphsvc.ledger import enrolment, sealing
from graphsvc.ledger.log import Ledger
from graphsvc.model.accelerator import OFF
from graphsvc_verify.canonical import b64u, decode, digest, encode, unb64u
from graphsvc_verify.entry import parse_leaf
from graphsvc_verify.errors import VerifyError
from graphsvc_verify.evidence import check_evidence, open_evidence
from graphsvc_verify.jws import read_act, signing_input
from graphsvc_verify.keychain import OPERATOR, SIGNED

KINDS = ("remind-request", "withdraw-request", "accept-invitation")
TYPE = "graphsvc-remind-request+jws"


def payload(world: World, **changes: Any) -> dict[str, Any]:
    """What an organisation would sign."""
    return {
        "v": 1,
        "aud": world.ledger.origin,
        "iss": OWNER,
        "sub": "x",
        "jti": f"forged-{world.ledger.head}",
        "iat": moment(),
        "exp": moment(60),
        "object": digest(b"{}"),
        "after": world.ledger.head - 1,
        "body": {},
        **changes,
    }


def entered(world: World, act: str) -> dict[str, Any]:
    """The owner's evidence once the operator's own code has written ``act`` into an entry, unchecked."""
    index = enter(world.ledger, carrying(act, OWNER)).index
    return open_evidence(over_wire(world.ledger.evidence(OWNER, [index], world.old)), world.owner.hpke)


def told(world: World, evidence: dict[str, Any]) -> str:
    """The code of refusal, why the act counts for nothing, or the assurance that the verifier gives the entry."""
    try:
        entry = check_evidence(evidence, world.trust()).entries[-1]
        return entry.void[0]["code"] if entry.void else entry.assurance
    except VerifyError as error:
        return error.code


@pytest.mark.parametrize("kind", KINDS)
def test_an_operator_makes_no_act_of_an_organisation(world: World, kind: str) -> None:
    own, kid, typ = world.ledger._state.signer._key, world.owner.kid, f"graphsvc-{kind}+jws"
    assert told(world, entered(world, sign(world.owner.key, typ, payload(world)))) == SIGNED, "the organisation does"
    # Under the log's key, named as the organisation's; under its own name; under an intruder's.
    assert told(world, entered(world, sign(own, typ, payload(world), kid=kid))) == "bad_signature"
    assert told(world, entered(world, sign(own, typ, payload(world)))) == "unknown_key"
    # Enrolled by the operator: the root that verifiers pin did not sign that.
    intruder = Member(OWNER)
    enrol_without_root(world, intruder)
    assert told(world, entered(world, sign(intruder.key, typ, payload(world)))) == "bad_enrolment"


def enrol_without_root(world: World, intruder: Member) -> None:
    """The operator puts a root of its own into its database and enrols a key under it."""
    root = Ed25519PrivateKey.generate()
    registry = world.ledger._registry
    roots = {**registry.roots, OWNER: root.public_key().public_bytes_raw()}
    changed = type(registry)(registry.organisations, registry.keys, roots, registry.events)
    act = intruder.enrolment(world.ledger, root=root)
    world.ledger._wait(enrolment.prepare_key_event(act, changed, world.ledger.origin, world.ledger._clock()))


def test_who_pins_no_root_is_told_that_the_operator_says_so(world: World) -> None:
    evidence = entered(world, sign(world.owner.key, TYPE, payload(world)))
    trust = world.trust(organisations={READER: b64u(world.reader.root.public_key().public_bytes_raw())})
    assert check_evidence(evidence, trust).entries[-1].assurance == OPERATOR


def test_a_read_without_an_act_is_the_operators_word(world: World) -> None:
    index = world.ledger.append(read_of(READER, {OWNER: 1}, world.ledger.head - 1, data_of(OWNER, 1))).result().index
    evidence = open_evidence(over_wire(world.ledger.evidence(OWNER, [index], world.old)), world.owner.hpke)
    assert told(world, evidence) == OPERATOR


def test_an_act_that_says_something_else_than_was_signed_shows(world: World) -> None:
    act = sign(world.owner.key, TYPE, payload(world))
    head, body, signature = act.split(".")
    other = b64u(encode({**decode(unb64u(body)), "jti": "other"}))
    assert told(world, entered(world, f"{head}.{other}.{signature}")) == "bad_signature"


ACTS: dict[str, tuple[Callable[[World], str], str]] = {
    "other log": (lambda w: sign(w.owner.key, TYPE, payload(w, aud="other.example/log")), "bad_jws"),
    "not yet made": (lambda w: sign(w.owner.key, TYPE, payload(w, iat=moment(60))), "out_of_time"),
    "expired": (lambda w: sign(w.owner.key, TYPE, payload(w, exp=moment(-60))), "out_of_time"),
    "time of another form": (lambda w: sign(w.owner.key, TYPE, payload(w, iat="yesterday")), "bad_time"),
    "after what is to come": (lambda w: sign(w.owner.key, TYPE, payload(w, after=10_000)), "bad_jws"),
    "another's kid": (lambda w: sign(w.owner.key, TYPE, payload(w), kid=w.reader.kid), "unknown_key"),
    "another's name": (lambda w: sign(w.owner.key, TYPE, payload(w, iss=READER)), "unknown_key"),
    "the root's key": (lambda w: sign(w.owner.root, TYPE, payload(w)), "unknown_key"),
    "signature of zeros": (
        lambda w: cut(sign(w.owner.key, TYPE, payload(w))) + b64u(bytes(64)),
        "bad_signature",
    ),
    "no signature": (lambda w: cut(sign(w.owner.key, TYPE, payload(w))), "bad_signature"),
}


def cut(act: str) -> str:
    return act[: act.rindex(".") + 1]


@pytest.mark.parametrize("name", ACTS)
def test_an_act_that_does_not_count_shows(world: World, name: str) -> None:
    make, code = ACTS[name]
    assert told(world, entered(world, make(world))) == code


@pytest.mark.parametrize(
    "header",
    [
        {"alg": "none"},
        {"alg": "HS256"},
        {"alg": "ES256"},
        {"alg": "ed25519"},
        {"crit": ["b64"], "b64": False},
        {"crit": ["exp"]},
        {"b64": True},
        {"alg": ["Ed25519"]},
        {"kid": None},
    ],
)
def test_algorithms_and_extensions_are_not_confused(world: World, header: dict[str, Any]) -> None:
    """Refused by the verifier wherever it meets them; the ledger itself does not take them in either."""
    fields = {"alg": "Ed25519", "kid": world.owner.kid, "typ": TYPE, **header}
    text = signing_input(encode(fields), encode(payload(world)))
    act = f"{text.decode()}.{b64u(world.owner.key.sign(text))}"
    with pytest.raises(VerifyError) as caught:
        read_act(act)
    assert caught.value.code == "bad_jws"
    evidence = entered(world, sign(world.owner.key, TYPE, payload(world)))
    events = evidence["keyEvents"]
    events[0] = {**events[0], "act": act}
    assert told(world, evidence) in {"key_chain", "bad_jws"}


def test_a_member_of_a_header_that_is_there_twice_is_refused() -> None:
    head = b64u(b'{"alg":"none","alg":"Ed25519","kid":"k","typ":"t"}')
    with pytest.raises(VerifyError):
        read_act(f"{head}.{b64u(b'{}')}.{b64u(bytes(64))}")


# What everyone can read


def public_parts(directory: Path, case: str, reader: int, count: int) -> list[dict[str, Any]]:
    """A small log in which one member asked something; its entries as everyone reads them."""
    ledger, members = opened(directory, fast=OFF)
    try:
        who = members[reader].org
        draft = read_of(who, {OWNER: count}, ledger.head - 1, data_of(OWNER, count))
        draft.case, draft.purpose, draft.query = case, case[::-1], case.encode() * 9
        ledger.append(draft).result()
        return [json.loads(leaf) for _, _, leaf in ledger.entries(0, ledger.head)]
    finally:
        ledger.close()


def shape(value: Any, name: str = "") -> Any:
    """A value with all that is random put aside: digests and sealed bytes by their length, times and nonces too."""
    if isinstance(value, dict):
        return {key: shape(one, key) for key, one in value.items()}
    if isinstance(value, list):
        return sorted((shape(one, name) for one in value), key=str)
    if isinstance(value, str) and name in {"box", "tag", "line", "nonce", "acts", "object", "t"}:
        return (name, len(value))
    return value


@pytest.fixture
def alike(monkeypatch: pytest.MonkeyPatch) -> None:
    """The size of a dummy section is drawn from those of the real ones; here it is always the first."""
    monkeypatch.setattr(sealing, "_drawn", lambda sizes, _choice: sizes[0])


@pytest.mark.usefixtures("alike")
def test_the_public_part_tells_nothing_of_who_asked_what(tmp_path: Path) -> None:
    first = public_parts(tmp_path / "a", "first-case-of-all", 2, 2)
    second = public_parts(tmp_path / "b", "other-case-of-all", 1, 3)
    third = public_parts(tmp_path / "c", "third-case-of-all", 0, 1)
    assert shape(first) == shape(second) == shape(third)
    assert any(entry["type"] == "read" for entry in first)
    text = json.dumps([first, second, third])
    for word in ("case-of-all", "police-ke", "swiftline", "investigation", "officer-1"):
        assert word not in text
    # Where they differ there are digests and sealed bytes, and they share none.
    sealed = [
        {box["box"] for entry in log for box in [entry["header"], *entry["sections"]] if "box" in box}
        for log in (first, second, third)
    ]
    assert not sealed[0] & sealed[1] and not sealed[1] & sealed[2]


@pytest.mark.usefixtures("alike")
def test_signed_and_unsigned_reads_look_alike(tmp_path: Path) -> None:
    ledger, members = opened(tmp_path / "log", fast=OFF)
    try:
        for signature in (None, members[2].signed_read(ledger)):
            draft = read_of(READER, {OWNER: 2}, ledger.head - 1, data_of(OWNER, 2))
            draft.signed = signature
            ledger.append(draft).result()
        plain, signed = (json.loads(ledger.entry(index)) for index in (ledger.head - 2, ledger.head - 1))
        assert shape(plain) == shape(signed)
        assert parse_leaf(ledger.entry(ledger.head - 1)).acts
    finally:
        ledger.close()


def test_what_a_stranger_holds_opens_nothing(still: World) -> None:
    """Neither the log's key nor another member's receiving key opens a section; nor does the index of who saw what."""
    evidence = over_wire(still.ledger.evidence(OWNER))
    for private in (still.other.hpke, still.reader.hpke):
        assert not any(item["opened"] for item in open_evidence({**evidence, "owner": OWNER}, private)["entries"])
    assert isinstance(still.ledger, Ledger)
