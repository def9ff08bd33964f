"""Lists in parts through the running parts: networks, paths, what is common, rings, versions, beginnings."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from graphsvc.client import Client
from graphsvc.client.errors import Refused
from graphsvc.client.questions import COMMON, EXPAND, IDENTIFIERS, PATHS, RINGS, VERSIONS
from graphsvc.demo.company import Members
from graphsvc.model.principals import Footing
from tests.paths.conftest import FOOTING
from tests.paths.test_asked import run
from tests.paths.test_finding import RED, Desk, used
from tests.paths.wire import DEFAULTS, SITE, phone

BASE = 7_210_000
BUDGET = "{ budget { used } }"
WALK: dict[str, Any] = {"hops": 2, "hubCap": None}


@pytest.fixture(scope="module")
def desk(members: Members, tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """Two accounts with five telephones in common, said by two organisations, and what may not be seen of them."""
    desk = Desk(members, tmp_path_factory.mktemp("parts"))
    desk.submit("pasar", *(used(f"pt-{who}", BASE + n) for who in "ab" for n in range(5)))
    desk.submit("swiftline", *(used(f"pt-{who}", BASE + n) for who in "ab" for n in range(2)))
    desk.submit("customs-cn", *(used(f"pt-{who}", BASE + n) for who in "abc" for n in range(9)), defaults=RED)
    # Three rings of three accounts each.
    rows = [
        used(f"pt-r{ring}{who}", BASE + 100 + 10 * ring + n) for ring in range(3) for who in "xyz" for n in range(3)
    ]
    desk.submit("pasar", *rows)
    desk.phone(BASE)
    return desk


def pages(client: Client, question: Any, asked: dict[str, Any], footing: Footing = FOOTING) -> list[Any]:
    return [found for found, _ in client.pages(question, asked, footing)]


def refused(client: Client, question: Any, asked: dict[str, Any], footing: Footing = FOOTING) -> tuple[str, str]:
    with pytest.raises(Refused) as caught:
        client.ask(question, asked, footing)
    return caught.value.code, caught.value.where


def test_a_network_and_what_is_common_in_parts_are_the_whole(desk: Desk) -> None:
    both = [desk.account(f"pt-{who}") for who in "ab"]
    for question, asked, first in (
        (EXPAND, {"starts": both, **WALK}, {"limit": 3}),
        (COMMON, {"entities": both}, {"limit": 3}),
    ):
        whole = desk.client.read(question, {**asked, "limit": 2_000}, FOOTING)
        parts = pages(desk.client, question, {**asked, **first})
        assert len(whole.links) == 14 and whole.next is None
        assert [len(part.links) for part in parts] == [3, 3, 3, 3, 2] and all(part.more_links for part in parts[:-1])
        said = [(link.source, link.target, link.record.handle) for part in parts for link in part.links]
        assert sorted(said) == sorted((link.source, link.target, link.record.handle) for link in whole.links)
        assert {one.handle for part in parts for one in part.entities} == {one.handle for one in whole.entities}
        assert {link.record.owner for link in parts[0].links} == {"pasar", "swiftline"}, "both before anybody's second"
    things = {one.thing: (one.claim_count, one.owner_count) for one in whole.shared}
    assert {one.thing: (one.claim_count, one.owner_count) for part in parts for one in part.shared} == things


def test_paths_in_parts_are_all_paths(desk: Desk) -> None:
    ends = {"source": desk.account("pt-a"), "target": desk.account("pt-b"), "maxHops": 2}
    whole = desk.client.read(PATHS, {**ends, "k": 20}, FOOTING)
    parts = pages(desk.client, PATHS, {**ends, "k": 2})
    assert len(whole.paths) == 5 and [len(part.paths) for part in parts] == [2, 2, 1]
    assert [path for part in parts for path in part.paths] == whole.paths
    first = parts[0]
    # A shorter path comes before those that were seen: nothing can follow them exactly.
    link = {"kind": "CONTROLS", "from": "a", "to": "b"}
    entities = [
        {"ref": ref, "kind": "Account", "key": {"site": SITE, "id": f"pt-{ref}"}, "attributes": {}} for ref in "ab"
    ]
    desk.submit("pasar", json.dumps({"entities": entities, "links": [link]}).encode())
    desk.phone(BASE)
    asked = {**ends, "k": 2, "cursor": first.next}
    assert refused(desk.client, PATHS, asked) == ("list_changed", "cursor")


def test_a_cursor_is_good_for_its_own_question_alone(desk: Desk, members: Members) -> None:
    start = [desk.account("pt-a")]
    asked: dict[str, Any] = {"starts": start, **WALK, "limit": 2}
    cursor = desk.client.read(EXPAND, asked, FOOTING).next
    assert desk.client.read(EXPAND, {**asked, "cursor": cursor, "limit": 5}, FOOTING).links, "parts may differ in size"
    elsewhere = Footing(FOOTING.purpose, "court-order", FOOTING.case)
    for changed, footing in (
        ({"hops": 1}, FOOTING),
        ({"hubCap": 5}, FOOTING),
        ({"owners": ["pasar"]}, FOOTING),
        ({"linkKinds": ["USES"]}, FOOTING),
        ({"starts": [desk.account("pt-b")]}, FOOTING),
        ({"cursor": "x"}, FOOTING),
        ({"cursor": "A" * 60}, FOOTING),
        ({}, elsewhere),
    ):
        said = refused(desk.client, EXPAND, {**asked, "cursor": cursor, **changed}, footing)
        assert said == ("bad_cursor", "cursor"), changed
    other = members.client("customs-cn.officer")
    assert refused(other, EXPAND, {**asked, "cursor": cursor}) == ("bad_cursor", "cursor")
    for question, more in (
        (COMMON, {"entities": [*start, desk.account("pt-b")], "limit": 2}),
        (PATHS, {"source": start[0], "target": start[0], "maxHops": 2, "k": 1}),
    ):
        assert refused(desk.client, question, {**more, "cursor": cursor}) == ("bad_cursor", "cursor")


def test_rings_in_parts_are_all_rings(desk: Desk, members: Members) -> None:
    analyst = members.client("police-ke.analyst")
    footing = Footing("analysis", FOOTING.legal_basis, FOOTING.case)
    whole, _ = analyst.ask(RINGS, {"parameters": {"limit": 500}, "after": desk.after}, footing)
    size = max(1, (len(whole.rings) + 2) // 3)
    parts = pages(analyst, RINGS, {"parameters": {"limit": size}}, footing)
    assert len(whole.rings) >= 3 and len(parts) == -(-len(whole.rings) // size)
    assert [ring.id for part in parts for ring in part.rings] == [ring.id for ring in whole.rings]
    assert [part.more_rings for part in parts] == [True] * (len(parts) - 1) + [False]
    assert {one.value for part in parts for one in part.parameters if one.name == "limit"} == {str(size)}
    cursor = parts[0].next
    changed = {"parameters": {"limit": size, "minAccounts": 4}, "cursor": cursor}
    assert refused(analyst, RINGS, changed, footing) == ("bad_cursor", "cursor")


def test_versions_in_parts_are_all_versions(members: Members) -> None:
    client = members.client("pasar.officer")
    whole = client.read(VERSIONS, {"part": None, "first": 500}, FOOTING)
    parts = pages(client, VERSIONS, {"part": None, "first": 1})
    assert whole and [one for part in parts for one in part] == whole


def test_identifiers_by_their_beginning(desk: Desk) -> None:
    def used_up() -> int:
        return int(desk.client.query(BUDGET, {}, FOOTING).data["budget"]["used"])

    begins = {"kind": "Phone", "parts": [{"name": "value", "value": phone(BASE)[:10]}]}
    before = used_up()
    found, answer = desk.client.ask(IDENTIFIERS, {**begins, "first": 50}, FOOTING)
    keys = [one.key for one in found.entities]
    wanted = {phone(BASE + n) for n in range(5)} | {phone(BASE + 100 + 10 * r + n) for r in range(3) for n in range(3)}
    assert {*keys} == {f"phone:e164:{number}" for number in wanted} and found.entity_count == len(keys) == 14
    assert used_up() == before + 50 and not answer.cut, "a part costs what it has room for"
    parts = pages(desk.client, IDENTIFIERS, {**begins, "first": 4})
    assert [one.key for part in parts for one in part.entities] == keys and used_up() == before + 62
    desk.client.ask(IDENTIFIERS, {**begins, "first": 4}, FOOTING)
    assert used_up() == before + 62, "what was paid for is free for the rest of the day"
    nothing = {"kind": "Phone", "parts": [{"name": "value", "value": "+99999999"}], "first": 9}
    assert desk.client.read(IDENTIFIERS, nothing, FOOTING).entities == [] and used_up() == before + 71
    accounts = {"kind": "Account", "parts": [{"name": "site", "value": SITE}, {"name": "id", "value": "pt-r1"}]}
    seen = desk.client.read(IDENTIFIERS, {**accounts, "first": 50}, FOOTING)
    assert {one.key for one in seen.entities} == {f"account:{SITE}:pt-r1{who}" for who in "xyz"}
    hidden = {**accounts, "parts": [accounts["parts"][0], {"name": "id", "value": "pt-ca"}]}
    assert desk.client.read(IDENTIFIERS, {**hidden, "first": 5}, FOOTING).entities == []
    short = {**begins, "parts": [{"name": "value", "value": "+25471"}], "first": 5}
    assert refused(desk.client, IDENTIFIERS, short) == ("too_short", "parts")
    part = desk.client.read(IDENTIFIERS, {**begins, "first": 4}, FOOTING)
    longer = {"kind": "Phone", "parts": [{"name": "value", "value": phone(BASE)[:11]}], "first": 4}
    assert refused(desk.client, IDENTIFIERS, {**longer, "cursor": part.next}) == ("bad_cursor", "cursor")


def test_the_command_line_goes_through_all_parts(desk: Desk, members: Members, tmp_path: Path) -> None:
    profile = ["--profile", str(members.write_profile("police-ke.investigator", DEFAULTS))]
    footing = ["--purpose", FOOTING.purpose, "--legal-basis", FOOTING.legal_basis, "--case", FOOTING.case]
    accounts = [f"Account:site={SITE},id=pt-{who}" for who in "ab"]
    begins = f"Phone:value={phone(BASE)[:10]}"
    network = json.loads(run("expand", accounts[0], "--limit", "2", "--all", "--json", *footing, *profile).stdout)
    whole = json.loads(run("expand", accounts[0], "--json", *footing, *profile).stdout)
    parts, once = (one["data"]["expand"] for one in (network, whole))
    assert len(parts["links"]) == len(once["links"]) >= 7 and parts["next"] is None
    assert {one["handle"] for one in parts["entities"]} == {one["handle"] for one in once["entities"]}
    question = tmp_path / "expand.graphql"
    question.write_text("""query($s: ID!, $cursor: String) {
      expand(start: $s, hops: 2, limit: 4, hubCap: null, cursor: $cursor) { next links { kind } } }""")
    asked = ["ask", str(question), "--var", f"s={desk.account('pt-a')}", "--all", "--json", *footing, *profile]
    lines = [json.loads(line)["data"]["expand"] for line in run(*asked).stdout.splitlines()]
    assert len(lines) == 4 and sum(len(one["links"]) for one in lines) in (14, 15) and lines[-1]["next"] is None
    none = run("ask", str(question), "--all", "--out", str(tmp_path / "kept.json"), *footing, *profile)
    assert none.returncode == 2 and "no_cursor" in none.stderr
    for words, field, count in (
        (["find", "common", *accounts, "--limit", "5"], "common", 3),
        (["find", "identifier", begins, "--first", "5"], "searchIdentifiers", 3),
    ):
        lines = run(*words, "--all", "--json", *footing, *profile).stdout.splitlines()
        told = [json.loads(line)[field] for line in lines]
        assert len(told) == count and [one["next"] is None for one in told] == [False, False, True]
        first = run(*words, *footing, *profile)
        cursor = first.stdout.rpartition("more with --cursor ")[2].strip()
        second = json.loads(run(*words, "--cursor", cursor, "--json", *footing, *profile).stdout)[field]
        assert first.returncode == 0 and second == told[1]
