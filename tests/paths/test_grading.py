"""Grading as a filter and circular reporting, through the running parts: what is asked for, and what is counted."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from graphsvc.client import Client
from graphsvc.client.errors import Refused
from graphsvc.demo.company import Members
from graphsvc.model.drafts import Defaults
from graphsvc.model.labels import Handling
from tests.paths.conftest import FOOTING
from tests.paths.wire import DEFAULTS, SITE, file_of, phone, row

RECORDS = """records { owner circular origin { organisation reference } grading { scheme source information } }"""
LINKS = """links { kind independentSources
  record { owner circular origin { organisation reference } grading { scheme source information } } }"""
SEARCH = f"""query($kind: String!, $parts: [KeyPart!]!, $grading: GradingFilter, $after: Int) {{
  search(kind: $kind, parts: $parts, grading: $grading, after: $after) {{
    handle key independentSources {RECORDS} }} }}"""
ENTITY = f"""query($handle: ID!, $grading: GradingFilter) {{
  entity(handle: $handle, grading: $grading) {{ handle key independentSources {RECORDS} }} }}"""
EXPAND = f"""query($start: ID!, $limit: Int!, $grading: GradingFilter) {{
  expand(start: $start, hops: 2, limit: $limit, grading: $grading) {{
    truncated entities {{ handle key independentSources {RECORDS} }} {LINKS} }} }}"""
PATHS = f"""query($source: ID!, $target: ID!, $grading: GradingFilter) {{
  paths(source: $source, target: $target, grading: $grading) {{ paths {{ length entities {{ key }} {LINKS} }} }} }}"""
B2 = {"scheme": "admiralty", "source": "B", "information": "2"}
RED = Defaults(handling=Handling("tlp-2.0", "RED"), legal_basis="statutory-duty", pap="RED")


def graded(scheme: str, source: str, information: str) -> dict[str, Any]:
    return {"grading": {"scheme": scheme, "source": source, "information": information}}


def derived(organisation: str | None, reference: str) -> dict[str, Any]:
    origin = {"reference": reference} | ({} if organisation is None else {"organisation": organisation})
    return {"origin": origin}


@dataclass
class Desk:
    """Sends rows for anybody and asks as the investigator."""

    members: Members
    folder: Path
    client: Client
    after: int = -1

    def submit(self, org: str, *rows: bytes, defaults: Defaults = DEFAULTS) -> None:
        outgoing = file_of(self.folder / f"{org}-{self.after}.ndjson", rows, defaults)
        sent = self.members.client(f"{org}.feed").submit(outgoing, org, self.members.by_name[org].working)
        assert sent.rejected == 0, sent.problems
        self.after = sent.index

    def find(self, kind: str, grading: Any = None, **parts: str) -> list[dict[str, Any]]:
        stated = {"kind": kind, "parts": [{"name": n, "value": v} for n, v in parts.items()], "grading": grading}
        found: list[dict[str, Any]] = self.client.query(SEARCH, stated, FOOTING, self.after).data["search"]
        return found

    def account(self, account: str, grading: Any = None) -> list[dict[str, Any]]:
        return self.find("Account", grading, site=SITE, id=account)

    def ask(self, document: str, **variables: Any) -> Any:
        return next(iter(self.client.query(document, variables, FOOTING).data.values()))


@pytest.fixture
def desk(members: Members, tmp_path: Path, investigator: Client) -> Desk:
    return Desk(members, tmp_path, investigator)


def test_a_minimum_grading_holds_for_every_question_and_before_every_cut(desk: Desk) -> None:
    poor = [row(f"poor-{n}", 810_001, **graded("admiralty", "E", "5")) for n in range(6)]
    good = [
        row("good-1", 810_001, **graded("admiralty", "A", "2")),
        row("good-2", 810_001, **graded("europol-4x4", "B", "2")),
        row("good-2", 810_002, **graded("uk-3x5x2", "1", "A")),
    ]
    vague = [row("ungraded", 810_001), row("untested", 810_001, **graded("uk-3x5x2", "2", "A"))]
    desk.submit("pasar", *poor, *good, *vague)
    (start,) = desk.find("Phone", B2, value=phone(810_001))
    assert len(start["records"]) == 2 and start["key"] == f"phone:e164:{phone(810_001)}"
    assert desk.account("poor-0") and desk.account("poor-0", B2) == []
    (hub,) = desk.find("Phone", value=phone(810_001))
    assert len(hub["records"]) == 10

    network = desk.ask(EXPAND, start=start["handle"], limit=3, grading=B2)
    assert not network["truncated"] and len(network["links"]) == 3, "what does not pass uses up no limit"
    keys = {one["key"] for one in network["entities"]}
    assert keys == {
        f"account:{SITE}:good-1",
        f"account:{SITE}:good-2",
        *(f"phone:e164:{phone(810_000 + n)}" for n in (1, 2)),
    }
    assert {one["grading"]["scheme"] for entity in network["entities"] for one in entity["records"]} == {
        *("admiralty", "europol-4x4", "uk-3x5x2")
    }
    assert desk.ask(EXPAND, start=start["handle"], limit=3, grading=None)["truncated"]
    some = {**B2, "ungraded": True}
    assert len(desk.ask(EXPAND, start=start["handle"], limit=9, grading=some)["links"]) == 4
    any_graded = desk.ask(EXPAND, start=start["handle"], limit=20, grading={})
    assert len(any_graded["links"]) == 10, "all but the ungraded one"

    (poor_one,), (good_one,) = desk.account("poor-0"), desk.account("good-1")
    ends = {"source": poor_one["handle"], "target": good_one["handle"]}
    assert [way["length"] for way in desk.ask(PATHS, **ends, grading=None)["paths"]] == [2]
    assert desk.ask(PATHS, **ends, grading=B2)["paths"] == []
    (other,) = desk.account("good-2")
    (way,) = desk.ask(PATHS, source=good_one["handle"], target=other["handle"], grading=B2)["paths"]
    assert way["length"] == 2
    assert desk.ask(ENTITY, handle=poor_one["handle"], grading=B2) is None
    assert len(desk.ask(ENTITY, handle=good_one["handle"], grading=B2)["records"]) == 1


@pytest.mark.parametrize(
    "grading",
    [
        {"scheme": "nato"},
        {"scheme": "admiralty", "source": "Z"},
        {"source": "B"},
        {"scheme": "admiralty", "source": ""},
    ],
)
def test_a_grading_that_no_scheme_has_is_refused(desk: Desk, grading: dict[str, str]) -> None:
    for document, variables in (
        (ENTITY, {"handle": "x"}),
        (EXPAND, {"start": "x", "limit": 1}),
        (PATHS, {"source": "x", "target": "y"}),
        (SEARCH, {"kind": "Phone", "parts": [{"name": "value", "value": phone(1)}]}),
    ):
        with pytest.raises(Refused) as refused:
            desk.ask(document, **variables, grading=grading)
        assert refused.value.status == 400 and refused.value.where.startswith("grading")


def records_of(entity: dict[str, Any]) -> dict[str, bool]:
    return {one["owner"]: one["circular"] for one in entity["records"]}


def test_one_source_that_comes_back_through_others_is_shown_and_counted_once(desk: Desk) -> None:
    desk.submit("pasar", row("round", 820_001, **derived(None, "PS-7")))
    (alone,) = desk.account("round")
    assert alone["independentSources"] == 1 and records_of(alone) == {"pasar": False}
    assert alone["records"][0]["origin"] == {"organisation": "pasar", "reference": "PS-7"}
    # Police had it from Pasar, customs from police: still one source, and it is seen which ones pass it on.
    desk.submit("police-ke", row("round", 820_001, **derived("pasar", "ps-7")))
    desk.submit("customs-cn", row("round", 820_001, **derived("police-ke", "K 1")))
    (passed_on,) = desk.account("round")
    assert passed_on["independentSources"] == 1
    assert records_of(passed_on) == {"pasar": False, "police-ke": True, "customs-cn": True}
    network = desk.ask(EXPAND, start=passed_on["handle"], limit=20, grading=None)
    assert [link["independentSources"] for link in network["links"]] == [1, 1, 1]
    marked = {link["record"]["owner"]: link["record"]["circular"] for link in network["links"]}
    assert marked == {"pasar": False, "police-ke": True, "customs-cn": True}
    # The courier knows it by itself.
    desk.submit("swiftline", row("round", 820_001))
    (known,) = desk.account("round")
    assert known["independentSources"] == 2 and records_of(known)["swiftline"] is False
    (way,) = desk.ask(PATHS, source=known["handle"], target=desk.find("Phone", value=phone(820_001))[0]["handle"])[
        "paths"
    ]
    assert {link["independentSources"] for link in way["links"]} == {2} and len(way["links"]) == 4


def test_what_may_not_be_seen_makes_nothing_circular(desk: Desk) -> None:
    """Two worlds that differ in a record that the reader may not see give the same answer."""
    answers = []
    for account, hidden in (("twin-1", False), ("twin-2", True)):
        if hidden:
            desk.submit("pasar", row(account, 830_001, **derived(None, "PS-8")), defaults=RED)
            desk.submit("swiftline", row(account, 830_001, **derived("police-ke", "K 2")), defaults=RED)
        desk.submit("police-ke", row(account, 830_001, **derived("pasar", "PS-8")))
        (found,) = desk.account(account)
        answers.append((found["independentSources"], found["records"]))
    assert answers[0] == answers[1]
    assert answers[0][0] == 1 and answers[0][1][0]["circular"] is False


def test_an_origin_that_is_none_is_refused_at_the_row(desk: Desk, members: Members) -> None:
    rows = [row("bad-origin", 840_001, origin={"organisation": "Not a slug"}), row("fine", 840_001)]
    outgoing = file_of(desk.folder / "bad.ndjson", rows)
    sent = members.client("pasar.feed").submit(outgoing, "pasar", members.by_name["pasar"].working)
    assert (sent.accepted, sent.rejected) == (1, 1)
    assert [(one.code, one.pointer) for one in sent.problems] == [("bad_origin", "/origin/organisation")]
