"""The claims' columns: exactly what a scope may analyse comes out, also after changes and crashes."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from graphsvc.answers import rings
from graphsvc.answers.rings import Apart, take_apart
from graphsvc.columns.claims import ClaimArrays
from graphsvc.columns.store import Columns, Watermark
from graphsvc.model.claims import UNKNOWN
from graphsvc.model.drafts import CleanDraft, CleanEntity, CleanLink
from graphsvc.model.errors import IntegrityError, TooLarge
from graphsvc.model.files import temporary
from graphsvc.model.labels import Handling, Label
from graphsvc.model.principals import Footing, Organisation, Principal
from graphsvc.model.times import FOREVER, epoch
from graphsvc.policy.scope import Scope

LABEL = Label("pasar", "company", "ID", Handling("tlp-2.0", "GREEN"), "GREEN", "consent")
READER = Principal(Organisation("police-ke", "police", "KE", "Police"), "someone")


def scope(*lids: int, hidden: tuple[int, ...] = ()) -> Scope:
    return Scope(READER, Footing(), 0, "", 0.0, {"analyse": lids, "view": (1, 2, 3)}, {}, {}, hidden)


def draft(row: int, expires: str | None = None, since: str | None = None) -> CleanDraft:
    entities = [CleanEntity("Account", "account:x:1", {}), CleanEntity("Phone", "phone:e164:+1", {})]
    return CleanDraft(row, LABEL, entities, [CleanLink("USES", 0, 1, {}, since)], expires=expires)


def rows(arrays: ClaimArrays) -> list[tuple[int, int, int]]:
    return sorted(zip(arrays.rec.tolist(), arrays.lid.tolist(), arrays.src.tolist(), strict=True))


@pytest.fixture
def columns(tmp_path: Path) -> Columns:
    store = Columns(tmp_path / "columns")
    drafts = [draft(0), draft(1, expires="2030-01-01T00:00:00Z"), draft(2)]
    store.append_drafts(0, 0, drafts, [[10, 11], [12, 11], [13, 11]], [1, 1, 2])
    store.append_drafts(1, 0, [draft(0, since="2024-05-01")], [[10, 14]], [3])
    return store


FIRST, SECOND, THIRD, OTHER = 0, 1, 2, 1 << 28


def test_select_gives_what_may_be_analysed(columns: Columns) -> None:
    assert rows(columns.select(scope(1), 0)) == [(FIRST, 1, 10), (SECOND, 1, 12)]
    assert rows(columns.select(scope(1, 3), 0)) == [(FIRST, 1, 10), (SECOND, 1, 12), (OTHER, 3, 10)]
    assert rows(columns.select(scope(), 0)) == [] == rows(columns.select(scope(99), 0))


def test_select_spells_kinds_and_times(columns: Columns) -> None:
    arrays = columns.select(scope(1, 2, 3), 0)
    assert arrays.words == ("Account", "Phone", "USES")
    assert {arrays.words[code] for code in arrays.src_kind} == {"Account"}
    assert {arrays.words[code] for code in arrays.dst_kind} == {"Phone"}
    assert {arrays.words[code] for code in arrays.kind} == {"USES"}
    assert sorted(arrays.since.tolist()) == [UNKNOWN] * 3 + [1714521600]
    empty = columns.select(scope(), 0)
    assert (len(empty), empty.words, empty.kind.dtype) == (0, (), arrays.kind.dtype)


def test_expired_claims_are_gone(columns: Columns) -> None:
    end = epoch("2030-01-01T00:00:00Z", FOREVER)
    assert rows(columns.select(scope(1), end - 1)) == [(FIRST, 1, 10), (SECOND, 1, 12)]
    assert rows(columns.select(scope(1), end)) == [(FIRST, 1, 10)]


def test_withdrawn_claims_are_gone(columns: Columns, tmp_path: Path) -> None:
    assert rows(columns.select(scope(1, hidden=(FIRST,)), 0)) == [(SECOND, 1, 12)]
    columns.withdraw([FIRST])
    assert rows(columns.select(scope(1), 0)) == [(SECOND, 1, 12)]
    assert rows(Columns(tmp_path / "columns").select(scope(1), 0)) == [(SECOND, 1, 12)]


def test_moved_claims_follow_their_label(columns: Columns, tmp_path: Path) -> None:
    columns.move(5, [(3, [FIRST, THIRD])])
    assert rows(columns.select(scope(1), 0)) == [(SECOND, 1, 12)]
    assert rows(columns.select(scope(3), 0)) == [(FIRST, 3, 10), (THIRD, 3, 13), (OTHER, 3, 10)]
    columns.move(6, [(2, [FIRST])])
    columns.withdraw([OTHER])
    reopened = Columns(tmp_path / "columns")
    for store in (columns, reopened):
        assert rows(store.select(scope(2), 0)) == [(FIRST, 2, 10)]
        assert rows(store.select(scope(3), 0)) == [(THIRD, 3, 13)]
        assert rows(store.select(scope(3, hidden=(THIRD,)), 0)) == []


def test_appending_again_changes_nothing(columns: Columns) -> None:
    before = rows(columns.select(scope(1, 2, 3), 0))
    columns.append_drafts(1, 0, [draft(0)], [[10, 14]], [3])
    assert rows(columns.select(scope(1, 2, 3), 0)) == before


def test_watermark_follows_batches_also_empty_ones(columns: Columns, tmp_path: Path) -> None:
    assert Columns(tmp_path / "new").watermark() == Watermark(-1, 0)
    assert columns.watermark() == Watermark(1, 0)
    columns.append_drafts(7, 3, [], [], [])
    assert columns.watermark() == Columns(tmp_path / "columns").watermark() == Watermark(7, 3)
    assert columns.has(7, 3) and not columns.has(7, 4)
    assert len(columns.select(scope(1, 2, 3), 0)) == 4


def test_a_crash_while_writing_leaves_nothing_visible(columns: Columns, tmp_path: Path) -> None:
    leftover = temporary(tmp_path / "columns" / "claims-000000000009-000000000.parquet")
    leftover.write_bytes(b"PAR1 half")
    reopened = Columns(tmp_path / "columns")
    assert reopened.watermark() == Watermark(1, 0) and not leftover.exists()


def test_a_broken_part_stops_reading(columns: Columns, tmp_path: Path) -> None:
    (tmp_path / "columns" / "claims-000000000001-000000000.parquet").write_bytes(b"nonsense")
    with pytest.raises(IntegrityError):
        columns.select(scope(3), 0)


def test_views_do_not_count_for_analysis(columns: Columns) -> None:
    only_view = replace(scope(), lids={"view": (1, 2, 3)})
    assert len(columns.select(only_view, 0)) == 0


def test_an_entity_is_a_node_of_its_own_in_each_world(columns: Columns) -> None:
    """Label 1 is named to the reader; 2 and 3 are not, by two owners: entities 10, 11 are in two worlds each."""
    labels = {
        lid: msgspec.structs.replace(LABEL, owner=owner) for lid, owner in ((1, "pasar"), (2, "tide"), (3, "drift"))
    }
    reader = replace(scope(1, 2, 3), labels=labels, lids={**scope(1, 2, 3).lids, "identity": (1,)})
    claims, apart = take_apart(columns.select(reader, 0), reader)
    pairs = zip(claims.rec.tolist(), claims.src.tolist(), claims.dst.tolist(), strict=True)
    found = {rec: (whose(apart, src), whose(apart, dst)) for rec, src, dst in pairs}
    assert found == {
        FIRST: (("", 10), ("", 11)),
        SECOND: (("", 12), ("", 11)),
        THIRD: (("tide", 13), ("tide", 11)),
        OTHER: (("drift", 10), ("drift", 14)),
    }
    assert len({*claims.src.tolist(), *claims.dst.tolist()}) == 7
    # Who may name everything has one world, and entities are the nodes.
    all_named = replace(reader, lids={**reader.lids, "identity": (1, 2, 3)})
    claims, apart = take_apart(columns.select(all_named, 0), all_named)
    assert apart.by_world([10, 14]) == {"": {10: 10, 14: 14}} and sorted(set(claims.src.tolist())) == [10, 12, 13]
    assert take_apart(columns.select(scope(), 0), scope())[1].by_world([]) == {}


def whose(apart: Apart, node: int) -> tuple[str, int]:
    ((world, numbers),) = apart.by_world([node]).items()
    return world, next(iter(numbers))


def test_a_direct_search_for_rings_is_bounded_by_what_the_caller_may_analyse(
    columns: Columns, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def names(_apart: Apart, nodes: Sequence[int]) -> Sequence[str]:
        return [str(node) for node in nodes]

    def named(*lids: int) -> Scope:
        return replace(scope(*lids), lids={**scope(*lids).lids, "identity": (1, 2, 3)})

    monkeypatch.setattr(rings, "DIRECT", 2)
    assert not asyncio.run(rings.find_rings(columns, named(1), {}, names)).found.rings, "what is hidden does not count"
    with pytest.raises(TooLarge, match="detectRings") as caught:
        asyncio.run(rings.find_rings(columns, named(1, 2), {}, names))
    assert caught.value.code == "too_many_claims"
