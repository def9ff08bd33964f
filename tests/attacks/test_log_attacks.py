"""The log as its operator could change it: with the database, the tiles and the log's key in its hands.

The verifier has pinned keys and one older checkpoint. Owners scan the log; courts check evidence.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from attack_world import OWNER, READER, Witness, World, data_of, witnesses
from ledger_actors import ORIGIN, Member, carrying, enter, over_wire, read_of

from graphsvc.ledger.daykeys import DayKey
from graphsvc.ledger.entry import EntryDraft
from graphsvc.ledger.log import Ledger
from graphsvc.ledger.tree import Tree
from graphsvc.model.errors import Conflict, IntegrityError, InvalidSignature
from graphsvc_verify.canonical import b64u, decode, encode, unb64u
from graphsvc_verify.entry import parse_leaf, sections_of
from graphsvc_verify.errors import VerifyError
from graphsvc_verify.evidence import check_evidence, check_owner_section, open_evidence
from graphsvc_verify.keychain import OPERATOR
from graphsvc_verify.merkle import leaf_hash
from graphsvc_verify.note import verify_checkpoint
from graphsvc_verify.receipt import check_receipt
from graphsvc_verify.scan import ScanReport, compare_access, scan_log
from graphsvc_verify.tiles import TILE, tile_path

Mirror = dict[str, bytes]


def mirror_of(ledger: Ledger, note: str | None = None) -> Mirror:
    """The log as anyone can copy it."""
    note = note or ledger.checkpoint()
    size = verify_checkpoint(note, ledger.log_key).size
    files = {"checkpoint": note.encode()}
    level, count = 0, size
    while count:
        for n in range((count + TILE - 1) // TILE):
            width = min(TILE, count - n * TILE)
            for kind in (None, 0) if level == 0 else (level,):
                path = tile_path(kind, n, width)
                content = ledger.tile(path)
                assert content is not None
                files[path] = content
        level, count = level + 1, count // TILE
    for _, _, leaf in ledger.entries(0, size):
        for name in objects_of(decode(leaf)):
            content = ledger.object(name)
            if content is not None:
                files[f"object/{name}"] = content
    return files


def objects_of(leaf: dict[str, Any]) -> set[str]:
    parts = leaf["sections"] if isinstance(leaf["sections"], list) else [leaf["sections"]]
    return {*leaf["acts"], *(part["object"] for part in [leaf["header"], *parts] if "object" in part)}


def scan(world: World, files: Mirror, **trust: Any) -> ScanReport:
    return scan_log(files.get, world.trust(**trust), OWNER, [world.owner.hpke])


def refused(world: World, files: Mirror, **trust: Any) -> str:
    with pytest.raises(VerifyError) as caught:
        scan(world, files, **trust)
    return caught.value.code


def remade(world: World, change: Callable[[list[bytes]], Any]) -> Mirror:
    """The log with its entries changed, its tiles made anew and its checkpoint signed by the log's own key."""
    leaves = [leaf for _, _, leaf in world.ledger.entries(0, world.ledger.head)]
    change(leaves)
    tree = Tree(lambda level, n: None)
    for leaf in leaves:
        tree.append(leaf_hash(leaf))
    files = {name: content for name, content in mirror_of(world.ledger).items() if name.startswith("object/")}
    assert len(leaves) <= TILE
    bundle = b"".join(len(leaf).to_bytes(2, "big") + leaf for leaf in leaves)
    files[tile_path(None, 0, len(leaves))] = bundle
    files[tile_path(0, 0, len(leaves))] = b"".join(leaf_hash(leaf) for leaf in leaves)
    files["checkpoint"] = world.ledger._state.signer.sign(len(leaves), tree.root(len(leaves))).encode()
    return files


# What an owner finds


