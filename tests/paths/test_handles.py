"""Handles belong to the organisation that they were given to: any other is answered like one that never was."""

from __future__ import annotations

from typing import Any

import pytest

from graphsvc.client import Client
from graphsvc.demo.company import Members
from graphsvc.model.principals import Footing
from tests.paths.conftest import FOOTING
from tests.paths.wire import SEARCH, account_key, file_of, phone, row

ENTITY = "query($h: ID!) { entity(handle: $h) { handle key records { owner } } }"
EXPAND = "query($h: ID!) { expand(start: $h, hops: 2, limit: 10) { truncated entities { handle } } }"
TO = "query($h: ID!, $far: ID!) { paths(source: $far, target: $h, maxHops: 4, k: 2) { paths { length } } }"
FROM = "query($h: ID!, $far: ID!) { paths(source: $h, target: $far, maxHops: 4, k: 2) { paths { length } } }"
QUESTIONS = {
    "entity": (ENTITY, b'{"entity":null}'),
    "expand": (EXPAND, b'{"expand":null}'),
    "path to": (TO, b'{"paths":{"paths":[]}}'),
    "path from": (FROM, b'{"paths":{"paths":[]}}'),
}


def search(client: Client, variables: dict[str, Any], footing: Footing, after: int) -> tuple[str, str]:
    """The handles of an entity and of its first record."""
    found = client.query(SEARCH, variables, footing, after).data["search"]
    return found[0]["handle"], found[0]["records"][0]["handle"]


@pytest.fixture(scope="module")
def handles(members: Members, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Handles of one account, seen by the police and by the marketplace, and others that lead nowhere."""
    outgoing = file_of(tmp_path_factory.mktemp("handles") / "rows.ndjson", [row("handled", 77)])
    index = members.client("pasar.feed").submit(outgoing, "pasar", members.by_name["pasar"].working).index
    police, pasar = members.client("police-ke.investigator"), members.client("pasar.officer")
    own, record = search(police, account_key("handled"), FOOTING, index)
    far, _ = search(police, {"kind": "Phone", "parts": [{"name": "value", "value": phone(77)}]}, FOOTING, index)
    foreign, _ = search(pasar, account_key("handled"), Footing(), index)
    assert own != foreign
    altered = foreign[:-1] + ("A" if foreign[-1] != "A" else "B")
    return {"own": own, "foreign": foreign, "invented": altered, "record": record, "none": "x" * 300, "far": far}


@pytest.mark.parametrize("question", QUESTIONS)
def test_foreign_and_invented_handles_are_answered_alike(
    investigator: Client, handles: dict[str, str], question: str
) -> None:
    document, nothing = QUESTIONS[question]
    more = {"far": handles["far"]} if "$far" in document else {}
    for name in ("own", "foreign", "invented", "record", "none"):
        handle = handles[name]
        answer = investigator.query(document, {"h": handle, **more}, FOOTING)
        assert (answer.raw == nothing) == (name != "own"), name


def test_what_may_not_be_seen_is_answered_like_what_is_not_there(members: Members, handles: dict[str, str]) -> None:
    courier = members.client("swiftline.officer")
    hidden = courier.query(SEARCH, account_key("handled")).raw
    assert hidden == courier.query(SEARCH, account_key("never-heard-of")).raw == b'{"search":[]}'
