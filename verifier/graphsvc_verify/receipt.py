"""Receipts: what a requester checks when an answer comes in.

A receipt is ``{index, leaf, checkpoint, proof, openings: {headerKey, owners: [{owner, leaves: [[c, handle,
[group]]]}]}, objects?}``. It proves that an entry is in the log, that the entry commits to these very bytes of
``data``, and that each owner will be told of each record shown, by whom it was asked for and on what footing.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from graphsvc_verify.answers import check_answer
from graphsvc_verify.canonical import b64u, unb64u
from graphsvc_verify.cosignature import Cosignature, read_cosignatures
from graphsvc_verify.disclosures import HIT, disclosures_root
from graphsvc_verify.entry import Leaf, open_header, parse_leaf, sections_of
from graphsvc_verify.errors import VerifyError
from graphsvc_verify.lines import READ, check_lines
from graphsvc_verify.note import Checkpoint
from graphsvc_verify.proof import verify_proof
from graphsvc_verify.telling import check_late, later_of
from graphsvc_verify.trust import Trust

LIMITS = (
    "Not detectable from a receipt: which records were hit where an owner is told of hits, and requester and operator "
    "colluding.",
    "The time is asserted by the operator.",
)
TOLD_LATER = (
    "Whether a policy in force has owners told late or never, and whether they then are told, no receipt can tell."
)
UNWITNESSED = "Fewer witnesses than needed have signed this receipt's checkpoint yet; take evidence, which needs them."


@dataclass(frozen=True, slots=True)
class ReceiptReport:
    """What a checked receipt proves. ``records`` counts the records found in the answer (None: no answer given).

    ``hits`` are the owners that are told of hits; ``later`` those of them that are told late, with the {rule, law, due}
    that the entry gives for it (``due`` None: never); ``witnesses`` the pinned ones that cosigned its checkpoint.
    """

    index: int
    leaf: Leaf
    header: Mapping[str, Any]
    checkpoint: Checkpoint
    disclosed: Mapping[str, Mapping[str, frozenset[str]]]
    records: int | None
    witnesses: tuple[Cosignature, ...] = ()
    limits: tuple[str, ...] = field(default=LIMITS)
    hits: frozenset[str] = frozenset()
    later: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def check_receipt(receipt: Any, trust: Trust, data: bytes | None = None) -> ReceiptReport:
    """Check a receipt and, if given, the bytes of the answer's ``data`` exactly as they were sent.

    Raises VerifyError that says what does not hold.
    """
    try:
        return _check(receipt, trust, data)
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise VerifyError("bad_receipt", f"a receipt is malformed: {type(error).__name__}") from None


def _check(receipt: Any, trust: Trust, data: bytes | None) -> ReceiptReport:
    if not isinstance(receipt, dict) or not {"index", "leaf", "checkpoint", "proof", "openings"} <= set(receipt):
        raise VerifyError("bad_receipt", "not a receipt")
    raw = unb64u(str(receipt["leaf"]))
    index, checkpoint = verify_proof(str(receipt["proof"]), raw, trust.log)
    if index != receipt["index"] or checkpoint.note != receipt["checkpoint"]:
        raise VerifyError("bad_receipt", "index or checkpoint are not those of the proof")
    same_tree(checkpoint, trust)
    leaf = parse_leaf(raw)
    openings = receipt["openings"]
    objects = read_objects(receipt.get("objects", {}))
    key = unb64u(str(openings["headerKey"]), 32)
    header = open_header(leaf, key, objects)
    check_lines(header, key, sections_of(leaf, objects), leaf.type)
    disclosed, hits = _check_owners(header["owners"], openings["owners"])
    later = _check_later(header, openings.get("later", []), leaf) if leaf.type == READ else {}
    hits |= later.keys()
    records = None
    if data is not None:
        if leaf.type != READ:
            raise VerifyError("wrong_entry", "an answer's receipt is of an entry that is no read")
        if answer_digest(data, unb64u(str(header["answerSalt"]), 32)) != header["answer"]:
            raise VerifyError("altered_answer", "the answer's bytes are not those that the entry commits to")
        records = check_answer(data, disclosed, hits)
    witnesses = read_cosignatures(checkpoint.note, trust.witnesses)
    limits = LIMITS if len(witnesses) >= trust.needed else (UNWITNESSED, *LIMITS)
    limits = (*limits, TOLD_LATER) if later else limits
    return ReceiptReport(index, leaf, header, checkpoint, disclosed, records, witnesses, limits, hits, later)


def attention_of(report: ReceiptReport) -> str:
    """What whoever relies on an answer must know first: that it names no record. Empty where it names one.

    A question that leaves out ``owner`` and ``handle``, or renames them, gives an answer that proves what was said, and
    of nobody's record.
    """
    if report.records != 0 or (report.hits and not any(report.disclosed.values())):
        return ""
    if count := sum(map(len, report.disclosed.values())):
        return f"the answer names none of the {count} records that the entry discloses: it can't be tied to any of them"
    return "the answer names no record, and the entry discloses none"


def answer_digest(data: bytes, salt: bytes) -> str:
    """base64url(SHA-256(salt ‖ data)), as the header holds it."""
    return b64u(hashlib.sha256(salt + data).digest())


def query_digest(query: bytes, salt: bytes) -> str:
    """base64url(HMAC-SHA-256(answer salt, "query" ‖ SHA-256(request bytes))), as the header holds it."""
    return sent_digest(hashlib.sha256(query).digest(), salt)


def sent_digest(body: bytes, salt: bytes) -> str:
    """The same from the SHA-256 of the request's bytes: what a signed request covers (RFC 9530)."""
    return b64u(hmac.digest(salt, b"query" + body, "sha256"))


