"""Answers as table rows, and the small comparisons by which the story is checked."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from graphsvc.client import Client
from graphsvc.client.package import take_package
from graphsvc.demo.company import Members
from graphsvc.demo.scenario.truth import PlantedRing
from graphsvc.demo.stage import Stage
from graphsvc.model.principals import Footing
from graphsvc.wire.rings import KeptRing, RingReportFile
from graphsvc_verify.archive import read_archive, write_archive
from graphsvc_verify.canonical import digest, encode, parse

Shape = dict[str, Any]
Row = tuple[object, ...]

ENTITY_COLUMNS = ("what", "identifier", "who says it", "handling", "grading", "withheld, by whom, by which rule")
PATH_COLUMNS = ("from", "link", "to", "who says it", "handling", "grading")
RING_COLUMNS = ("rank", "accounts", "shared identifiers", "cycles", "score", "planted")
KEPT_COLUMNS = ("rank", "ring", "core", "fringe", "shares", "spread", "by chance", "tag", "agencies")
SHARED_COLUMNS = ("shared", "by", "from", "to", "claims")
ACCESS_COLUMNS = ("ledger", "when", "reader", "person", "purpose", "legal basis", "case", "records")
SHOWN = 14


def parts(key: dict[str, str]) -> list[Shape]:
    """Key parts as the API takes them."""
    return [{"name": name, "value": value} for name, value in key.items()]


def footing(stated: Footing) -> str:
    """The footing in one line, for people."""
    return f"purpose {stated.purpose} · legal basis {stated.legal_basis} · case {stated.case}"


def entities(network: Shape) -> Iterator[Row]:
    """Some entities of a network, each kind in turn so that all kinds are seen."""
    by_kind: dict[str, list[Shape]] = {}
    for entity in network["entities"]:
        by_kind.setdefault(entity["kind"], []).append(entity)
    turns = [entity for turn in range(SHOWN) for found in by_kind.values() for entity in found[turn : turn + 1]]
    for entity in sorted(turns[:SHOWN], key=lambda entity: entity["kind"]):
        records = entity["records"]
        withheld = {
            f"{item['fieldGroup']}: {item['owner']}, {item['rule']}"
            for record in records
            for item in record["withheld"]
        }
        yield (
            entity["kind"],
            _short(entity["key"]),
            _some(record["owner"] for record in records),
            _some(record["handling"]["code"] for record in records),
            _some(_grading(record["grading"]) for record in records),
            "; ".join(sorted(withheld)) or "–",
        )
    if len(network["entities"]) > SHOWN:
        yield ("…", f"{len(network['entities']) - SHOWN} more", "", "", "", "")


def path(found: Shape) -> Iterator[Row]:
    """The links of a path in walking order; an arrow shows which end each claim leads from."""
    for here, there in pairwise(found["entities"]):
        ends = {here["handle"], there["handle"]}
        for link in found["links"]:
            if {link["source"], link["target"]} != ends:
                continue
            record, onward = link["record"], link["source"] == here["handle"]
            yield (
                _short(here["key"]),
                f"{link['kind']} →" if onward else f"← {link['kind']}",
                _short(there["key"]),
                record["owner"],
                record["handling"]["code"],
                _grading(record["grading"]),
            )


def matches(asked: Sequence[str], answer: list[Shape]) -> Iterator[Row]:
    """Hit or no hit for each identifier asked."""
    for value, one in zip(asked, answer, strict=True):
        contacts = ", ".join(f"{contact['name']} <{contact['contact']}>" for contact in one["contacts"])
        yield (value, "hit" if one["hit"] else "no hit", contacts or "–")


def hit_at(one: Shape) -> list[str]:
    """The organisations that a hit names."""
    return [contact["org"] for contact in one["contacts"]]


def rings(report: Shape, planted: Sequence[PlantedRing]) -> Iterator[Row]:
    """The first rings, each with the planted ring that it is most like."""
    for ring in report["rings"][:10]:
        likes = [(like(one, ring), number) for number, one in enumerate(planted, 1)]
        best, number = max(likes)
        kinds = _some(key.split(":")[0] for key in keys_of(ring["identifiers"]))
        shared = f"{len(ring['identifiers'])} ({kinds})"
        yield (
            ring["rank"],
            len(ring["accounts"]),
            shared,
            ring["cycles"],
            ring["score"],
            f"no. {number}, {best:.0%} alike" if best > 0.2 else "–",
        )


def kept(ring: KeptRing) -> Row:
    """A ring that was kept, as it is listed."""
    shares = ", ".join(f"{one.count} {one.kind}" for one in ring.identifiers)
    told = (ring.score, ring.expected or "–", ring.tag or "–", ", ".join(ring.agencies))
    return (ring.rank or "–", ring.id, ring.core, ring.fringe, shares, *told)


def shared(report: RingReportFile, names: Mapping[str, str]) -> Iterator[Row]:
    """What the accounts of a ring share."""
    for one in report.identifiers[:SHOWN]:
        named = one.kind if one.identifier is None else names[one.identifier]
        yield (_short(named), len(one.accounts), one.since or "–", one.until or "–", one.record_count)


def lines(report: RingReportFile, names: Mapping[str, str]) -> list[tuple[str, int]]:
    """The lines of a report: what they say, and how many claims they cite."""
    found = [(one.text, one.record_count) for one in report.reasons]
    adverts = report.adverts
    if adverts.count:
        told = f"adverts: {adverts.count}, {adverts.at_night} of {adverts.timed} with a time between 9 pm and 6 am"
        found.append((told, adverts.record_count))
    for what, some in (
        *(("offered", report.products), ("seizure touched", report.seizures)),
        *(("go-between", report.go_betweens), ("left out, shared by too many", report.excluded_hubs)),
    ):
        found += [(f"{what}: {_short(names[one.entity])}", one.record_count) for one in some]
    return found


def keys_of(found: list[Shape]) -> set[str]:
    """The canonical keys of the entities, without those that are withheld."""
    return {entity["key"] for entity in found if entity["key"]}


def like(planted: PlantedRing, ring: Shape) -> float:
    """Jaccard likeness of a planted ring's accounts and a found one's."""
    found, wanted = keys_of(ring["accounts"]), set(planted.accounts)
    return len(found & wanted) / len(found | wanted)


def best_like(planted: PlantedRing, found: list[Shape]) -> tuple[float, int]:
    """The likeness and the rank of the ring most like a planted one."""
    return max(((like(planted, ring), int(ring["rank"])) for ring in found), default=(0.0, 1 << 30))


def accesses(entries: list[Shape]) -> Iterator[Row]:
    """Reads of an owner's records, newest first."""
    for entry in entries[:SHOWN]:
        yield (
            entry["index"],
            str(entry["at"])[:19],
            entry["reader"],
            entry["person"] or "–",
            entry["purpose"] or "–",
            entry["legalBasis"] or "–",
            entry["case"] or "–",
            len(entry["records"]),
        )


