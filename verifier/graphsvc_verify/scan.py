"""The offline scan: an owner walks the whole log with its own receiving key and finds who saw its records.

The owner trusts neither the service's list of reads nor that it was given all of the log's entries for it: its
sections are found by their tags, which only it and the service can compute, and they are numbered without gaps. Of
sections and headers of others it sees noise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from graphsvc_verify.boxes import section_info, section_key, section_tag
from graphsvc_verify.canonical import b64u, decode, unb64u
from graphsvc_verify.cosignature import Cosignature
from graphsvc_verify.entry import Leaf, fetch, open_header, open_section, parse_leaf, sections_of
from graphsvc_verify.errors import VerifyError
from graphsvc_verify.evidence import NO_WITNESS
from graphsvc_verify.hpkekeys import unwrap_day_key
from graphsvc_verify.keyevents import TYPES
from graphsvc_verify.lines import check_lines
from graphsvc_verify.merkle import leaf_hash
from graphsvc_verify.note import Checkpoint, verify_checkpoint
from graphsvc_verify.sections import check_owner_section, check_section, records_of
from graphsvc_verify.tiles import Fetch, check_tree, read_entries, read_entry
from graphsvc_verify.times import check_time_order, check_witness_times, said_of_times
from graphsvc_verify.told import Key, keys_told, open_later
from graphsvc_verify.trust import Trust, check_witnessed

LIMITS = (
    "Not detectable: entries after the last one of this checkpoint, and a read that requester and operator both hide.",
    "Who signed which act is not checked by a scan: take evidence for that.",
)


@dataclass(frozen=True, slots=True)
class Seen:
    """One section of the owner: where it stands and what it says; ``records`` are (submission, row, field groups).

    The groups of a record that was hit, and not shown, are ``hit`` alone. ``told`` is the entry that told it late;
    such a section has no number (``seq`` None), that entry's has.
    """

    index: int
    type: str
    t: str
    seq: int | None
    facts: Mapping[str, Any]
    records: tuple[tuple[int, int, tuple[str, ...]], ...]
    told: int | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """An entry in the owner's own name, as its header says."""

    index: int
    type: str
    t: str
    header: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ScanReport:
    """What a scan found. ``unread`` are ranges of entries whose day key none of the given keys opens."""

    owner: str
    checkpoint: Checkpoint
    seen: list[Seen]
    asked: list[Asked]
    unread: list[tuple[int, int]]
    witnesses: tuple[Cosignature, ...]
    limits: tuple[str, ...]

    @property
    def withheld(self) -> list[tuple[int, int]]:
        """Unread ranges after the first entry that could be read: a key is missing here, or was never given."""
        start = next((first for first, end in self.unread if first > 0), self.checkpoint.size)
        return [(first, end) for first, end in self.unread if first >= start]


class _Objects(dict[str, bytes]):
    """The log's public objects as a mapping that is read on demand."""

    def __init__(self, fetch_file: Fetch) -> None:
        super().__init__()
        self._fetch = fetch_file

    def __contains__(self, name: object) -> bool:
        if dict.__contains__(self, name):
            return True
        data = self._fetch(f"object/{name}")
        if data is None:
            return False
        self[str(name)] = data
        return True


def scan_log(fetch_file: Fetch, trust: Trust, owner: str, privates: Sequence[bytes]) -> ScanReport:
    """Walk the log and check it; ``privates`` are the owner's raw HPKE private keys, older ones too.

    Raises VerifyError that says what does not hold: ``bad_tree``, ``bad_tile``, ``fork``, ``truncated``,
    ``not_witnessed``, ``owner_seq``, ``key_chain``, ``bad_epoch``, ``time_back`` …
    """
    try:
        return _Scan(fetch_file, trust, owner, privates).run()
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise VerifyError("bad_log", f"the log is malformed: {type(error).__name__}") from None


