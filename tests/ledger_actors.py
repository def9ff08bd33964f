"""Members of a log under test: they hold root, signing and HPKE keys of their own, as real ones would."""

from __future__ import annotations

import itertools
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from graphsvc.client.keys import SigningKey
from graphsvc.client.signing import ReadSigner
from graphsvc.ledger.batch import Batch
from graphsvc.ledger.entry import Disclosure, EntryDraft, OwnerPart
from graphsvc.ledger.log import Ledger
from graphsvc.ledger.receipts import Appended
from graphsvc.model.accelerator import AUTO
from graphsvc.model.principals import Organisation
from graphsvc_verify.canonical import b64u, digest, encode
from graphsvc_verify.deeds import SUBMISSION, Deed, read_deed
from graphsvc_verify.hpkekeys import generate_private, public_of
from graphsvc_verify.jws import kid_of, read_act, signing_input
from graphsvc_verify.keyevents import ENROL, REVOKE, possession_message
from graphsvc_verify.meaning import mean, read_facts
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


def last_key_event(ledger: Ledger, org: str) -> int | None:
    """What an organisation's next key event must name as ``prev``."""
    return ledger._registry.events.get(org)


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
        opening = Opening(PERSON, bytes(16)) if use == "sig" else None
        person = "" if opening is None else opening.hash
        message = possession_message(ledger.origin, self.org, raw, person)
        event = {
            "v": 1,
            "use": use,
            "publicKey": b64u(raw),
            "person": person,
            "roles": list(ROLES),
            "via": "cli",
            "possession": b64u(self.key.sign(message)) if use == "sig" else None,
            "prev": last_key_event(ledger, self.org),
            **changes,
        }
        return with_opening(sign(root or self.root, ENROL, self.payload(ledger, event, kid_of(raw))), opening)

    def revocation(self, ledger: Ledger) -> str:
        event = {"v": 1, "kid": self.kid, "reason": "left", "prev": last_key_event(ledger, self.org)}
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

    def act(self, ledger: Ledger, kind: str = "remind-request", body: dict[str, Any] | None = None, **more: Any) -> str:
        """A decision of this member's; ``more`` are members of its payload."""
        body = {} if body is None else body
        payload = {
            "v": 1,
            "aud": ledger.origin,
            "iss": self.org,
            "sub": "r000000000000000000000",
            "jti": f"act-{next(_count)}",
            "iat": moment(),
            "exp": moment(60),
            "object": digest(encode(body)),
            "after": ledger.head - 1,
            "body": body,
            **more,
        }
        return sign(self.key, f"graphsvc-{kind}+jws", payload)

    def manifest(self, ledger: Ledger, **changes: Any) -> str:
        """The manifest of a submission of nothing much."""
        payload = {
            "v": 1,
            "aud": ledger.origin,
            "iss": self.org,
            "jti": f"manifest-{next(_count)}",
            "iat": moment(),
            "exp": moment(60),
            "mediaType": "application/x-ndjson",
            "mapping": None,
            "bytes": 12,
            "digest": digest(b"body"),
            "rows": 1,
            "rowsRoot": digest(b"rows"),
            "answers": None,
            "defaults": {},
            **changes,
        }
        return sign(self.key, SUBMISSION, payload)


PERSON, ROLES = "officer-1", ("officer", "investigator", "submitter")


def deed_of(compact: str) -> Deed:
    return read_deed(read_act(compact), compact, PERSON, ROLES)


def carrying(compact: str, *told: str, **more: Any) -> EntryDraft:
    """The entry that an act makes, told to its signer and to ``told``; ``more`` goes into the header's body."""
    deed = deed_of(compact)
    meaning = mean(deed)
    purpose, basis, case = meaning.footing
    return EntryDraft(
        type=meaning.type,
        who={"org": deed.org, "person": PERSON},
        purpose=purpose,
        basis=basis,
        case=case,
        requester=deed.org,
        owners=[OwnerPart(org, meaning.told(org, deed.org), []) for org in sorted({deed.org, *told})],
        acts=[compact],
        body={**meaning.body, **more},
    )


def enter(ledger: Ledger, draft: EntryDraft) -> Appended:
    """Enter what the operator's own code enters, with the database and the log's key: whatever it likes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Batch, "_hold", lambda *_: None)
        return ledger.append(draft).result()


FOOTING = {"graphsvc-purpose": "investigation", "graphsvc-legal-basis": "mlat", "graphsvc-case": "K-1"}
QUESTION = b"{entity}"


def read_of(
    reader: str, owners: dict[str, int], at: int, data: bytes = b'{"entity":null}', acts: list[str] | None = None
) -> EntryDraft:
    """A read by ``reader`` that shows some records of each owner."""
    who = {"org": reader, "person": PERSON}
    stated = {"purpose": "investigation", "basis": "mlat", "case": "K-1", "policy": "sha256:00"}
    facts = read_facts({"who": who, **stated})
    return EntryDraft(
        type="read",
        who=who,
        **stated,
        at=at,
        query=QUESTION,
        answer=data,
        requester=reader,
        owners=[OwnerPart(owner, facts, shown(owner, count)) for owner, count in owners.items()],
        acts=acts or [],
        read=True,
    )


def for_export(draft: EntryDraft) -> EntryDraft:
    """A read whose answer goes into a file: header and sections say so."""
    draft.body = {"export": True}
    for part in draft.owners:
        part.facts["export"] = True
    return draft


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


def opened(directory: Path, database: str = "", fast: str = AUTO) -> tuple[Ledger, list[Member]]:
    """A log with three members; ``database`` and ``fast`` as for :meth:`Ledger.open`."""
    ledger = Ledger.open(directory, ORIGIN, database=database, fast=fast)
    return ledger, [Member(org).join(ledger) for org in ("pasar", "swiftline", "police-ke")]