def test_the_owner_finds_who_saw_its_records_and_nothing_of_others(still: World) -> None:
    files = mirror_of(still.ledger)
    report = scan(still, files)
    reads = [seen for seen in report.seen if seen.type == "read"]
    assert [(seen.index, len(seen.records)) for seen in reads] == list(zip(still.indexes, (2, 3), strict=True))
    assert reads[0].facts["reader"] == READER and report.unread
    assert not report.withheld, "only what is from before the owner's key is unread"
    others = scan_log(files.get, still.trust(), "swiftline", [still.other.hpke])
    assert not others.seen
    reader = scan_log(files.get, still.trust(), READER, [still.reader.hpke])
    assert [one.header["case"] for one in reader.asked if one.type == "read"] == ["K-1", "K-1"] and not reader.seen
    stranger = scan_log(files.get, still.trust(), OWNER, [still.other.hpke])
    assert not stranger.seen and len(stranger.unread) == 1, "another's key opens nothing under this name"


def test_a_log_of_more_than_one_tile_is_walked(world: World) -> None:
    for _ in range(4):
        waiting = [world.ledger.append(EntryDraft(type="note")) for _ in range(100)]
        for one in waiting:
            one.result()
    world.ask(1)
    files = mirror_of(world.ledger)
    assert len([seen for seen in scan(world, files).seen if seen.type == "read"]) == 3
    assert {"tile/0/000", "tile/1/000.p/1"} <= set(files)
    for name in ("tile/0/000", "tile/1/000.p/1", "tile/entries/000"):
        assert refused(world, {**files, name: flipped(files[name])}) in {"bad_tile", "bad_tree", "bad_leaf", "not_json"}
    assert refused(world, {name: content for name, content in files.items() if name != "tile/0/000"}) == "no_tile"


# Deleting, editing, reordering