class _Scan:
    """One walk over the log."""

    def __init__(self, fetch_file: Fetch, trust: Trust, owner: str, privates: Sequence[bytes]) -> None:
        self._fetch, self._trust = fetch_file, trust
        self._owner, self._privates = owner, privates
        self._objects = _Objects(fetch_file)
        self._pair: tuple[bytes, bytes] | None = None
        self._epoch: int | None = None
        self._key_head: int | None = None
        self._seen: list[Seen] = []
        self._late: list[Seen] = []
        self._hashes: list[bytes] = []
        self._asked: list[Asked] = []
        self._unread: list[tuple[int, int]] = []
        self._acts: set[bytes] = set()

    def run(self) -> ScanReport:
        # 1. The checkpoint, under the pinned log key and the pinned witnesses.
        note = self._fetch("checkpoint")
        if note is None:
            raise VerifyError("no_tile", "the log has no checkpoint")
        checkpoint = verify_checkpoint(note.decode(), self._trust.log)
        witnesses = check_witnessed(checkpoint, self._trust)
        # 2. Every entry in order: its place in the chains of epochs and key events, and the owner's sections.
        times = []
        for index, raw in enumerate(read_entries(self._fetch, checkpoint.size)):
            self._hashes.append(leaf_hash(raw))
            leaf = parse_leaf(raw)
            times.append((index, leaf.t))
            self._take(index, leaf, checkpoint.size)
        # 3. These entries and no others are what the checkpoint signs (tiles).
        check_tree(self._fetch, self._hashes, checkpoint, self._trust.checkpoint)
        check_time_order(times)
        check_witness_times(times, witnesses, self._trust)
        limits = (said_of_times(witnesses, self._trust), *(() if self._trust.witnesses else (NO_WITNESS,)), *LIMITS)
        seen = sorted([*self._seen, *self._late], key=lambda one: one.index)
        return ScanReport(self._owner, checkpoint, seen, self._asked, self._unread, witnesses, limits)

    def _take(self, index: int, leaf: Leaf, size: int) -> None:
        if leaf.type == "keys":
            self._turn(index, leaf)
        if leaf.epoch != self._epoch:
            raise VerifyError("bad_epoch", f"entry {index} does not name the last keys entry before it")
        if leaf.key_head != self._key_head:
            raise VerifyError("key_chain", f"entry {index} does not name the last key event before it")
        if leaf.type in TYPES.values():
            self._key_head = index
        # What an act is, is sealed; that no two entries carry the same one, everyone can see.
        acts = [bytes.fromhex(name.removeprefix("sha256:")) for name in leaf.acts]
        if not self._acts.isdisjoint(acts):
            raise VerifyError("act_replayed", f"entry {index} carries an act that an entry before it carries")
        self._acts.update(acts)
        if self._pair is not None:
            for key in self._open(index, leaf):
                self._open_later(index, key, size)
        elif self._unread and self._unread[-1][1] == index - 1:
            self._unread[-1] = (self._unread[-1][0], index)
        else:
            self._unread.append((index, index))

    def _turn(self, index: int, leaf: Leaf) -> None:
        """Unwrap the owner's day key of a new epoch; without one its entries stay unread."""
        self._epoch, self._pair = index, None
        content = fetch(leaf.acts[0], self._objects)
        if decode(content)["epoch"] != index:
            raise VerifyError("bad_epoch", f"the keys of entry {index} are of another entry")
        for private in self._privates:
            try:
                self._pair = unwrap_day_key(content, self._trust.origin, self._owner, private)
                return
            except VerifyError as error:
                if error.code not in ("no_day_key", "bad_box"):
                    raise

    def _open(self, index: int, leaf: Leaf) -> list[Key]:
        """Take in the owner's sections of an entry; what they give it to open of entries before."""
        header = None
        found = self._section(leaf, "requester")
        if found is not None:
            key = unb64u(str(found[0]["headerKey"]), 32)
            header = open_header(leaf, key, self._objects)
            check_lines(header, key, sections_of(leaf, self._objects), leaf.type)
            self._asked.append(Asked(index, leaf.type, leaf.t, header))
        found = self._section(leaf, "owner")
        if found is None:
            return []
        section, line = found
        check_owner_section(section, line, header)
        self._check_number(index, section)
        records = tuple((submission, row, groups) for submission, row, _, groups in records_of(section))
        self._seen.append(Seen(index, leaf.type, leaf.t, section["ownerSeq"], section["facts"], records))
        return keys_told(leaf.type, section)

    def _open_later(self, told: int, key: Key, size: int) -> None:
        """Take in what entry ``told`` tells of an entry before it."""
        index = key[0]
        if not 0 <= index < told or any((one.index, one.told is None) == (index, False) for one in self._late):
            raise VerifyError("not_told", f"entry {told} tells of what is no entry before it, or was told already")
        raw = read_entry(self._fetch, index, size)
        if leaf_hash(raw) != self._hashes[index]:
            raise VerifyError("bad_tile", f"entry {index} is another one when it is read again")
        leaf = parse_leaf(raw)
        section, line = open_later(leaf, key, self._objects)
        check_section(section, line, None)
        if section["owner"] != self._owner:
            raise VerifyError("owner_seq", f"entry {told} tells this owner of another one's records")
        records = tuple((submission, row, groups) for submission, row, _, groups in records_of(section))
        self._late.append(Seen(index, leaf.type, leaf.t, None, section["facts"], records, told))

    def _section(self, leaf: Leaf, role: str) -> tuple[dict[str, Any], str] | None:
        """The owner's section of a role, opened, with its line."""
        assert self._pair is not None
        key, tag_key = self._pair
        tag = section_tag(tag_key, role, leaf.nonce)
        part = sections_of(leaf, self._objects).get(b64u(tag))
        if part is None:
            return None
        s = section_key(key, leaf.nonce, section_info(self._trust.origin, role, tag, leaf.epoch))
        return open_section(leaf, b64u(tag), s, self._objects), part["line"]

    def _check_number(self, index: int, section: Mapping[str, Any]) -> None:
        if section["owner"] != self._owner:
            raise VerifyError("owner_seq", f"entry {index} has a section of another owner under this one's key")
        seq, prev = section["ownerSeq"], section["prev"]
        last = self._seen[-1] if self._seen else None
        expected = 0 if last is None or last.seq is None else last.seq + 1
        if type(seq) is not int or seq < expected:
            raise VerifyError("owner_seq", f"the owner's numbering goes back at entry {index}")
        if seq == expected:
            if prev != (None if last is None else last.index):
                raise VerifyError("owner_seq", f"entry {index} does not name the owner's entry before it")
            return
        # What is between may lie where no key opened anything; the entry before this one must then lie there too.
        if type(prev) is not int or not any(first <= prev <= end for first, end in self._unread):
            where = f"{expected} to {seq - 1}, before entry {index},"
            raise VerifyError("owner_seq", f"the owner's entries {where} are missing")