def same_tree(checkpoint: Checkpoint, trust: Trust) -> None:
    """Compare with the pinned checkpoint where no proof is needed. Raises VerifyError ``fork``."""
    pinned = trust.checkpoint
    if pinned is not None and pinned.size == checkpoint.size and pinned.root != checkpoint.root:
        raise VerifyError("fork", "the log has signed two trees of one size")


def read_objects(value: Any) -> dict[str, bytes]:
    """Objects by digest from their base64url."""
    if not isinstance(value, dict):
        raise VerifyError("bad_object", "objects are a map of digests")
    return {str(name): unb64u(str(text)) for name, text in value.items()}


def _check_later(header: Mapping[str, Any], owners: Any, leaf: Leaf) -> dict[str, Mapping[str, Any]]:
    """The owners that are told of hits later, each with why and when. Raises VerifyError ``bad_late``."""
    listed = later_of(header)
    disclosed, hits = _check_owners([item for item, _ in listed], owners)
    if any(disclosed.values()) or hits != disclosed.keys():
        raise VerifyError("bad_late", "the entry tells an owner late of what is no hit")
    for _, late in listed:
        check_late(late, leaf.t)
    return {str(item["owner"]): late for item, late in listed}


def _check_owners(
    listed: Sequence[Mapping[str, Any]], owners: Any
) -> tuple[dict[str, dict[str, frozenset[str]]], frozenset[str]]:
    """What each owner is told was shown, and the owners that are told of hits."""
    committed = [(item["owner"], item["root"]) for item in listed]
    if not isinstance(owners, list) or [item.get("owner") for item in owners] != [owner for owner, _ in committed]:
        raise VerifyError("missing_owner", "the receipt opens other owners than the entry commits to")
    disclosed, hits = {}, set()
    for (owner, expected), item in zip(committed, owners, strict=True):
        leaves = [
            (unb64u(c, 32), str(handle), [str(group) for group in groups]) for c, handle, groups in item["leaves"]
        ]
        if b64u(disclosures_root(leaves)) != expected:
            raise VerifyError("wrong_root", "the disclosures do not lead to the owner's root")
        disclosed[str(owner)] = {handle: frozenset(groups) for _, handle, groups in leaves if groups != [HIT]}
        if any(groups == [HIT] for _, _, groups in leaves):
            hits.add(str(owner))
    return disclosed, frozenset(hits)
