"""Evidence packages: taken from the service, opened here, checked, and written as one zip for court."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphsvc.client.keys import HpkeKey
from graphsvc.client.service import Client
from graphsvc_verify.answers import answer_bytes
from graphsvc_verify.canonical import b64u, parse
from graphsvc_verify.errors import VerifyError
from graphsvc_verify.evidence import open_evidence
from graphsvc_verify.note import parse_checkpoint, split_note
from graphsvc_verify.package import pack_evidence
from graphsvc_verify.receipt import check_receipt
from graphsvc_verify.trust import Trust


def take_package(
    client: Client,
    trust: Trust,
    answers: Sequence[bytes] = (),
    indexes: Sequence[int] = (),
    keys: Sequence[HpkeKey] = (),
) -> bytes:
    """The zip about ``answers`` (responses exactly as they came) and the entries at ``indexes``.

    With neither, it is about every entry that concerns the caller's organisation. Its sections are opened with its
    receiving ``keys`` (older ones too, where they were rotated); the entry of each answer with the key in its receipt.
    Raises Refused, Unreachable, and VerifyError when an answer, or what the service gives, does not hold.
    """
    # 1. Each answer must hold by itself; a receipt opens the header of its entry.
    receipts = [_receipt(raw, trust) for raw in answers]
    wanted = sorted({*indexes, *(receipt["index"] for receipt in receipts)})
    # 2. Entries, proofs, key history and acts, to one checkpoint (the service).
    evidence = client.evidence(wanted or None)
    # 3. Open here what the caller may see; no key leaves this machine.
    for key in keys:
        evidence = open_evidence(evidence, key.private)
    headers = {receipt["index"]: receipt["openings"]["headerKey"] for receipt in receipts}
    evidence["entries"] = [_with_header(item, headers.get(item["index"])) for item in evidence["entries"]]
    # 4. Proofs that the tree of this checkpoint extends those of the receipts.
    new = _size(str(evidence["checkpoint"]))
    sizes = sorted({_size(str(receipt["checkpoint"])) for receipt in receipts} - {new})
    if sizes and sizes[-1] > new:
        raise VerifyError("truncated", "the service proves to a smaller tree than an answer's receipt does")
    growth = [client.growth(old, new) for old in sizes]
    # 5. Packing checks it all as any verifier would.
    return pack_evidence(evidence, answers, growth, trust)


def _receipt(raw: bytes, trust: Trust) -> dict[str, Any]:
    data = answer_bytes(raw)
    receipt: dict[str, Any] = (parse(raw).get("extensions") or {}).get("receipt") or {}
    check_receipt(receipt, trust, data)
    return receipt


def _with_header(item: dict[str, Any], key: str | None) -> dict[str, Any]:
    if key is None or any(part["role"] in ("header", "requester") for part in item["opened"]):
        return item
    return {**item, "opened": [{"role": "header", "tag": b64u(b""), "key": key}, *item["opened"]]}


def _size(note: str) -> int:
    return parse_checkpoint(split_note(note)[0], note).size
