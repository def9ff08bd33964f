"""Answers by plan, by graphql-core and by the plain reference are the same bytes, and note the same for the ledger.

Graphs of facts are made up, as a reader may be given them: several owners, withheld groups, worlds, gradings, origins,
ends of time, records that are cut, hits, values that nobody expects. Selections are whatever the schema allows.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from answers_oracle import Reference
from graphql import get_named_type
from hypothesis import HealthCheck, Phase, given, reject, settings
from hypothesis import strategies as st
from selections import selections

from graphsvc.answers.asked import Expansion, Narrowing, Route
from graphsvc.answers.noted import Noted
from graphsvc.answers.questions import Means, Reading
from graphsvc.answers.rendering import Shapes
from graphsvc.answers.tables import Links, PathAnswers, Records
from graphsvc.api.documents import Documents, Prepared, Refused
from graphsvc.api.execution import Question, answer
from graphsvc.api.fields import Context
from graphsvc.api.schema import core_of
from graphsvc.api.tables import Several, shape_of
from graphsvc.app import api_schema
from graphsvc.graph.facts import EntityFacts, LinkClaim, Neighbourhood, Node, Path, Paths, RecordClaim, Told, tell
from graphsvc.graph.handles import Handles
from graphsvc.graph.marks import Marks
from graphsvc.model.errors import TooLarge
from graphsvc.model.labels import GROUPS, Handling, Label
from graphsvc.model.principals import Footing, Organisation, Principal
from graphsvc.model.room import ROOM, Room
from graphsvc.model.schema import load_schema
from graphsvc.policy.scope import Scope
from graphsvc.wire import answers as wire

STRAWBERRY, PRODUCT, DOCUMENTS = api_schema(), load_schema(), Documents(api_schema())
SCHEMA = core_of(STRAWBERRY)
HANDLES, MARKS = Handles(b"\x07" * 64), Marks(b"secret")
READER = Principal(Organisation("police-ke", "police", "KE", "Police"), "officer")
OWNERS = ("pasar", "swiftline", "customs-cn", "police-ke")
LABELS = {
    lid: Label(owner, kind, "KE", Handling("tlp-2.0", code), pap, "consent")
    for lid, (owner, kind, code, pap) in enumerate(
        [
            ("pasar", "company", "AMBER", "GREEN"),
            ("swiftline", "carrier", "RED", "RED"),
            ("customs-cn", "customs", "GREEN", "WHITE"),
            ("police-ke", "police", "GREEN", "GREEN"),
            ("pasar", "company", "RED", "AMBER"),
        ],
        start=1,
    )
}
NEVER = 253402300799
ROOTS = {
    "entity": '(handle: "{handle}")',
    "search": '(kind: "Phone", parts: [{{name: "value", value: "+8613800138000"}}])',
    "expand": '(start: "{handle}")',
    "paths": '(source: "{handle}", target: "{handle}")',
    "match": '(identifiers: [{{kind: "Phone", parts: [{{name: "value", value: "+8613800138000"}}]}}])',
}
EVERYTHING = """{{ expand(start: "{handle}") {{ truncated moreLinks __typename
  entities {{ ...E }} links {{ kind source target since until attributes {{ name fieldGroup value }}
    withheld {{ rule }} claimCount independentSources record {{ handle owner ownerKind handling {{ code }}
      grading {{ scheme }} origin {{ organisation }} circular }} }} }} }}
fragment E on Entity {{ handle kind key moreRecords recordCount ownerCount independentSources records {{ ...R }} }}
fragment R on Record {{ handle owner ownerKind handling {{ scheme code }} pap grading {{ scheme source information }}
  origin {{ organisation reference }} circular since until expires attributes {{ name fieldGroup value }}
  withheld {{ fieldGroup owner rule }} submission row }}"""


@dataclass
class World:
    """What the graph holds, as the readers of :mod:`graphsvc.graph.read` give it."""

    scope: Scope
    facts: list[EntityFacts]
    links: list[LinkClaim]
    truncated: bool
    told: dict[Any, Told]
    paths: list[Path]
    hits: dict[str, dict[int, list[int]]] = field(default_factory=dict)

    async def entity(self, *_: Any) -> EntityFacts | None:
        """The first entity."""
        return self.facts[0] if self.facts else None

    async def resolve(self, _scope: Scope, keys: Sequence[str], *_: Any) -> dict[str, int]:
        """Some integer."""
        return dict.fromkeys(keys, 0)

    async def entities(self, *_: Any) -> list[EntityFacts]:
        """All of them."""
        return self.facts

    async def expand(self, *_: Any) -> Neighbourhood | None:
        """All of them and their links."""
        return Neighbourhood(self.facts, self.links, self.truncated, self.told) if self.facts else None

    async def paths_between(self, *_: Any) -> Paths:
        """The paths."""
        return Paths(self.paths, {one.id: one for one in self.facts}, self.truncated)

    async def match(self, _scope: Scope, keys: Sequence[str], *_: Any) -> dict[str, dict[int, list[int]]]:
        """The hits."""
        return {key: lids for key in keys for lids in self.hits.values()}


class _Reader:
    """A world's reads under the names that a reading calls them by."""

    def __init__(self, world: World) -> None:
        self.entity, self.entities, self.resolve = world.entity, world.entities, world.resolve
        self.expand, self.paths, self.match = world.expand, world.paths_between, world.match


