"""The scenario is the same everywhere, is what it says it is, and the importers agree with its truth."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from random import Random

import networkx as nx
import phonenumbers
import pytest

from graphsvc.client.check import Checked, check_file
from graphsvc.client.manifest import Outgoing
from graphsvc.demo.scenario import ORGANISATIONS, Scenario, make_scenario
from graphsvc.demo.scenario.numbers import Numbers, s10, spoil_s10
from graphsvc.demo.scenario.people import CODE_WORDS
from graphsvc.model.errors import InvalidInput
from graphsvc.model.schema import load_schema

_DIGEST = """
import hashlib, sys
from pathlib import Path
from graphsvc.demo.scenario import make_scenario
made = make_scenario(Path(sys.argv[1]))
print(hashlib.sha256(b"".join(piece.path.read_bytes() for piece in made.slices)).hexdigest())
"""


@pytest.fixture(scope="module")
def scenario(tmp_path_factory: pytest.TempPathFactory) -> Scenario:
    return make_scenario(tmp_path_factory.mktemp("scenario"))


@pytest.fixture(scope="module")
def checked(scenario: Scenario) -> dict[str, Checked]:
    schema, organisations = load_schema(), {one.org: one for one in ORGANISATIONS}
    found = {}
    for piece in scenario.slices:
        mapping = None if piece.mapping is None else piece.mapping.read_bytes()
        outgoing = Outgoing(piece.path, piece.media_type, mapping, piece.defaults)
        found[piece.path.name] = check_file(outgoing, schema, organisations[piece.org], keep=True)
    return found


def _visible(checked: dict[str, Checked]) -> nx.Graph:
    graph = nx.Graph()
    for result in checked.values():
        for draft in result.drafts:
            if draft.label.handling.code in {"GREEN", "AMBER"}:
                graph.add_nodes_from(entity.key for entity in draft.entities)
                graph.add_edges_from(
                    (draft.entities[link.source].key, draft.entities[link.target].key) for link in draft.links
                )
    return graph


def test_bytes_do_not_depend_on_hash_order(scenario: Scenario, tmp_path: Path) -> None:
    here = hashlib.sha256(b"".join(piece.path.read_bytes() for piece in scenario.slices)).hexdigest()
    done = subprocess.run(
        [sys.executable, "-c", _DIGEST, str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONHASHSEED": "12345"},
    )
    assert done.stdout.strip() == here


def test_importers_agree_with_the_truth(scenario: Scenario, checked: dict[str, Checked]) -> None:
    for piece in scenario.slices:
        result = checked[piece.path.name]
        assert (result.rows, result.accepted, result.rejected) == (piece.rows, piece.accepted, len(piece.rejected))
        assert {problem.row for problem in result.problems} == set(piece.rejected)
        assert result.marked == piece.marked
    assert {piece.org for piece in scenario.slices if piece.rejected} == {one.org for one in ORGANISATIONS}
    assert scenario.accounts == 2_000


@pytest.mark.parametrize("seed", [1, 7, 11])
def test_shortest_path_is_as_planted(seed: int, tmp_path: Path) -> None:
    scenario = make_scenario(tmp_path, seed)
    schema, organisations = load_schema(), {one.org: one for one in ORGANISATIONS}
    results = {}
    for piece in scenario.slices:
        mapping = None if piece.mapping is None else piece.mapping.read_bytes()
        outgoing = Outgoing(piece.path, piece.media_type, mapping, piece.defaults)
        results[piece.path.name] = check_file(outgoing, schema, organisations[piece.org], keep=True)
    graph, truth = _visible(results), scenario.truth
    start = f"phone:e164:{truth.start_phone}"
    assert nx.shortest_path_length(graph, start, truth.seller) == truth.path_length >= 3
    assert truth.seized_parcel in graph[start]
    assert not set(truth.hidden) & set(graph)
    assert f"phone:e164:{truth.withheld_phone}" in truth.hidden
    assert f"phone:e164:{truth.absent_phone}" not in graph


def test_rings_hang_together_by_cycles_and_decoys_do_not_outdo_them(
    scenario: Scenario, checked: dict[str, Checked]
) -> None:
    graph = _visible({"accounts.csv": checked["accounts.csv"]})
    weakest = 10.0
    for ring in scenario.truth.rings:
        part = graph.subgraph([*ring.accounts, *ring.identifiers])
        assert 8 <= len(ring.accounts) <= 15 and nx.is_connected(part)
        core = nx.k_core(part, 2)
        assert set(ring.accounts) <= set(core), "each account shares two identifiers at least"
        cycles = core.number_of_edges() - core.number_of_nodes() + 1
        weakest = min(weakest, cycles / len(ring.accounts))
    planted = {key for ring in scenario.truth.rings for key in ring.accounts}
    hubs = [node for node in graph if not node.startswith("account:") and graph.degree(node) > 20]
    rest = nx.k_core(nx.Graph(graph.subgraph(set(graph) - planted - set(hubs))), 2)
    decoys = 0
    for part in nx.connected_components(rest):
        accounts = [node for node in part if node.startswith("account:")]
        inside = rest.subgraph(part)
        assert (inside.number_of_edges() - len(part) + 1) / len(accounts) < weakest
        decoys += 1
    assert decoys >= 10, "families that share phone and purse"
    assert len(hubs) >= 2


def test_phones_are_valid_and_waybills_check() -> None:
    numbers = Numbers(Random(3))
    for country in ("ID", "VN", "CN", "KE"):
        for _ in range(200):
            parsed = phonenumbers.parse(numbers.phone(country))
            assert phonenumbers.is_valid_number(parsed)
            assert phonenumbers.region_code_for_number(parsed) == country
    assert s10("RR", "47312482", "BR") == "RR473124829BR", "the UPU's own example"
    schema = load_schema()
    for _ in range(100):
        waybill = numbers.waybill("VN")
        assert schema.key_of("Parcel", {"waybill": waybill}, "swiftline") == f"parcel:s10:{waybill}"
        with pytest.raises(Exception, match="check"):
            schema.key_of("Parcel", {"waybill": spoil_s10(waybill)}, "swiftline")


def test_coded_adverts_are_posted_at_night_and_gone_hours_later(checked: dict[str, Checked]) -> None:
    words = {word for found in CODE_WORDS.values() for word in found}
    coded = 0
    for draft in checked["adverts.ndjson"].drafts:
        advert = draft.entities[1].attributes
        found = advert["content"].get("codeWords")
        posted = datetime.fromisoformat(advert["operational"]["postedAt"])
        hour = (posted.hour + 7) % 24
        if found:
            coded += 1
            assert set(found) <= words and found[0] in advert["content"]["title"]
            assert hour >= 21 or hour < 6
            assert datetime.fromisoformat(advert["operational"]["removedAt"]) > posted
        else:
            assert 7 <= hour < 21
    assert coded > 100


def test_a_file_without_its_mapping_is_refused(scenario: Scenario) -> None:
    piece = scenario.slices[0]
    with pytest.raises(InvalidInput) as refused:
        check_file(Outgoing(piece.path, piece.media_type), load_schema(), ORGANISATIONS[0])
    assert refused.value.code == "mapping_missing"
