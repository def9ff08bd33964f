"""What an answer may hold: bounded by the document before it runs, and by what is counted while it is put together."""

from __future__ import annotations

import asyncio
import dataclasses
import tracemalloc
from pathlib import Path
from typing import Any

import msgspec
import pytest
from api_world import World

from graphsvc.api.documents import Documents
from graphsvc.api.execution import Answer, Question, answer
from graphsvc.api.fields import Context
from graphsvc.api.schema import core_of
from graphsvc.app import api_schema
from graphsvc.model.errors import TooLarge
from graphsvc.model.principals import Organisation, Principal
from graphsvc.model.room import CODE, ROOM, Room, too_large
from graphsvc.wire.answers import Attribute, Entity, Handling, Network, Record

PRINCIPAL = Principal(Organisation("pasar", "company", "ID", "Pasar"), "ratna")
ATTRIBUTES = [Attribute(name="note", field_group="content", value="x" * 10_000)]
RECORD = Record(
    handle="h" * 34, owner="pasar", owner_kind="company", handling=Handling(scheme="tlp-2.0", code="AMBER"), pap=None,
    grading=None, origin=None, circular=False, since=None, until=None, expires=None, attributes=ATTRIBUTES,
    withheld=[], submission=None, row=None,
)  # fmt: skip
ENTITY = Entity(
    handle="h" * 34, kind="Account", key="account:x:1", records=[RECORD] * 50,
    more_records=False, record_count=50, owner_count=1, independent_sources=1,
)  # fmt: skip
NETWORK = Network(entities=[ENTITY] * 10, links=[], hubs=[], truncated=False, more_links=False, next=None)
WIDE = '{ expand(start: "h") { entities { handle records { handle owner attributes { name value } } } } }'
MANY = '{ entity(handle: "h") { ' + " ".join(f"r{n}: records {{ attributes {{ value }} }}" for n in range(40)) + " } }"
"""The same half million characters under forty names."""


class Gives:
    """Answers each root field with what it is given, and counts."""

    def __init__(self, **values: Any) -> None:
        self._values = values
        self.asked: list[str] = []

    def of(self, _view: object) -> Any:
        """The same, whatever is asked of it."""
        return self

    def __getattr__(self, name: str) -> Any:
        async def read(*_: Any) -> Any:
            self.asked.append(name)
            value = self._values[name]
            if isinstance(value, Exception):
                raise value
            return value

        return read


def ask(query: str, reading: Any, planned: bool = True) -> Answer:
    documents = Documents(api_schema())
    prepared = documents.prepare(query, None)
    assert prepared.plan is not None
    if not planned:
        prepared = dataclasses.replace(prepared, plan=None)
    question = Question(prepared, {}, documents.variables(prepared, {}))
    return asyncio.run(answer(core_of(api_schema()), question, Context(PRINCIPAL, reading)))


@pytest.mark.parametrize("planned", [True, False], ids=["plan", "graphql-core"])
def test_an_answer_that_would_be_too_large_ends_before_it_is_there(planned: bool) -> None:
    reading = Gives(expand=NETWORK, entity=ENTITY)
    assert len(ask(WIDE, reading, planned).data) > ROOM // 2
    tracemalloc.start()
    try:
        with pytest.raises(TooLarge) as refused:
            ask(MANY, reading, planned)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert refused.value.code == CODE and "limit" in refused.value.message
    # The whole would hold forty times half a million characters.
    assert peak < ROOM


@pytest.mark.parametrize("planned", [True, False], ids=["plan", "graphql-core"])
def test_one_root_field_that_is_too_large_ends_the_whole_question(planned: bool) -> None:
    with pytest.raises(TooLarge):
        ask(
            '{ entity(handle: "h") { handle } expand(start: "h") { truncated } }',
            Gives(entity=ENTITY, expand=too_large()),
            planned,
        )


@pytest.mark.parametrize("planned", [True, False], ids=["plan", "graphql-core"])
def test_a_large_answer_is_rendered_while_others_are_served(planned: bool) -> None:
    beats = 0

    async def run() -> None:
        nonlocal beats
        documents = Documents(api_schema())
        prepared = documents.prepare('{ expand(start: "h") { entities { handle kind key } } }', None)
        if not planned:
            prepared = dataclasses.replace(prepared, plan=None)
        question = Question(prepared, {}, documents.variables(prepared, {}))
        bare = [msgspec.structs.replace(ENTITY, records=[]) for _ in range(40_000 if planned else 8_000)]
        large = msgspec.structs.replace(NETWORK, entities=bare)
        asked = asyncio.create_task(answer(core_of(api_schema()), question, Context(PRINCIPAL, Gives(expand=large))))
        while not asked.done():
            await asyncio.sleep(0)
            beats += 1
        assert len((await asked).data) > 400_000

    asyncio.run(run())
    assert beats > 20, "the loop stood still"


def test_what_is_selected_again_under_another_name_is_paid_again(tmp_path: Path) -> None:
    world = World(tmp_path)
    below = " ".join(f"r{n}: records {{ owner }}" for n in range(11))
    for query in (
        f'{{ expand(start: "h") {{ entities {{ {below} }} }} }}',
        f'{{ expand(start: "h") {{ ...N }} }} fragment N on Network {{ entities {{ {below} }} }}',
        '{ expand(start: "h") { a: entities { b: records { c: owner d: owner } e: records { f: owner g: owner } } '
        "h: entities { b: records { c: owner d: owner i: pap } e: records { f: owner g: owner j: handle k: owner } } "
        "l: entities { records { x: owner y: owner } } } }",
    ):
        answered = world.graphql(query)
        assert answered.status_code == 400
        assert answered.json()["errors"][0]["extensions"]["code"] == "too_large", answered.text
    # Twice under one name is once; fewer names are paid for; a fragment in a circle is another rule's to report.
    merged = '{ expand(start: "h") { entities { kind } ...N } } fragment N on Network { entities { kind } }'
    assert world.graphql(merged).status_code == 200
    few = world.graphql('{ expand(start: "h") { a: truncated b: truncated c: truncated } }')
    assert few.status_code == 200
    circle = world.graphql("{ cases { ...A } } fragment A on Case { a: title ...A }")
    assert circle.json()["errors"][0]["extensions"]["code"] == "invalid_query"


def test_room_is_taken_until_there_is_none() -> None:
    room = Room(10)
    room.take(10)
    with pytest.raises(TooLarge):
        room.take(1)
