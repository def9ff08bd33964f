"""Members of a log under test: they hold root, signing and HPKE keys of their own, as real ones would."""

from __future__ import annotations

import itertools
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from graphsvc.client.keys import SigningKey
from graphsvc.client.signing import ReadSigner
from graphsvc.ledger.entry import Disclosure, EntryDraft, OwnerPart
from graphsvc.ledger.log import Ledger
from graphsvc.model.principals import Organisation
from graphsvc_verify.canonical import b64u, digest, encode
from graphsvc_verify.hpkekeys import generate_private, public_of
from graphsvc_verify.jws import kid_of, signing_input
from graphsvc_verify.keyevents import ENROL, REVOKE, possession_message
from graphsvc_verify.persons import Opening, with_opening
from graphsvc_verify.signedread import SignedRead
from graphsvc_verify.trust import Trust, parse_trust

ORIGIN = "log.example/test"
_count = itertools.count()


def sign(key: Ed25519PrivateKey, typ: str, payload: dict[str, Any], **header: Any) -> str:
    """A compact JWS over ``payload``; header members can be replaced."""
    fields = {"alg": "Ed25519", "kid": kid_of(key.public_key().public_bytes_raw()), "typ": typ, **header}
    text = signing_input(encode(fields), encode(payload))
    return f"{text.decode()}.{b64u(key.sign(text))}"


def moment(minutes: int = 0) -> str:
    return (datetime.now(UTC) + timedelta(minutes=minutes)).isoformat(timespec="seconds").replace("+00:00", "Z")


class Member:
    """One organisation of a test."""

    def __init__(self, org: str) -> None:
        self.org = org
        self.root = Ed25519PrivateKey.generate()
        self.key = Ed25519PrivateKey.generate()
        self.hpke = generate_private()

    @property
    def kid(self) -> str:
        return kid_of(self.key.public_key().public_bytes_raw())

    def join(self, ledger: Ledger) -> Member:
        """Be admitted and enrol a signing key and an HPKE key."""
        organisation = Organisation(self.org, "company", "ID", self.org.title(), "desk@example.org")
        ledger.admit(organisation, self.root.public_key().public_bytes_raw(), "operator")
        ledger.enrol(self.enrolment(ledger))
        ledger.enrol(self.enrolment(ledger, use="hpke"))
        return self

    def enrolment(self, ledger: Ledger, use: str = "sig", root: Ed25519PrivateKey | None = None, **changes: Any) -> str:
        raw = self.key.public_key().public_bytes_raw() if use == "sig" else public_of(self.hpke)
        opening = Opening("officer-1", bytes(16)) if use == "sig" else None
        person = "" if opening is None else opening.hash
        message = possession_message(ledger.origin, self.org, raw, person)
        event = {
            "v": 1,
            "use": use,
            "publicKey": b64u(raw),
            "person": person,
            "roles": ["submitter"],
            "via": "cli",
            "possession": b64u(self.key.sign(message)) if use == "sig" else None,
            "prev": ledger.last_key_event(self.org),
            **changes,
        }
        return with_opening(sign(root or self.root, ENROL, self.payload(ledger, event, kid_of(raw))), opening)

    def revocation(self, ledger: Ledger) -> str:
        event = {"v": 1, "kid": self.kid, "reason": "left", "prev": ledger.last_key_event(self.org)}
        return sign(self.root, REVOKE, self.payload(ledger, event, self.kid))

    def payload(self, ledger: Ledger, event: dict[str, Any], sub: str) -> dict[str, Any]:
        return {
            "v": 1,
            "aud": ledger.origin,
            "iss": self.org,
            "sub": sub,
            "jti": f"event-{next(_count)}",
            "iat": moment(),
            "exp": moment(60),
            "object": digest(encode(event)),
            "after": ledger.head - 1,
            "event": event,
        }

    def signed_read(self, ledger: Ledger, body: bytes = b"", origin: str = "", **stated: str) -> SignedRead:
        """The signature of a question as this organisation's client makes it; on the footing of :func:`read_of`."""
        signer = ReadSigner(self.org, origin or ledger.origin, SigningKey(self.key))
        return signer.sign(body or QUESTION, "token", {**FOOTING, **stated})[1]

    def act(self, ledger: Ledger, **changes: Any) -> str:
        payload = {
            "v": 1,
            "aud": ledger.origin,
            "iss": self.org,
            "sub": "case",
            "jti": f"act-{next(_count)}",
            "iat": moment(),
            "exp": moment(60),
            "object": digest(b"x"),
            "after": ledger.head - 1,
            **changes,
        }
        return sign(self.key, "graphsvc-request+jws", payload)


FOOTING = {"graphsvc-purpose": "investigation", "graphsvc-legal-basis": "mlat", "graphsvc-case": "K-1"}
QUESTION = b"{entity}"


def read_of(
    reader: str, owners: dict[str, int], at: int, data: bytes = b'{"entity":null}', acts: list[str] | None = None
) -> EntryDraft:
    """A read by ``reader`` that shows some records of each owner."""
    facts = {"reader": reader, "purpose": "investigation", "basis": "mlat", "case": "K-1"}
    return EntryDraft(
        type="read",
        who={"org": reader, "person": "officer-1"},
        purpose="investigation",
        basis="mlat",
        case="K-1",
        policy="sha256:00",
        at=at,
        query=QUESTION,
        answer=data,
        requester=reader,
        owners=[OwnerPart(owner, facts, shown(owner, count)) for owner, count in owners.items()],
        acts=acts or [],
        read=True,
    )


def shown(owner: str, count: int) -> list[Disclosure]:
    return [
        Disclosure(7 + i % 2, i, handle(owner, i), ("identity",) if i % 3 else ("content", "identity"))
        for i in range(count)
    ]


def handle(owner: str, i: int) -> str:
    return f"h-{owner}-{i}"


def trust_of(ledger: Ledger, members: list[Member], **more: Any) -> Trust:
    return parse_trust(trust_value(ledger, members, **more))


def trust_value(ledger: Ledger, members: list[Member], **more: Any) -> dict[str, Any]:
    roots = {member.org: b64u(member.root.public_key().public_bytes_raw()) for member in members}
    return {"v": 1, "origin": ledger.origin, "log": ledger.log_vkey, "organisations": roots, "checkpoint": None, **more}


def over_wire(value: Any) -> Any:
    """``value`` as it is after it went through JSON."""
    return json.loads(json.dumps(value))


def opened(directory: Path, database: str = "") -> tuple[Ledger, list[Member]]:
    """A log with three members; ``database`` as for :meth:`Ledger.open`."""
    ledger = Ledger.open(directory, ORIGIN, database=database)
    return ledger, [Member(org).join(ledger) for org in ("pasar", "swiftline", "police-ke")]
