"""Evidence files: what an owner of records (or a court) checks offline, from pinned keys alone.

::

    {v, format: "graphsvc-evidence", origin, owner, selected, checkpoint, consistency: {old, proof},
     entries: [{index, leaf, proof, opened: [{role, tag, key}]}], epochs: [{index, leaf, proof}],
     keyEvents: [{index, leaf, proof, act, person?}], objects: {digest: base64url},
     timestamps: [{index, leaf, proof, grown: [hash]}]}

``opened`` gives section keys S (or the header's key, role ``header``, tag ``""``): each opens one sealed part and
proves what is in it. Role ``later``: a hit that the owner was told of late, by an entry ``told`` that is here too. Acts
are objects, by their digest in the leaf. ``timestamps`` are left out where there are none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

from graphsvc_verify.boxes import section_info, section_key, section_tag
from graphsvc_verify.canonical import b64u, unb64u
from graphsvc_verify.carried import CONTRADICTIONS, check_carried
from graphsvc_verify.corrections import check_corrections
from graphsvc_verify.cosignature import Cosignature
from graphsvc_verify.entry import Leaf, fetch, open_header, open_section, parse_leaf, sections_of
from graphsvc_verify.errors import VerifyError
from graphsvc_verify.hpkekeys import unwrap_day_key
from graphsvc_verify.keychain import (
    OPERATOR,
    Keychain,
    Place,
    ProvedEvent,
    check_event_said,
    check_key_head,
    read_keychain,
)
from graphsvc_verify.keyevents import TYPES
from graphsvc_verify.lines import READ, check_lines
from graphsvc_verify.meaning import Said
from graphsvc_verify.merkle import leaf_hash, verify_consistency, verify_inclusion
from graphsvc_verify.note import Checkpoint, verify_checkpoint
from graphsvc_verify.receipt import read_objects
from graphsvc_verify.sections import check_owner_section, records_of
from graphsvc_verify.signedread import TYP
from graphsvc_verify.stamps import TYPE, UNCHECKED, LoggedStamp, check_stamp, check_stamp_times
from graphsvc_verify.times import check_time_order, check_witness_times, said_of_times
from graphsvc_verify.told import check_told, opened_later, with_later
from graphsvc_verify.trust import Trust, check_witnessed

FORMAT = "graphsvc-evidence"
LIMITS = (
    "Not detectable: entries after the last one shown here, and requester and operator colluding.",
    "What an act decides is signed; facts that do not follow from it are told as asserted by the operator.",
)
SIGNED_READ = "A signed read proves what was asked, and on what footing; what was shown is proved by the answer itself."
NO_WITNESS = "No witness is pinned: two logs shown to two parties come out only when they compare checkpoints."


@dataclass(frozen=True, slots=True)
class EntryReport:
    """One entry: what its act proves (``asserted by the operator`` when it carries none that counts), what was opened.

    ``void`` are acts in it that count for nothing, as {act, code, message}; ``derived`` the names of the owner's facts
    that follow from the act. ``later`` is what the owner was told of late.
    """

    index: int
    type: str
    t: str
    acts: list[dict[str, Any]]
    owner: Mapping[str, Any] | None
    header: Mapping[str, Any] | None
    void: list[dict[str, str]] = field(default_factory=list)
    derived: frozenset[str] = frozenset()
    later: Mapping[str, Any] | None = None

    @property
    def told(self) -> Mapping[str, Any] | None:
        """The section with what the owner was told first of the entry; ``later`` where that is all."""
        return self.later if self.owner is None else self.owner

    @property
    def records(self) -> list[tuple[int, int, str, tuple[str, ...]]] | None:
        """All that the owner was told was shown or hit (:func:`records_of`); None where nothing is opened."""
        opened = [section for section in (self.owner, self.later) if section is not None]
        return [record for section in opened for record in records_of(section)] if opened else None

    @property
    def assurance(self) -> str:
        """How far the entry rests on signatures of organisations."""
        return " and ".join(sorted({str(act["assurance"]) for act in self.acts})) or OPERATOR

    @property
    def facts(self) -> dict[str, str]:
        """By name of each fact that the owner was told: whose word it is."""
        told = {} if self.told is None else self.told["facts"]
        return {name: self.assurance if name in self.derived else OPERATOR for name in sorted(told)}


@dataclass(frozen=True, slots=True)
class EvidenceReport:
    """A checked evidence file. ``missing`` are ranges of the owner's numbering that were left out on purpose.

    ``witnesses`` are the pinned ones that cosigned the checkpoint, oldest first. ``stamps`` are time-stamps of trees.
    """

    origin: str
    owner: str
    checkpoint: Checkpoint
    entries: list[EntryReport]
    missing: list[tuple[int, int]]
    witnesses: tuple[Cosignature, ...] = ()
    limits: tuple[str, ...] = field(default=LIMITS)
    stamps: tuple[LoggedStamp, ...] = ()


def check_evidence(evidence: Any, trust: Trust) -> EvidenceReport:
    """Check an evidence file's content against pinned keys. Raises VerifyError that says what does not hold."""
    try:
        return _check(evidence, trust)
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise VerifyError("bad_evidence", f"the evidence is malformed: {type(error).__name__}") from None


