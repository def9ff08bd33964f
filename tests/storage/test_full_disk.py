"""A real disk that fills up and has room again: what was refused is not there, what was acknowledged is, it goes on."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from pathlib import Path

import pytest
from ledger_actors import ORIGIN
from sealed_world import SealedWorld

from graphsvc.answers.budget import Budget
from graphsvc.ledger.entry import EntryDraft
from graphsvc.ledger.log import Ledger
from graphsvc.ledger.rowkeys import RowKeys
from graphsvc.model.errors import NoRoom, Unavailable
from graphsvc.model.principals import Organisation
from graphsvc.policy.limits import Limits
from graphsvc_verify.merkle import leaf_hash, root
from graphsvc_verify.note import verify_checkpoint
from tests.disks import fill, mounted
from tests.paths.process import until


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    with mounted(folder, "12m"):
        yield folder


def _note(ledger: Ledger, text: str) -> int:
    return ledger.append(EntryDraft(type="note", body={"text": text})).result().index


def _whole(ledger: Ledger) -> None:
    """The tree that is signed is the one over the entries that are there."""
    leaves = [leaf_hash(leaf) for _, _, leaf in ledger.entries(0, ledger.head)]
    head = verify_checkpoint(ledger.checkpoint(), ledger.log_key)
    assert (head.size, head.root) == (ledger.head, root(leaves)) == (len(leaves), root(leaves))


@pytest.mark.parametrize("left", [0, 40 << 10])
def test_the_ledger_refuses_what_has_no_room_and_goes_on_by_itself(disk: Path, left: int) -> None:
    ledger = Ledger.open(disk / "ledger", ORIGIN)
    try:
        kept = [_note(ledger, f"{n}" * 9_000) for n in range(9)]
        for _ in range(3):
            filler = fill(disk, left)
            with pytest.raises(NoRoom):
                for n in range(600):
                    kept.append(_note(ledger, f"{n}" * 9_000))
            with pytest.raises(NoRoom):
                _note(ledger, "x" * 9_000)
            assert ledger.closed_by is None and ledger.full
            assert ledger.head == kept[-1] + 1, "what was refused is not there"
            filler.unlink()
            assert not ledger.full
            kept.append(_note(ledger, "room again"))
            _whole(ledger)
        assert kept == sorted(set(kept))
    finally:
        ledger.close()
    ledger = Ledger.open(disk / "ledger", ORIGIN)
    _whole(ledger)
    assert ledger.head > kept[-1] and ledger.published_late is None
    ledger.close()


def test_tiles_without_room_are_published_when_there_is(disk: Path, tmp_path: Path) -> None:
    tiles = tmp_path / "ledger" / "tiles"
    tiles.mkdir(parents=True)
    with mounted(tiles, "1m"):
        ledger = Ledger.open(tmp_path / "ledger", ORIGIN)
        try:
            filler = fill(tiles)
            for n in range(5):
                _note(ledger, f"{n}")
            until(lambda: ledger.published_late, "tiles had room")
            assert ledger.closed_by is None and _note(ledger, "goes on") == ledger.head - 1
            filler.unlink()
            until(lambda: ledger._publisher.published == ledger.head, "tiles were not published")
            until(lambda: ledger.published_late is None, "readiness still says that tiles are late")
            published = verify_checkpoint((tiles / "checkpoint").read_text(), ledger.log_key)
            assert published.size == ledger.head
        finally:
            ledger.close()


def test_row_keys_without_room(disk: Path) -> None:
    keys = RowKeys(disk / "rows.db")
    keys.keep({"before": bytes(64)})
    filler = fill(disk)
    with pytest.raises(OSError) as caught:
        keys.keep({f"pack {n}": bytes(100_000) for n in range(100)})
    assert caught.value.errno == errno.ENOSPC and keys.has("before") and not keys.has("pack 0")
    filler.unlink()
    keys.keep({"after": bytes(64)})
    assert keys.has("before") and keys.has("after")
    keys.close()


def test_a_budget_without_room(disk: Path) -> None:
    budget = Budget(disk / "budget.db", bytes(32), lambda: Limits(1_000_000))
    organisation = Organisation("pasar", "company", "ID", "Pasar")
    filler = fill(disk)
    with pytest.raises(Unavailable):
        budget._spend(organisation, [f"phone|{n}" for n in range(100_000)])
    filler.unlink()
    budget._spend(organisation, ["phone|1"])
    assert budget._balance(organisation).used == 1
    budget.close()


def test_a_submission_without_room_leaves_nothing_that_is_referred_to(disk: Path) -> None:
    world = SealedWorld(disk)
    first = world.submit("one")
    filler = fill(disk)
    with pytest.raises(OSError):
        world.submit("two", rows=3_000)
    filler.unlink()
    again = world.submit("two", rows=3_000)
    assert len(world.read(again)) == 3_000 and world.read(first) == ["one 0", "one 1", "one 2"]
    world.close()