def all_graded(network: Shape) -> bool:
    """Whether every claim in a network says handling and grading."""
    records = [record for entity in network["entities"] for record in entity["records"]]
    records += [link["record"] for link in network["links"]]
    return bool(records) and all(
        record["handling"]["code"] and (record["grading"] or {}).get("source") for record in records
    )


def withheld_in(network: Shape) -> Iterator[Shape]:
    """What is withheld anywhere in a network."""
    return (item for entity in network["entities"] for record in entity["records"] for item in record["withheld"])


def shown_groups(network: Shape, owner: str) -> set[str]:
    """The field groups of one owner's attributes in a network."""
    records = (record for entity in network["entities"] for record in entity["records"] if record["owner"] == owner)
    return {attribute["fieldGroup"] for record in records for attribute in record["attributes"]}


def codes(network: Shape) -> set[str]:
    """The handling codes of all claims in a network."""
    found = {record["handling"]["code"] for entity in network["entities"] for record in entity["records"]}
    return found | {link["record"]["handling"]["code"] for link in network["links"]}


def take_evidence(stage: Stage, officer: Client, members: Members) -> Path:
    """Take the evidence, open the owner's sections with its own key, and let the separate verifier check the zip."""
    member = members.by_name["pasar"]
    file = members.folder / "pasar" / "evidence.zip"
    file.write_bytes(take_package(officer, members.trust(), keys=[member.recipient]))
    stage.say(f"[dim]$ graphsvc evidence --key recipient.json --out {file.name}[/dim]")
    stage.say(f"[dim]$ graphsvc verify {file.name} --trust {members.trust_file.name}[/dim]")
    code, report = verify(file, members.trust_file)
    stage.say(report.strip())
    stage.expect("the evidence holds, offline, from pinned keys alone", code == 0, report)
    spoilt = file.with_name("evidence-altered.zip")
    spoilt.write_bytes(_altered(file.read_bytes()))
    stage.say(f"[dim]$ graphsvc verify {spoilt.name} --trust {members.trust_file.name}[/dim]")
    code, report = verify(spoilt, members.trust_file)
    stage.say(report.strip())
    stage.expect("a copy in which one entry says another time does not, and says why", code == 1, report)
    return file


def verify(file: Path, trust: Path) -> tuple[int, str]:
    """Exit code and output of the separate verifier, run as a program of its own."""
    command = [sys.executable, "-m", "graphsvc_verify", str(file), "--trust", str(trust)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "NO_COLOR": "1"})
    return done.returncode, done.stdout or done.stderr


def _altered(package: bytes) -> bytes:
    """The package with the time of its last entry changed, and digest and zip made anew, as a forger would."""
    files = read_archive(package)
    said = parse(files["manifest.json"])
    name = f"entries/{said['entries'][-1]['index']:012d}.json"
    entry = parse(files[name])
    files[name] = encode({**entry, "t": f"2001{entry['t'][4:]}"})
    said["files"][name] = digest(files[name])
    return write_archive({**files, "manifest.json": encode(said)})


def _grading(grading: Shape | None) -> str:
    return "–" if grading is None else f"{grading['source']}{grading['information']}"


def _some(values: Any) -> str:
    return ", ".join(sorted(set(values)))


def _short(key: str | None) -> str:
    if key is None:
        return "withheld"
    plain = key.partition(":")[2]
    return plain if len(plain) <= 44 else f"{plain[:41]}…"