def flipped(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


def database(world: World, statement: str, *values: Any) -> None:
    with sqlite3.connect(world.directory / "ledger.db") as connection:
        assert connection.execute(statement, values).rowcount == 1
    connection.close()


def test_an_edited_row_of_the_database_shows(world: World) -> None:
    index = world.indexes[0]
    leaf = decode(world.ledger.entry(index))
    leaf["t"] = leaf["t"].replace("20", "19", 1)
    database(world, 'UPDATE entries SET leaf = ? WHERE "index" = ?', encode(leaf), index)
    assert refused(world, mirror_of(world.ledger)) == "bad_tree"
    assert world.refused(world.evidence()) == "bad_proof"
    world.close()
    # The service itself: what is still in memory's tiles contradicts what it reads at its next start.
    with pytest.raises(IntegrityError):
        Ledger.open(world.directory, ORIGIN)
    world.ledger = Ledger.open(world.directory.parent / "other", ORIGIN)


def test_a_deleted_row_of_the_database_shows(world: World) -> None:
    database(world, 'DELETE FROM entries WHERE "index" = ?', world.indexes[0])
    assert refused(world, mirror_of(world.ledger)) in {"bad_tile", "owner_seq"}
    evidence = world.evidence()
    assert world.refused(evidence) == "owner_seq", "the entry is gone from the evidence too"
    world.close()
    with pytest.raises(IntegrityError):
        Ledger.open(world.directory, ORIGIN)
    world.ledger = Ledger.open(world.directory.parent / "other", ORIGIN)


def test_an_edited_object_shows(world: World) -> None:
    world.ask(1000)
    files = mirror_of(world.ledger)
    codes = set()
    for name in [name for name in files if name.startswith("object/") and len(files[name]) > 20_000]:
        for changed in ({**files, name: flipped(files[name])}, {key: files[key] for key in files if key != name}):
            try:
                scan(world, changed)
            except VerifyError as error:
                codes.add(error.code)
    assert codes == {"bad_object", "no_object"}, "those of others are none of the owner's business"


@pytest.mark.parametrize("what", ["edit", "delete", "insert", "reorder", "replace"])
def test_a_log_that_is_rewritten_and_signed_anew_shows(world: World, what: str) -> None:
    """The old checkpoint that the verifier keeps says so; without one, what is in the entries may."""
    at = world.indexes[0]

    def change(leaves: list[bytes]) -> None:
        if what == "edit":
            leaf = decode(leaves[at])
            leaf["nonce"] = b64u(bytes(32))
            leaves[at] = encode(leaf)
        elif what == "delete":
            del leaves[at]
        elif what == "insert":
            leaves.insert(at - 1, leaves[at])
        elif what == "reorder":
            leaves[at], leaves[at + 1] = leaves[at + 1], leaves[at]
        else:
            leaves[at] = leaves[-1]

    files = remade(world, change)
    plain = {"checkpoint": None}
    code = refused(world, files)
    assert code in {"fork", "truncated", "owner_seq", "time_back", "bad_epoch"}
    if what in ("delete", "insert", "edit"):
        # An owner that keeps no checkpoint misses its number; the copy stands before the keys entry that it names.
        assert refused(world, files, **plain) == ("bad_epoch" if what == "insert" else "owner_seq")
    # A scan by another owner, which has no section to miss: its old checkpoint tells, or a signature that comes twice.
    with pytest.raises(VerifyError) as caught:
        scan_log(files.get, world.trust(), "swiftline", [world.other.hpke])
    assert caught.value.code in {"fork", "time_back", "bad_epoch", "act_replayed"}


def test_a_log_that_was_cut_and_grown_anew_shows(world: World) -> None:
    evidence = world.evidence()
    cut = world.ledger._state.signer.sign(world.old - 1, bytes(32))
    assert world.refused({**evidence, "checkpoint": cut}) == "truncated"
    files = remade(world, lambda leaves: leaves.__delitem__(slice(world.old - 1, None)))
    assert refused(world, files) == "truncated"
    grown = remade(world, lambda leaves: leaves.__setitem__(slice(world.old - 1, world.old), []))
    assert refused(world, grown) in {"fork", "owner_seq"}


# Forks and old backups


def backup(world: World) -> Path:
    """What a backup of ledger and keys holds, taken while nothing is written."""
    world.close()
    copy = world.directory.with_name("backup")
    shutil.copytree(world.directory, copy)
    world.ledger = Ledger.open(world.directory, ORIGIN)
    return copy


def test_a_restored_old_backup_is_a_fork(world: World) -> None:
    copy = backup(world)
    world.ask(2)
    held = world.ledger.checkpoint()
    size = world.ledger.head
    restored = Ledger.open(copy, ORIGIN)
    try:
        # Behind its published tiles it would not start; the operator puts the old tiles beside it too.
        for _ in range(3):
            restored.append(read_of(READER, {OWNER: 1}, restored.head - 1, data_of(OWNER, 1))).result()
        taken = open_evidence(over_wire(restored.evidence(OWNER, None, size)), world.owner.hpke)
        assert world.refused(taken, checkpoint=held) == "fork"
        assert refused(world, mirror_of(restored), checkpoint=held) == "fork"
        # Before it has grown as long again it is shorter than what the verifier has seen.
        short = {**taken, "checkpoint": restored._state.signer.sign(size - 1, bytes(32))}
        assert world.refused(short, checkpoint=held) == "truncated"
    finally:
        restored.close()


def test_a_service_does_not_start_on_a_backup_beside_newer_tiles(world: World) -> None:
    copy = backup(world)
    world.ask(2)
    world.close()
    for name in ("ledger.db", "ledger.db-wal", "ledger.db-shm"):
        (world.directory / name).unlink(missing_ok=True)
        if (copy / name).exists():
            shutil.copy(copy / name, world.directory / name)
    with pytest.raises(IntegrityError, match="restored backup is a fork"):
        Ledger.open(world.directory, ORIGIN)
    world.ledger = Ledger.open(copy, ORIGIN)


def test_two_logs_of_one_key_show_as_soon_as_checkpoints_are_compared(world: World) -> None:
    forged = world.ledger._state.signer.sign(world.ledger.head, bytes(32))
    assert world.refused(world.evidence(), checkpoint=forged) == "fork"
    assert refused(world, mirror_of(world.ledger), checkpoint=forged) == "fork"


# Numbering of an owner


@pytest.mark.parametrize("skip", [1, 2])
def test_a_number_of_the_owner_that_was_skipped_shows(world: World, skip: int) -> None:
    seq, index = world.ledger._state.numbers[OWNER]
    world.ledger._state.numbers[OWNER] = (seq + skip, index)
    world.ask(1)
    assert refused(world, mirror_of(world.ledger)) == "owner_seq"
    assert world.refused(world.evidence()) == "owner_seq"


def test_a_read_that_its_owner_was_not_told_of_shows_to_the_reader(world: World) -> None:
    """The operator leaves the section out: the header that the reader checks then names no owner for the records."""
    data = data_of(OWNER, 2)
    receipt = over_wire(world.ledger.append(read_of(READER, {}, world.ledger.head - 1, data)).result().receipt)
    with pytest.raises(VerifyError) as caught:
        check_receipt(receipt, world.trust(), data)
    assert caught.value.code == "unlisted_record"


def test_a_section_that_is_not_what_the_reader_was_committed_to_shows(world: World) -> None:
    """Header and section of one entry are of different records: the operator sealed them apart."""
    at = world.ledger.head - 1
    prepared = read_of(READER, {OWNER: 2}, at, data_of(OWNER, 2)).prepare()
    other = read_of(READER, {OWNER: 1}, at, data_of(OWNER, 2)).prepare()
    sections = [other.sections[0], *prepared.sections[1:]]
    index = world.ledger._wait(replace(prepared, sections=sections)).index
    evidence = world.evidence()
    item = next(item for item in evidence["entries"] if item["index"] == index)
    item["opened"].append({"role": "header", "tag": "", "key": b64u(prepared.header_key)})
    assert world.refused(evidence) == "wrong_line"


@pytest.mark.parametrize("what", ["tag", "key", "salt"])
def test_a_swapped_section_or_salt_shows(world: World, what: str) -> None:
    evidence = world.evidence()
    first, second = [item for item in evidence["entries"] if item["index"] in world.indexes]
    first_part, second_part = first["opened"][0], second["opened"][0]
    if what == "tag":
        first_part["tag"], second_part["tag"] = second_part["tag"], first_part["tag"]
        assert world.refused(evidence) == "no_section"
    elif what == "key":
        first_part["key"], second_part["key"] = second_part["key"], first_part["key"]
        assert world.refused(evidence) == "bad_box"
    else:
        entry = check_evidence(evidence, world.trust()).entries
        sections = [one.owner for one in entry if one.index in world.indexes]
        assert sections[0] is not None and sections[1] is not None
        leaf = parse_leaf(unb64u(first["leaf"]))
        line = sections_of(leaf, {})[first_part["tag"]]["line"]
        check_owner_section(sections[0], line, None)
        for name in ("seed", "factsSalt"):
            with pytest.raises(VerifyError, match="wrong_line"):
                check_owner_section({**sections[0], name: sections[1][name]}, line, None)


# Times


def at(world: World, minutes: float) -> None:
    """The operator's clock."""
    world.ledger._state.clock = lambda: datetime.now(UTC) + timedelta(minutes=minutes)


def test_an_entry_that_is_dated_back_shows(world: World) -> None:
    witness = Witness("witness.example/a")
    pinned = {"witnesses": witnesses(witness.key)}
    held = witness.cosign(world.pinned)
    later = witness.cosign(world.ledger.checkpoint())
    head = (world.ledger.head, later)
    report = check_evidence(world.evidence(head=head), world.trust(checkpoint=held, **pinned))
    assert any("by the witnesses, not before" in limit and "not after" in limit for limit in report.limits)
    # The operator's own code lets time go back.
    world.ledger._state.t = ""
    at(world, -60)
    world.ask(1)
    assert world.refused(world.evidence()) == "time_back"
    assert refused(world, mirror_of(world.ledger)) == "time_back"
    # Shown alone, there is no entry before it: the witness's word for the pinned checkpoint remains.
    alone = over_wire(
        world.ledger.evidence(OWNER, [world.indexes[-1]], world.old, (world.ledger.head, later_of(world, witness)))
    )
    alone = {**alone, "keyEvents": alone["keyEvents"]}
    assert world.refused(alone, checkpoint=held, **pinned) in {"back_dated", "time_back"}


def later_of(world: World, witness: Witness) -> str:
    return witness.cosign(world.ledger.checkpoint())


def test_a_log_whose_clock_stood_still_for_an_hour_shows_to_a_witness(world: World) -> None:
    """Every entry after the pinned checkpoint says an earlier time than the witness had when it saw that one."""
    witness = Witness("witness.example/a")
    held = witness.cosign(world.pinned, datetime.now(UTC).timestamp() + 3600)
    later = witness.cosign(world.ledger.checkpoint(), datetime.now(UTC).timestamp() + 7200)
    evidence = world.evidence(head=(world.ledger.head, later))
    assert world.refused(evidence, checkpoint=held, witnesses=witnesses(witness.key)) == "back_dated"


def test_an_entry_that_is_dated_ahead_shows(world: World) -> None:
    witness = Witness("witness.example/a")
    at(world, 60)
    world.ask(1)
    head = (world.ledger.head, witness.cosign(world.ledger.checkpoint()))
    assert world.refused(world.evidence(head=head), witnesses=witnesses(witness.key)) == "future_dated"
    files = mirror_of(world.ledger, head[1])
    assert refused(world, files, witnesses=witnesses(witness.key)) == "future_dated"


# Witnesses


def test_what_a_witness_did_not_sign_does_not_count(world: World) -> None:
    first, second = Witness("witness.example/a"), Witness("witness.example/b")
    plain = world.ledger.checkpoint()
    pinned = {"witnesses": witnesses(first.key, second.key)}

    def head(note: str) -> dict[str, Any]:
        return world.evidence(head=(world.ledger.head, note))

    both = second.cosign(first.cosign(plain))
    assert len(check_evidence(head(both), world.trust(**pinned)).witnesses) == 2
    stripped = both[: both.rindex("— ")]
    assert world.refused(head(stripped), **pinned) == "not_witnessed"
    assert world.refused(head(first.cosign(first.cosign(plain))), **pinned) == "not_witnessed", "one line twice"
    impostor = Witness(second.key.name)
    assert world.refused(head(impostor.cosign(first.cosign(plain))), **pinned) == "not_witnessed", "another key"
    older = second.cosign(world.pinned)
    pasted = first.cosign(plain) + older[older.rindex("— ") :]
    assert world.refused(head(pasted), **pinned) == "bad_signature", "its signature of another checkpoint"
    # The log's own signature, under the same key, is none.
    own = Witness(ORIGIN, world.ledger._state.signer._key)
    log_line = plain.splitlines(keepends=True)[-1]
    assert world.refused(head(plain + log_line), witnesses=witnesses(own.key)) == "bad_note"


def test_one_key_does_not_count_as_two_witnesses(world: World) -> None:
    one = Witness("witness.example/a")
    same = Witness("witness.example/b", one.private)
    for keys in ((one.key, same.key), (one.key, one.key), (one.key, Witness(one.key.name).key)):
        with pytest.raises(VerifyError) as caught:
            world.trust(witnesses=witnesses(*keys))
        assert caught.value.code == "bad_trust"
    for value in ({"needed": 2, "keys": [one.key.vkey]}, {"needed": True, "keys": []}, {"keys": []}, [one.key.vkey]):
        with pytest.raises(VerifyError) as caught:
            world.trust(witnesses=value)
        assert caught.value.code == "bad_trust"
    with pytest.raises(VerifyError) as caught:
        world.trust(witnesses={"needed": 1, "keys": [world.ledger.log_vkey]})
    assert caught.value.code == "bad_vkey", "a log's key is none of a witness"


# Replays


def test_an_act_comes_once_whatever_becomes_of_the_service(world: World) -> None:
    act = world.reader.act(world.ledger)
    world.ledger.append(carrying(act, OWNER)).result()
    with pytest.raises(Conflict, match="issuer and jti"):
        world.ledger.append(carrying(act, OWNER)).result()
    world.close()
    world.ledger = Ledger.open(world.directory, ORIGIN)
    with pytest.raises(Conflict, match="issuer and jti"):
        world.ledger.append(carrying(act, OWNER)).result()


def test_an_enrolment_comes_once(world: World) -> None:
    member = Member("newcomer").join(world.ledger)
    event = member.revocation(world.ledger)
    world.ledger.enrol(event)
    with pytest.raises(Conflict):
        world.ledger.enrol(event)


def test_a_key_that_is_revoked_signs_nothing_more(world: World) -> None:
    early = world.reader.signed_read(world.ledger)
    world.ledger.enrol(world.reader.revocation(world.ledger))
    # The ledger itself takes none; the operator's own code does.
    with pytest.raises(InvalidSignature) as caught:
        world.ask(1, signed=early)
    assert caught.value.code == "key_revoked"
    draft = read_of(READER, {OWNER: 1}, world.ledger.head - 1, data_of(OWNER, 1))
    draft.signed = early
    enter(world.ledger, draft)
    entry = check_evidence(world.evidence(), world.trust()).entries[-1]
    assert entry.assurance == OPERATOR and entry.void[0]["code"] == "key_revoked"


def test_a_day_key_that_is_withheld_from_an_owner_shows(world: World) -> None:
    """The operator wraps no day key for the owner any more: the scan says which entries it could not read."""
    registry = world.ledger._registry
    keys = {name: key for name, key in registry.keys.items() if not (key.org == OWNER and key.use == "hpke")}
    world.ledger._state.registry = type(registry)(registry.organisations, keys, registry.roots, registry.events)
    world.ask(1)
    report = scan(world, mirror_of(world.ledger))
    assert report.withheld and report.withheld[-1][1] == world.ledger.head - 1


def test_a_day_key_that_is_not_the_one_sealed_under_shows(world: World) -> None:
    """The owner is given another key than its sections are sealed under: it finds none, and the next number tells."""
    epoch = world.ledger._state.epoch
    assert epoch is not None
    kept = epoch.keys[OWNER]
    epoch.keys[OWNER] = DayKey(bytes(32), bytes(32))  # type: ignore[index]
    world.ask(1)
    epoch.keys[OWNER] = kept  # type: ignore[index]
    world.ask(1)
    assert refused(world, mirror_of(world.ledger)) == "owner_seq"


def test_evidence_without_an_act_does_not_claim_its_signature(world: World) -> None:
    """Leaving an act out takes the signature away; it never adds one."""
    evidence = world.evidence()
    signed = check_evidence(evidence, world.trust()).entries[-1]
    assert signed.assurance == "signed by the organisation"
    leaf = json.loads(unb64u(evidence["entries"][-1]["leaf"]))
    name = next(name for name in leaf["acts"] if name in evidence["objects"])
    other = {**evidence["objects"], name: b64u(b"another act")}
    assert world.refused({**evidence, "objects": other}) == "bad_object", "an act put in its place is not void"
    for name in leaf["acts"]:
        evidence["objects"].pop(name, None)
    bare = check_evidence(evidence, world.trust()).entries[-1]
    assert bare.assurance == "asserted by the operator"


def test_helpers_make_logs_that_hold(world: World) -> None:
    """What the attacks start from is right, so that each is refused for what it changes."""
    assert scan(world, remade(world, lambda leaves: None)).checkpoint.size == world.ledger.head


def test_a_list_that_hides_or_invents_a_read_shows(still: World) -> None:
    """What the service answers to the owner, held against the log."""
    report = scan(still, mirror_of(still.ledger))
    logged = [seen for seen in report.seen if seen.type == "read"]
    listed = [
        {
            "index": seen.index,
            **{"reader": READER, "purpose": "investigation", "case": "K-1"},
            "records": [{"submission": submission, "row": row} for submission, row, _ in seen.records],
        }
        for seen in logged
    ]

    def differ(entries: list[dict[str, Any]], low: int = 0) -> list[tuple[int, str]]:
        return [(one.index, one.what) for one in compare_access(report, entries, low, report.checkpoint.size)]

    first, second = (seen.index for seen in logged)
    assert differ(listed) == [] and differ(listed[1:], second) == []
    assert differ(listed[1:]) == [(first, "the log has it, the answer does not")]
    assert differ([*listed, {**listed[0], "index": 3}]) == [(3, "the answer has it, the log does not")]
    assert differ([{**listed[0], "records": listed[0]["records"][:1]}, listed[1]]) == [(first, "the records differ")]
    assert [index for index, _ in differ([listed[0], {**listed[1], "purpose": "analysis"}])] == [second]