def open_evidence(evidence: Mapping[str, Any], private: bytes) -> dict[str, Any]:
    """The evidence with its owner's sections opened by the owner's raw HPKE private key, which stays here.

    Sections under an older HPKE key are left closed. Raises VerifyError when the file is malformed.
    """
    objects = read_objects(evidence["objects"])
    owner, origin = str(evidence["owner"]), str(evidence["origin"])
    pairs = _day_keys(evidence, objects, private)
    entries = []
    for item in evidence["entries"]:
        leaf = parse_leaf(unb64u(item["leaf"]))
        opened = list(item["opened"])
        for role in ("owner", "requester"):
            if leaf.epoch not in pairs:
                continue
            key, tag_key = pairs[leaf.epoch]
            tag = section_tag(tag_key, role, leaf.nonce)
            if b64u(tag) in sections_of(leaf, objects):
                s = section_key(key, leaf.nonce, section_info(origin, role, tag, leaf.epoch))
                opened.append({"role": role, "tag": b64u(tag), "key": b64u(s)})
        entries.append({**item, "opened": opened})
    return {**evidence, "owner": owner, "entries": with_later(entries, objects)}


def _day_keys(
    evidence: Mapping[str, Any], objects: Mapping[str, bytes], private: bytes
) -> dict[int, tuple[bytes, bytes]]:
    pairs = {}
    for item in evidence["epochs"]:
        leaf = parse_leaf(unb64u(item["leaf"]))
        try:
            pairs[item["index"]] = unwrap_day_key(
                fetch(leaf.acts[0], objects), str(evidence["origin"]), str(evidence["owner"]), private
            )
        except VerifyError as error:
            if error.code not in ("no_day_key", "bad_box"):
                raise
    return pairs


def _check(evidence: Any, trust: Trust) -> EvidenceReport:
    if not isinstance(evidence, dict) or evidence.get("format") != FORMAT or evidence.get("v") != 1:
        raise VerifyError("bad_evidence", "not an evidence file of version 1")
    checkpoint = verify_checkpoint(str(evidence["checkpoint"]), trust.log)
    witnesses = check_witnessed(checkpoint, trust)
    if evidence["origin"] != trust.origin:
        raise VerifyError("bad_evidence", "the evidence is of another log")
    _check_growth(evidence, checkpoint, trust)
    objects = read_objects(evidence["objects"])
    events = [ProvedEvent.of(item, _proved(item, checkpoint)) for item in evidence["keyEvents"]]
    chain = read_keychain(events, trust.origin, trust.organisations)
    entries = []
    for item in sorted(evidence["entries"], key=lambda item: int(item["index"])):
        entries.append(_check_entry(item, checkpoint, objects, chain))
    if any(first.index == second.index for first, second in pairwise(entries)):
        raise VerifyError("bad_evidence", "an entry is there twice")
    check_corrections({entry.index: (entry.type, entry.header) for entry in entries if entry.header is not None})
    times = [(entry.index, entry.t) for entry in entries] + [(event.index, event.leaf.t) for event in events]
    epochs = {item["index"]: _proved(item, checkpoint) for item in evidence["epochs"]}
    if any(leaf.type != "keys" for leaf in epochs.values()):
        raise VerifyError("bad_evidence", "an epoch is not a keys entry")
    times += [(index, leaf.t) for index, leaf in epochs.items()]
    stamped = list(evidence.get("timestamps", ()))
    times += [(item["index"], _proved(item, checkpoint).t) for item in stamped]
    check_time_order(times)
    check_witness_times(times, witnesses, trust)
    stamps = [_check_stamp(item, checkpoint, objects, chain, trust) for item in stamped]
    check_stamp_times(times, stamps)
    owner = str(evidence["owner"])
    check_told(evidence, {one.index: (one.type, one.owner, one.later) for one in entries})
    missing = _check_numbers(owner, entries, bool(evidence["selected"]))
    limits = (said_of_times(witnesses, trust), *([] if trust.witnesses else [NO_WITNESS]), *LIMITS)
    if any(act["typ"] == TYP for entry in entries for act in entry.acts):
        limits = (*limits, SIGNED_READ)
    if any(stamp.time is None for stamp in stamps):
        limits = (*limits, UNCHECKED)
    return EvidenceReport(trust.origin, owner, checkpoint, entries, missing, witnesses, limits, tuple(stamps))


def _check_growth(evidence: Mapping[str, Any], checkpoint: Checkpoint, trust: Trust) -> None:
    pinned = trust.checkpoint
    if pinned is None or pinned.size == 0:
        return
    if pinned.size > checkpoint.size:
        raise VerifyError("truncated", "the log is shorter than at the pinned checkpoint")
    shown = evidence["consistency"]
    proof = [unb64u(step, 32) for step in shown["proof"]] if pinned.size < checkpoint.size else []
    if pinned.size < checkpoint.size and shown["old"] != pinned.size:
        raise VerifyError("no_consistency", f"ask for evidence that is consistent with size {pinned.size}")
    try:
        verify_consistency(pinned.size, checkpoint.size, pinned.root, checkpoint.root, proof)
    except VerifyError as error:
        raise VerifyError("fork", f"the log does not extend the pinned checkpoint: {error.message}") from None