class _Budget:
    async def spend(self, *_: Any) -> None:
        """Nothing is rationed."""


def _reading(world: World) -> Reading:
    organisations = {owner: Organisation(owner, "company", "KE", owner) for owner in OWNERS}
    ledger = SimpleNamespace(head=1, organisations=lambda: organisations)
    core: Any = SimpleNamespace(reader=_Reader(world), schema=PRODUCT, ledger=ledger, handles=lambda _: HANDLES)
    return Reading(Means(core, _Budget()), world.scope)  # type: ignore[arg-type]


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=4)
VALUES = st.one_of(TEXT, st.booleans(), st.integers(-9, 9), st.lists(st.one_of(TEXT, st.booleans()), max_size=3))
PACKED = st.one_of(
    st.none(),
    st.sampled_from(['{"name":"a"}', '{"name":"b","tags":["x","y"]}', "{}"]),
    st.dictionaries(TEXT, VALUES, max_size=3).map(lambda values: json.dumps(values, ensure_ascii=False)),
)
GRADINGS = st.sampled_from([(None, None, None), ("A", "1", "admiralty"), ("B", None, "admiralty"), ("A", "1", "4x4")])
TIMES = st.sampled_from([None, None, "2026-01-01T00:00:00Z", "2026-05-05T00:00:00Z"])
ORIGINS = st.sampled_from([None, None, "swiftline R7", "pasar ", "swiftline r7", "elsewhere "])
ENDS = st.sampled_from([NEVER, NEVER, 1_800_000_000, 1_767_225_600])
ODD = st.sampled_from([7, True, 1.5, ["x"], {}])
SUBSETS = st.sets(st.sampled_from(sorted(LABELS)))


@st.composite
def _claim(draw: st.DrawFn, odd: bool) -> tuple[Any, ...]:
    record = draw(st.integers(0, 12))
    groups = [draw(PACKED) for _ in GROUPS]
    since = draw(TIMES)
    if odd and draw(st.integers(0, 9)) == 0:
        groups[draw(st.integers(0, 4))] = '{"a":null,"b":{"c":1}}'
    if odd and draw(st.integers(0, 9)) == 0:
        since = draw(ODD)
    # A record has one label.
    plain = (3 << 28 | record, 1 + record % len(LABELS), draw(ENDS), *draw(GRADINGS), since, draw(TIMES))
    return (*plain, *groups, draw(ORIGINS), draw(st.integers(0, 99)))


@st.composite
def _scopes(draw: st.DrawFn) -> Scope:
    lids: dict[str, tuple[int, ...]] = {"view": tuple(LABELS), "match": tuple(LABELS), "analyse": ()}
    for name in ("export", *GROUPS):
        lids[name] = tuple(sorted(draw(SUBSETS)))
    ruled = draw(st.sets(st.tuples(st.sampled_from(sorted(LABELS)), st.sampled_from(["export", *GROUPS]))))
    rules = {pair: f"rule-{pair[0]}" for pair in ruled}
    return Scope(READER, Footing("investigation", "law", "c-1"), 0, "sha256:0", 9e9, lids, LABELS, rules)