@dataclass(frozen=True, slots=True)
class Difference:
    """Where the service's list and the log disagree on an entry."""

    index: int
    what: str


_NAMES = {"reader": "reader", "person": "person", "purpose": "purpose", "basis": "legalBasis", "case": "case"}


def compare_access(report: ScanReport, listed: Sequence[Mapping[str, Any]], low: int, high: int) -> list[Difference]:
    """Compare an ``accessLog`` answer's entries with the log, for reads at ``low`` or above and below ``high``.

    Entries are as the API gives them: ``index``, ``records`` with ``submission`` and ``row``, and what else was asked.
    """
    found = []
    logged: dict[int, Seen] = {}
    for one in report.seen:
        # What was told after the answer it could not have.
        if one.type == "read" and one.records and (one.told is None or one.told < high):
            before = logged.get(one.index, replace(one, records=()))
            logged[one.index] = replace(before, records=before.records + one.records)
    told = {int(entry["index"]): entry for entry in listed if entry.get("records")}
    for index in sorted(index for index in {*logged, *told} if low <= index < high):
        if index not in told:
            found.append(Difference(index, "the log has it, the answer does not"))
        elif index not in logged:
            found.append(Difference(index, "the answer has it, the log does not"))
        else:
            seen, entry = logged[index], told[index]
            if sorted((one["submission"], one["row"]) for one in entry["records"]) != sorted(
                (submission, row) for submission, row, _ in seen.records
            ):
                found.append(Difference(index, "the records differ"))
            if any(
                name in entry and (entry[name] or "") != (seen.facts.get(fact) or "") for fact, name in _NAMES.items()
            ):
                found.append(Difference(index, "who, purpose, legal basis or case differ"))
    return found
