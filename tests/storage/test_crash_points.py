"""Killed before and after every durable action of the ledger, then started again."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest
from ledger_actors import ORIGIN
from sealed_world import SealedWorld

from graphsvc.client.mirror import read_folder
from graphsvc.ledger import tiles
from graphsvc.ledger.entry import EntryDraft
from graphsvc.ledger.log import Ledger
from graphsvc.ledger.objects import FilePayloadStore
from graphsvc.lifecycle.replay import replay_erasures
from graphsvc.model.files import is_temporary, temporary
from graphsvc_verify.merkle import leaf_hash, root
from graphsvc_verify.note import NoteKey, verify_checkpoint
from graphsvc_verify.tiles import check_tree, read_entries
from tests.paths.process import until

CHILD = Path(__file__).with_name("crash_child.py")


def crashes(*arguments: str, **environment: str) -> list[tuple[int, list[str]]]:
    """The runs of a workload, each with what it had acknowledged; the last one got through."""
    done = subprocess.run(
        [sys.executable, str(CHILD), *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **environment},
    )
    assert done.returncode == 0, done.stdout[-500:] + done.stderr[-3000:]
    lines = [line.partition("|") for line in done.stdout.splitlines()]
    return [(int(point), said.split(";") if said else []) for point, _, said in lines]


def test_at_every_step_of_the_ledger(tmp_path: Path) -> None:
    runs = crashes("ledger", str(tmp_path))
    assert runs[-1][1][-1] == "closed" and len(runs) > 60
    seen = set()
    for point, said in runs:
        seen.add(len(said))
        world = SealedWorld(tmp_path / str(point))
        try:
            check(world, said)
        except BaseException as error:
            error.add_note(f"killed at point {point}, after {said}")
            raise
    assert seen == set(range(6)) | {max(seen)}, "there were kills in every part of the workload"


def check(world: SealedWorld, said: list[str]) -> None:
    """What was acknowledged is there; tree, tree head and tiles are one; it goes on."""
    ledger = world.ledger
    replay_erasures(ledger, world.store, world.keys)
    for line in said:
        what, _, rest = line.partition(" ")
        if what == "submission":
            index, _, name = rest.partition(" ")
            drafts = world.read(int(index))
            assert [draft for draft in drafts if draft] == [f"{name} {row}" for row in range(3) if drafts[row]]
            assert drafts[0] and drafts[2]
        elif what == "erased":
            assert world.read(int(rest)) == ["two 0", None, "two 2"]
        elif what in ("member", "notes"):
            assert ledger.head >= int(rest)
    for index, _ in ledger.indexes(0, ledger.head, ("submission",)):
        assert len(world.read(index)) == 3, "an entry never refers to what is not there"
    leaves = [leaf_hash(leaf) for _, _, leaf in ledger.entries(0, ledger.head)]
    assert len(set(leaves)) == len(leaves) == ledger.head
    head = verify_checkpoint(ledger.checkpoint(), ledger.log_key)
    assert (head.size, head.root) == (ledger.head, root(leaves))
    assert ledger.append(EntryDraft(type="note")).result().index >= len(leaves)
    leaves = [leaf_hash(leaf) for _, _, leaf in ledger.entries(0, ledger.head)]
    world.close()
    note = (world.settings.data / "ledger" / "tiles" / "checkpoint").read_text()
    published = verify_checkpoint(note, ledger.log_key)
    assert published.origin == ORIGIN and (published.size, published.root) == (len(leaves), root(leaves))


def grown(directory: Path, size: int) -> Ledger:
    ledger = Ledger.open(directory, ORIGIN)
    while ledger.head < size:
        ledger.append(EntryDraft(type="note")).result()
    return ledger


def read_published(directory: Path, key: NoteKey) -> int:
    """Read the published files as any verifier would; returns the size that the checkpoint states."""
    tiles = directory / "tiles"
    fetch = read_folder(tiles)
    note = verify_checkpoint((tiles / "checkpoint").read_text(), key)
    check_tree(fetch, [leaf_hash(raw) for raw in read_entries(fetch, note.size)], note, None)
    return note.size


def left_over(directory: Path) -> list[Path]:
    """Temporary files, and folders of partial tiles beside the full one."""
    found = [path for path in directory.rglob("*") if is_temporary(path.name)]
    return found + [path for path in directory.rglob("*.p") if path.with_suffix("").exists()]


def test_at_every_step_of_publishing_over_the_edge_of_a_tile(tmp_path: Path) -> None:
    grown(tmp_path / "log", 251).close()
    runs = crashes("tiles", str(tmp_path))
    assert runs[-1][1][-1] == "closed" and len(runs) > 90
    left = 0
    for point, said in runs:
        directory = tmp_path / str(point)
        left += bool(left_over(directory))
        try:
            check_tiles(directory, said)
        except BaseException as error:
            error.add_note(f"killed at point {point}, after {said}")
            raise
    assert left > 20, "kills did leave files behind"


def check_tiles(directory: Path, said: list[str]) -> None:
    """What was published is whole at any moment; the next start goes on, over the edge, and leaves no rubbish."""
    acknowledged = [int(line.split()[1]) for line in said if line.startswith("notes")]
    published = [int(line.split()[1]) for line in said if line.startswith("published")]
    ledger = Ledger.open(directory, ORIGIN)
    key, size = ledger.log_key, ledger.head
    assert size > max(acknowledged, default=0) and size >= max(published, default=0)
    assert read_published(directory, key) == size and not left_over(directory)
    while ledger.head < 262:
        ledger.append(EntryDraft(type="note")).result()
    ledger.close()
    assert ledger.closed_by is None
    assert read_published(directory, key) == 262 and not left_over(directory)


def test_the_tiles_of_the_published_checkpoint_stay_until_the_next_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = grown(tmp_path, 10)
    ledger._publisher.stop()
    with monkeypatch.context() as patch:
        patch.setattr(tiles, "write_durably", _failing(errno.ENOSPC))
        for _ in range(3):
            ledger.append(EntryDraft(type="note")).result()
            with pytest.raises(OSError):
                ledger._publisher.publish(ledger.head, ledger.checkpoint())
            assert read_published(tmp_path, ledger.log_key) == 10
    ledger.close()
    again = Ledger.open(tmp_path, ORIGIN)
    assert read_published(tmp_path, again.log_key) == 13
    again.close()


def test_what_can_not_be_removed_stops_nothing_and_nothing_of_others_is_removed(tmp_path: Path) -> None:
    grown(tmp_path, 251).close()
    partial = tmp_path / "tiles" / "tile" / "entries" / "000.p"
    (partial / "notes.txt").write_text("of somebody else")
    ours = [temporary(partial / "251"), temporary(tmp_path / "keys" / "day" / "7.json")]
    for path in ours:
        path.write_bytes(b"half")
    ledger = grown(tmp_path, 260)
    ledger.close()
    assert ledger.closed_by is None and read_published(tmp_path, ledger.log_key) == 260
    assert [path.name for path in partial.iterdir()] == ["notes.txt"] and not any(path.exists() for path in ours)
    grown(tmp_path, 261).close()
    (partial / "notes.txt").unlink()
    grown(tmp_path, 262).close()
    assert not partial.exists(), "left for the next start, and gone then"


@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC])
def test_tiles_that_can_not_be_flushed_are_published_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    world = SealedWorld(tmp_path)
    index = world.submit("one")
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", _failing(number))
        # The entry is durable by the database's own flush; its tiles can't be, but can be made again at any time.
        world.ledger.append(EntryDraft(type="note")).result()
        until(lambda: world.ledger.published_late == os.strerror(number), "publishing did not fail")
        assert world.ledger.append(EntryDraft(type="note")).result().index == world.ledger.head - 1
        assert world.ledger.closed_by is None
    until(lambda: world.ledger._publisher.published == world.ledger.head, "tiles were not published")
    head = world.ledger.head
    world.close()
    world.open()
    assert world.ledger.head == head and world.read(index) == ["one 0", "one 1", "one 2"]
    world.submit("two")
    world.close()


@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC])
def test_a_payload_that_can_not_be_flushed_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    store = FilePayloadStore(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", _failing(number))
        with pytest.raises(OSError) as caught:
            store.put(b"x")
        assert caught.value.errno == number
    assert list(store.names()) == [] and not [path for path in tmp_path.rglob("*") if path.is_file()]
    assert store.get(store.put(b"x")) == b"x"


def _failing(number: int) -> object:
    def fsync(*_arguments: object) -> None:
        raise OSError(number, os.strerror(number))

    return fsync