@st.composite
def worlds(draw: st.DrawFn, odd: bool = False) -> World:
    """A scope and what may be read under it."""
    facts = []
    for n in range(draw(st.integers(0, 4))):
        claims = [RecordClaim._make(draw(_claim(odd))) for _ in range(draw(st.integers(1, 4)))]
        told = tell(claims, lambda lid: LABELS[lid].owner)
        if draw(st.booleans()):
            more = draw(st.sets(st.tuples(st.sampled_from(OWNERS), st.sampled_from(["", "pasar", "swiftline"]))))
            told = Told(told.claims + 1 + len(more), told.sources | more)
        kind = draw(st.sampled_from(["Account", "Phone"]))
        key = draw(st.sampled_from([None, f"{kind.lower()}:x:{n}"]))
        facts.append(
            EntityFacts(n, MARKS.entity(f"{kind}{n}"), kind, key, claims, told, draw(st.sampled_from(["", "pasar"])))
        )
    ends = st.sampled_from([one.id for one in facts]) if facts else st.nothing()
    links = []
    for _ in range(draw(st.integers(0, 5)) if facts else 0):
        kind = draw(st.sampled_from(["USES", "CONTROLS"]))
        links.append(LinkClaim._make((draw(ends), draw(ends), kind, *draw(_claim(odd)))))
    truncated = draw(st.booleans())
    totals = {one.link: Told(9, frozenset({("pasar", ""), ("swiftline", "pasar")})) for one in links[::2]}
    paths = []
    for _ in range(draw(st.integers(0, 2)) if facts else 0):
        along = draw(st.lists(ends, min_size=1, max_size=3))
        between = [link for link in links if {link.source, link.target} <= set(along)]
        paths.append(Path(along, between[: draw(st.integers(0, 3))]))
    hits = draw(st.dictionaries(st.just("k"), st.dictionaries(st.sampled_from(sorted(LABELS)), RECORDS, max_size=2)))
    return World(draw(_scopes()), facts, links, truncated, totals if truncated else {}, paths, hits)


RECORDS = st.lists(st.integers(0, 15).map(lambda row: 3 << 28 | row), min_size=1, max_size=3, unique=True)


@st.composite
def _queries(draw: st.DrawFn) -> str:
    parts = []
    for place, name in enumerate(draw(st.lists(st.sampled_from(sorted(ROOTS)), min_size=1, max_size=3))):
        kind = get_named_type(SCHEMA.query_type.fields[name].type)  # type: ignore[union-attr]
        chosen = draw(selections(kind, 4))
        parts.append(f"r{place}: {name}{ROOTS[name]} " + chosen.replace("{", "{{").replace("}", "}}"))
    return "query Q {{ " + " ".join(parts) + " }}"


def _handle(world: World) -> str:
    return HANDLES.seal_node(1, Node(world.facts[0].mark))


def _noted(reading: Reading) -> Any:
    shapes = reading.shapes
    return shapes.shown, shapes.kept, shapes.hits(), shapes.cut.lists(), shapes.room.left


def _run(prepared: Prepared, world: World) -> tuple[Any, Any]:
    reading = _reading(world)
    question = Question(prepared, {}, DOCUMENTS.variables(prepared, {}))
    try:
        got = asyncio.run(answer(SCHEMA, question, Context(READER, reading)))
    except Exception as error:
        return (type(error), getattr(error, "message", "")), _noted(reading)
    # Each unforeseen error gets a number of its own, to be found again in the log by.
    errors = [msgspec.structs.replace(error, message=error.message.split("reference")[0]) for error in got.errors]
    return (got.data, errors), _noted(reading)


def check(world: World, query: str) -> Prepared:
    """That plan, graphql-core and reference agree about one query; returns the query as it was prepared."""
    handle = _handle(world) if world.facts else "none"
    try:
        prepared = DOCUMENTS.prepare(query.format(handle=handle), None)
    except Refused:  # two selections that can't be merged, or too much of it
        reject()
    planned, general = _run(prepared, world), _run(replace(prepared, plan=None), world)
    assert planned == general
    return prepared


def check_reference(world: World) -> None:
    """That an answer's structs, and what was noted with them, are those of the reference."""
    reading, reference = _reading(world), Reference(world.scope, HANDLES, PRODUCT)
    got = asyncio.run(reading.expand(Expansion([_handle(world)]), Narrowing(), None))
    entities, links = reference.network(world.facts, world.links, world.told)
    cut = world.truncated or any(one.more_records for one in entities)
    assert shape_of(got) == wire.Network(
        entities=entities, links=links, hubs=[], truncated=cut, more_links=world.truncated, next=None
    )
    shapes = reading.shapes
    assert (shapes.shown, shapes.kept) == (reference.shown, reference.kept)
    assert (shapes.cut.shown, shapes.cut.visible) == reference.cut
    assert ROOM - shapes.room.left == reference.taken


def some(count: int) -> settings:
    """So many examples."""
    return settings(
        deadline=None,
        max_examples=count,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
        phases=[Phase.explicit, Phase.reuse, Phase.generate],
    )


@some(60)
@given(worlds(), _queries())
def test_plans_and_graphql_core_answer_and_note_the_same(world: World, query: str) -> None:
    prepared = check(world, query)
    assert prepared.plan is not None or "@skip" in query


