"""What a line of a ring's explanation cites: records of every owner before anybody's second, and how many there are."""

from __future__ import annotations

from graphsvc.answers.rendering import CITED, Shapes
from graphsvc.detect.explain import Reason, Ring
from graphsvc.graph.handles import Handles
from graphsvc.model.labels import Handling, Label
from graphsvc.model.principals import Footing, Organisation, Principal
from graphsvc.model.room import Room
from graphsvc.model.schema import load_schema
from graphsvc.policy.scope import Scope
from graphsvc.wire.answers import Entity

OWNERS = ("pasar", "customs-cn", "swiftline")
LABELS = {
    n: Label(one, "company", "ID", Handling("tlp-2.0", "GREEN"), "GREEN", "consent") for n, one in enumerate(OWNERS, 1)
}
READER = Principal(Organisation("police-ke", "police", "KE", "Police"), "analyst")
SCOPE = Scope(READER, Footing(), 0, "sha256:0", 0.0, {"view": tuple(LABELS)}, LABELS)


def test_every_owner_is_cited_before_anybodys_second() -> None:
    shapes = Shapes(SCOPE, Handles(bytes(range(64))), load_schema(), Room())
    owner_of = {record: 1 if record < 60 else record - 58 for record in range(62)}
    for record, lid in owner_of.items():
        shapes.note(record, lid)
    handles = {handle: owner for owner, noted in shapes.shown.items() for handle, _ in noted.values()}
    records = (*owner_of, 77, 78)  # two that no entity of the answer lists
    ring = Ring(1, "1.000", (5,), (), 1, 2, 0, (Reason("shared", records), Reason("one", (60,))))
    account = Entity(
        handle="a", kind="Account", key=None, records=[],
        more_records=False, record_count=0, owner_count=0, independent_sources=0,
    )  # fmt: skip
    (cited, one) = shapes.ring(ring, {5: account}).reasons
    assert [handles[handle] for handle in cited.records].count("pasar") == CITED - 2 == len(set(cited.records)) - 2
    assert {handles[handle] for handle in cited.records[:3]} == set(OWNERS)
    assert (cited.record_count, one.record_count, len(one.records)) == (64, 1, 1)
