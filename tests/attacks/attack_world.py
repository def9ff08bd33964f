"""A real log with members, reads and kept answers; and the verifier as a court has it, with an old checkpoint."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from ledger_actors import Member, for_export, handle, opened, over_wire, read_of, shown, trust_of

from graphsvc.ledger.log import Ledger
from graphsvc_verify.canonical import b64u
from graphsvc_verify.cosignature import WitnessKey, cosignature_line, cosigned_message
from graphsvc_verify.errors import VerifyError
from graphsvc_verify.evidence import check_evidence, open_evidence
from graphsvc_verify.note import parse_checkpoint, split_note
from graphsvc_verify.package import check_package, pack_evidence
from graphsvc_verify.signedread import SignedRead
from graphsvc_verify.trust import Trust

READER, OWNER = "police-ke", "pasar"


class Witness:
    """A witness that signs whatever it is given: what it signs is the test's business."""

    def __init__(self, name: str, key: Ed25519PrivateKey | None = None) -> None:
        self.private = key or Ed25519PrivateKey.generate()
        self.key = WitnessKey(name, self.private.public_key().public_bytes_raw())

    def cosign(self, note: str, at: float | None = None) -> str:
        moment = int(time.time() if at is None else at)
        signature = self.private.sign(cosigned_message(moment, split_note(note)[0]))
        return note + cosignature_line(self.key, moment, signature)


def record(owner: str, i: int, groups: tuple[str, ...]) -> dict[str, Any]:
    attributes = [{"fieldGroup": group, "name": "n", "value": f"<b>value</b> {i}"} for group in groups]
    return {"handle": handle(owner, i), "owner": owner, "attributes": attributes}


def data_of(owner: str, count: int) -> bytes:
    """An answer that shows ``count`` records of ``owner``."""
    records = [record(owner, i, item.groups) for i, item in enumerate(shown(owner, count))]
    return json.dumps({"entity": {"kind": "phone", "records": records}}).encode()


class World:
    """The log and who deals with it; ``pinned`` is the checkpoint that the verifier saw when half was there."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.ledger, self.members = opened(directory)
        self.owner, self.other, self.reader = self.members
        self.answers: list[bytes] = []
        self.indexes: list[int] = []
        self.ask(2)
        self.pinned = self.ledger.checkpoint()
        self.old = self.ledger.head
        self.ask(3, signed=self.reader.signed_read(self.ledger))

    def ask(self, count: int = 2, *, signed: SignedRead | None = None) -> bytes:
        """A read of ``count`` records by the police, for a file, signed or not; keeps the answer as it left."""
        data = data_of(OWNER, count)
        draft = for_export(read_of(READER, {OWNER: count}, self.ledger.head - 1, data))
        draft.signed = signed
        appended = self.ledger.append(draft).result()
        tail = json.dumps({"receipt": appended.receipt, "appliedIndex": 1}).encode()
        self.answers.append(b'{"data":' + data + b',"extensions":' + tail + b"}")
        self.indexes.append(appended.index)
        return self.answers[-1]

    def trust(self, **more: Any) -> Trust:
        return trust_of(self.ledger, self.members, **{"checkpoint": self.pinned, **more})

    def evidence(self, ledger: Ledger | None = None, head: tuple[int, str] | None = None) -> dict[str, Any]:
        """The owner's evidence, all of it, opened."""
        taken = over_wire((ledger or self.ledger).evidence(OWNER, None, self.old, head))
        return open_evidence(taken, self.owner.hpke)

    def case_file(self, answers: list[bytes] | None = None, note: str | None = None) -> tuple[Any, ...]:
        """What an investigator packs: evidence of its reads, opened by its receipts; answers; growth of the log."""
        answers = self.answers if answers is None else answers
        receipts = [json.loads(raw)["extensions"]["receipt"] for raw in answers]
        head = None if note is None else (self.ledger.head, note)
        evidence = over_wire(self.ledger.evidence(READER, [one["index"] for one in receipts], self.old, head))
        keys = {one["index"]: one["openings"]["headerKey"] for one in receipts}
        for item in evidence["entries"]:
            item["opened"] = [{"role": "header", "tag": "", "key": keys[item["index"]]}]
        size = size_of(evidence["checkpoint"])
        sizes = {size_of(one["checkpoint"]) for one in receipts} - {size}
        growth = [
            {"old": old, "proof": [b64u(step) for step in self.ledger.consistency(old, size)]} for old in sorted(sizes)
        ]
        return evidence, answers, growth

    def package(self, note: str | None = None, **trust: Any) -> bytes:
        return pack_evidence(*self.case_file(note=note), self.trust(**trust))

    def refused(self, evidence: dict[str, Any], **trust: Any) -> str:
        """The code with which the verifier refuses an evidence file."""
        with pytest.raises(VerifyError) as caught:
            check_evidence(over_wire(evidence), self.trust(**trust))
        return caught.value.code

    def refused_package(self, package: bytes, **trust: Any) -> str:
        """The code with which the verifier refuses a package."""
        with pytest.raises(VerifyError) as caught:
            check_package(package, self.trust(**trust))
        return caught.value.code

    def close(self) -> None:
        self.ledger.close()


def size_of(note: str) -> int:
    return parse_checkpoint(split_note(note)[0], note).size


def witnesses(*keys: WitnessKey, needed: int | None = None) -> dict[str, Any]:
    """The trust file's member."""
    return {"needed": len(keys) if needed is None else needed, "keys": [key.vkey for key in keys]}


__all__ = ["OWNER", "READER", "Member", "Witness", "World", "data_of", "size_of", "witnesses"]