@some(25)
@given(worlds(odd=True), _queries())
def test_odd_facts_end_in_the_same_answer_and_notes(world: World, query: str) -> None:
    check(world, query)


@some(60)
@given(worlds().filter(lambda world: world.facts))
def test_answers_hold_and_note_what_the_reference_does(world: World) -> None:
    check_reference(world)


@some(25)
@given(worlds().filter(lambda world: world.facts), _queries())
def test_a_table_takes_the_room_that_its_structs_take(world: World, query: str) -> None:
    prepared = check(world, query)
    if prepared.plan is None:
        return
    reading, context = _reading(world), Context(READER)
    context.reading = reading

    async def values() -> list[Any]:
        assert prepared.plan is not None
        info: Any = SimpleNamespace(context=context)
        return [
            await root.resolve(info, **root.arguments(DOCUMENTS.variables(prepared, {})))
            for root in prepared.plan.roots
        ]

    tables = asyncio.run(values())
    left = []
    for given_ in (tables, list(map(shape_of, tables))):
        room = Room()
        prepared.plan.project(given_, room)
        left.append(room.left)
    assert left[0] == left[1] <= ROOM
    if left[0] < ROOM:
        with pytest.raises(TooLarge):
            prepared.plan.project(tables, Room(ROOM - left[0] - 1))
    prepared.plan.project(tables, Room(ROOM - left[0]))


def _busy_world() -> World:
    """One that has some of everything."""
    texts = ['{"name":"a"}', None, '{"tags":["x",true]}', None, None]
    claims = [
        RecordClaim(3 << 28 | n, 1 + n % 5, NEVER, "A", "1", "admiralty", None, None, *texts, "pasar R1", n)
        for n in range(6)
    ]
    told = tell(claims, lambda lid: LABELS[lid].owner)
    facts = [EntityFacts(n, MARKS.entity(str(n)), "Phone", f"phone:{n}", claims[: 5 - n], told, "") for n in range(2)]
    links = [LinkClaim(0, 1, "USES", *claim) for claim in claims]
    lids = {"view": tuple(LABELS), "identity": (1, 2), "content": (1, 3), "export": (2,)}
    scope = Scope(READER, Footing(), 0, "sha256:0", 9e9, lids, LABELS, {(1, "content"): "rule-1"})
    return World(scope, facts, links, False, {}, [Path([0, 1], links[:2])])


@pytest.mark.parametrize(
    ("owner", "name", "planted"),
    [
        (Noted, "owners", lambda self: ["pasar" for _ in self.terms]),
        (Noted, "repeats", lambda self, among: [False] * len(self.claims)),
        (Records, "submission", lambda self: [claim.rec >> 28 for claim in self._claims]),
        (Records, "expires", lambda self: ["never"] * len(self)),
        (Links, "source", Links.target),
        (Links, "claim_count", lambda self: [1] * len(self)),
        (Shapes, "_note", lambda self, record, terms: self._handles.seal(0, record)),
    ],
)
def test_a_wrong_member_or_a_missing_note_is_seen(
    monkeypatch: pytest.MonkeyPatch, owner: type, name: str, planted: Any
) -> None:
    check_reference(_busy_world())
    monkeypatch.setattr(owner, name, planted)
    with pytest.raises(AssertionError):
        check_reference(_busy_world())


def test_a_plan_that_answers_something_else_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    assert check(_busy_world(), EVERYTHING).plan is not None
    whole = Records.column
    monkeypatch.setattr(Several, "values", lambda self: [shapes[::-1] for shapes in VALUES_OF(self)])
    with pytest.raises(AssertionError):
        check(_busy_world(), EVERYTHING)
    monkeypatch.undo()
    monkeypatch.setattr(Records, "column", lambda self, name: whole(self, "owner" if name == "owner_kind" else name))
    # Structs are made of the same columns: here only the reference can tell.
    check(_busy_world(), EVERYTHING)
    with pytest.raises(AssertionError):
        check_reference(_busy_world())


VALUES_OF = Several.values
"""What it was before anything was planted."""


@pytest.mark.parametrize("many", [True, False])
def test_a_path_that_is_cut_says_so(many: bool) -> None:
    world = _busy_world()
    world.truncated = many
    handle = _handle(world)
    got = asyncio.run(_reading(world).paths(Route(handle, handle), Narrowing(), None))
    assert isinstance(got.table, PathAnswers) and got.table.count == 2 + 9 + 2
    shape: wire.Paths = shape_of(got)
    assert (shape.more_paths, [path.length for path in shape.paths]) == (many, [1])