def _proved(item: Mapping[str, Any], checkpoint: Checkpoint) -> Leaf:
    raw = unb64u(item["leaf"])
    path = [unb64u(step, 32) for step in item["proof"]]
    verify_inclusion(leaf_hash(raw), item["index"], checkpoint.size, path, checkpoint.root)
    return parse_leaf(raw)


def _check_stamp(
    item: Mapping[str, Any], checkpoint: Checkpoint, objects: Mapping[str, bytes], chain: Keychain, trust: Trust
) -> LoggedStamp:
    leaf, index = _proved(item, checkpoint), int(item["index"])
    check_key_head(chain, index, leaf)
    return check_stamp(index, leaf, [unb64u(step, 32) for step in item["grown"]], checkpoint, objects, trust)


def _check_entry(
    item: Mapping[str, Any], checkpoint: Checkpoint, objects: Mapping[str, bytes], chain: Keychain
) -> EntryReport:
    leaf = _proved(item, checkpoint)
    index = int(item["index"])
    check_key_head(chain, index, leaf)
    owner, header = _opened(item["opened"], leaf, objects)
    later = opened_later(item["opened"], leaf, objects, header)
    # An act that enrols or revokes a key is signed by a root key and was checked with the chain.
    if leaf.type in TYPES.values():
        if index not in chain.order:
            raise VerifyError("key_chain", "a key event is not part of the chain")
        check_event_said(chain, index, header)
        return EntryReport(index, leaf.type, leaf.t, [chain.events[index]], owner, header)
    report = EntryReport(index, leaf.type, leaf.t, [], owner, header, later=later)
    opened = {"": later, **({} if owner is None else {owner["owner"]: owner})}
    said = Said(leaf.type, header, {name: one["facts"] for name, one in opened.items() if one is not None})
    place = Place(index, leaf.t, checkpoint.origin)
    derived: frozenset[str] = frozenset()
    for name in leaf.acts if leaf.type not in ("keys", TYPE) else ():
        if name not in objects:
            continue
        raw = fetch(name, objects)
        try:
            act, derived = check_carried(chain, place, raw, said)
        except VerifyError as error:
            if error.code in CONTRADICTIONS:
                raise VerifyError(error.code, f"entry {index}: {error.message}") from None
            # It proves nothing, then; what else is here stands as it did.
            report.void.append({"act": name, "code": error.code, "message": error.message})
            continue
        if report.acts:
            raise VerifyError("wrong_act", f"entry {index} carries two acts")
        if leaf.type != READ and owner is not None and (owner["leaves"] or "hits" in owner):
            raise VerifyError("wrong_fact", f"entry {index} shows records, and carries an act that asks for none")
        report.acts.append(act)
    return replace(report, derived=derived)


def _opened(
    parts: Any, leaf: Leaf, objects: Mapping[str, bytes]
) -> tuple[Mapping[str, Any] | None, Mapping[str, Any] | None]:
    """(owner's section, header) of an entry as far as ``parts`` open them, each held against the entry's lines."""
    owner, header, tag = None, None, ""
    for part in parts:
        key = unb64u(part["key"], 32)
        if part["role"] == "later":
            continue
        if part["role"] != "header":
            content = open_section(leaf, part["tag"], key, objects)
            if part["role"] == "owner":
                owner, tag = content, part["tag"]
                continue
            if part["role"] != "requester":
                continue
            key = unb64u(content["headerKey"], 32)
        header = open_header(leaf, key, objects)
        check_lines(header, key, sections_of(leaf, objects), leaf.type)
    if owner is not None:
        check_owner_section(owner, sections_of(leaf, objects)[tag]["line"], header)
    return owner, header


def _check_numbers(owner: str, entries: list[EntryReport], selected: bool) -> list[tuple[int, int]]:
    """Check owner_seq and prev; returns the ranges left out (only where entries were ``selected``)."""
    missing = []
    last_seq, last_index = -1, None
    for entry in entries:
        section = entry.owner
        if section is None:
            continue
        if section["owner"] != owner:
            raise VerifyError("bad_evidence", "a section is of another owner")
        seq, prev = section["ownerSeq"], section["prev"]
        if type(seq) is not int or seq <= last_seq:
            raise VerifyError("owner_seq", "the owner's numbering goes back")
        if seq == last_seq + 1 and prev != last_index:
            raise VerifyError("owner_seq", "a section does not name the owner's entry before it")
        if seq > last_seq + 1:
            if not selected:
                raise VerifyError("owner_seq", f"entries {last_seq + 1} to {seq - 1} of the owner are missing")
            missing.append((last_seq + 1, seq - 1))
        last_seq, last_index = seq, entry.index
    return missing
