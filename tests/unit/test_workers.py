"""Intake in real worker processes: bounded in memory and rows, and none is lost to a body that nobody foresaw."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from graphsvc.model.bounds import MAX_ENTITIES
from graphsvc.model.drafts import Defaults
from graphsvc.model.errors import GraphsvcError, InvalidInput, InvalidManifest, TooLarge, Unavailable
from graphsvc.model.labels import Handling
from graphsvc.model.principals import Organisation, Principal
from graphsvc.model.product import product_data
from graphsvc.policy.rules import read_files
from graphsvc.submission.workers import NICE, Places, Task, Workers

DEFAULTS = Defaults(
    handling=Handling("tlp-2.0", "GREEN"), purposes=["investigation"], legal_basis="agreement", pap="GREEN"
)
PASAR = Principal(Organisation("pasar", "company", "ID", "Pasar"), "feed@pasar.example", ("submitter",), "pasar.feed")
POLICIES = read_files(product_data("policies"))
GOOD = b"id\n1\n2\n"
MAP = b"format: csv\nrows:\n  - entities: [{ref: a, kind: Account, key: {site: {const: shop}, id: id}}]\n"


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workers]:
    """A single worker, so that what one task leaves behind meets the next."""
    folder = tmp_path_factory.mktemp("payloads")
    made = Workers(Places(product_data("schema"), str(folder)), 1, memory=256 << 20)
    yield made
    made.close()


def task(folder: Path, body: bytes, mapping: bytes | None = MAP, **more: Any) -> Task:
    path = folder / "body"
    path.write_bytes(body)
    media = "application/x-ndjson" if mapping is None else "text/csv"
    given = {"rows": body.count(b"\n"), "max_row": 1 << 20, "policies": POLICIES, "name": "pasar|1", **more}
    return Task(path, media, mapping, bytes(32), DEFAULTS, PASAR, reference_key=bytes(32), **given)


def still_works(one: Workers, folder: Path) -> None:
    taken = one.take_in(task(folder, GOOD))
    assert (taken.intake.accepted, taken.intake.rejected) == (2, 0)


@pytest.mark.skipif(not hasattr(os, "getpriority"), reason="no priorities here")
def test_workers_stand_back_behind_the_service(one: Workers, tmp_path: Path) -> None:
    still_works(one, tmp_path)
    ours = os.getpriority(os.PRIO_PROCESS, 0)
    for worker in one._all:
        assert os.getpriority(os.PRIO_PROCESS, worker._process.pid or 0) == min(ours + NICE, 19)


def test_a_worker_that_dies_is_replaced(one: Workers, tmp_path: Path) -> None:
    (worker,) = one._all
    first = worker._process.pid
    os.kill(first or 0, signal.SIGSTOP)
    try:
        killer = threading.Timer(0.2, os.kill, (first, signal.SIGKILL))
        killer.start()
        with pytest.raises(Unavailable) as caught:
            one.take_in(task(tmp_path, GOOD))
        assert caught.value.code == "intake_failed"
    finally:
        killer.join()
    assert worker._process.pid != first
    still_works(one, tmp_path)


def test_what_nobody_foresaw_ends_the_worker_and_is_not_told(
    one: Workers, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (worker,) = one._all
    first = worker._process.pid
    broken = task(tmp_path, GOOD, max_row="secret")
    with pytest.raises(GraphsvcError) as caught:
        one.take_in(broken)
    assert caught.value.code == "intake_failed" and "secret" not in str(caught.value)
    assert worker._process.pid != first
    still_works(one, tmp_path)
    told = capfd.readouterr()
    assert "secret" not in told.err + told.out and "Traceback" not in told.err


def test_a_body_that_needs_too_much_memory_is_refused(one: Workers, tmp_path: Path) -> None:
    """One row that is longer than a worker's memory, let through on purpose."""
    body = tmp_path / "body"
    with body.open("wb") as file:
        file.write(b"id\n")
        file.truncate(300 << 20)
    huge = Task(
        body, "text/csv", MAP, bytes(32), DEFAULTS, PASAR, "pasar|2", 1 << 40, 10, POLICIES, reference_key=bytes(32)
    )
    with pytest.raises(TooLarge) as caught:
        one.take_in(huge)
    assert caught.value.code == "too_much_memory"
    still_works(one, tmp_path)


def test_more_rows_than_were_signed_end_the_intake(one: Workers, tmp_path: Path) -> None:
    with pytest.raises(InvalidManifest) as caught:
        one.take_in(task(tmp_path, b"id\n" + b"\n" * 100_000, rows=10))
    assert caught.value.where == "manifest rows"
    still_works(one, tmp_path)


def test_blank_lines_cost_their_leaves_and_no_more(one: Workers, tmp_path: Path) -> None:
    leaves = tmp_path / "leaves"
    taken = one.take_in(task(tmp_path, b"id\n" + b"\n" * 300_000 + b"1\n", leaves=leaves))
    assert (taken.intake.rows, taken.intake.accepted, leaves.stat().st_size) == (300_002, 1, 300_002 * 32)


def test_rows_without_an_end_of_problems_keep_some(one: Workers, tmp_path: Path) -> None:
    taken = one.take_in(task(tmp_path, b"id\n" + b",x,\n" * 60_000))
    assert taken.intake.rejected == 60_000 and len(taken.intake.problems) == 50_000


def test_a_row_that_unfolds_is_refused_and_the_others_go_on(one: Workers, tmp_path: Path) -> None:
    """Two rules of 150 entities each pass alone; a row for which both hold would make 300."""

    def rule(first: int, when: str) -> str:
        entities = "\n".join(
            f"      - {{ref: r{n}, kind: Account, key: {{site: {{const: shop}}, id: {{template: '{{id}}-{n}'}}}}}}"
            for n in range(first, first + 150)
        )
        return f"  - when: {when}\n    entities:\n{entities}\n"

    mapping = "format: csv\nrows:\n" + rule(0, "{column: id, present: true}") + rule(150, "{column: id, equals: x}")
    taken = one.take_in(task(tmp_path, b"id\n1\nx\n2\n", mapping.encode()))
    assert taken.intake.accepted == 2
    assert [(problem.row, problem.code) for problem in taken.intake.problems] == [(2, "too_many_claims")]
    assert MAX_ENTITIES < 300


UNFOLDING = [
    ("split", "{column: id, split: ','}", b"," * 900_000, "too_many"),
    ("template", "{template: '" + "{id}" * 400 + "'}", b"x" * 900_000, "too_long"),
    ("copies", "id", b"x" * 500_000, "draft_too_large"),
]


@pytest.mark.parametrize(("source", "cell", "code"), [row[1:] for row in UNFOLDING], ids=[row[0] for row in UNFOLDING])
def test_a_cell_that_unfolds_is_refused_before_memory_is_used(
    source: str, cell: bytes, code: str, one: Workers, tmp_path: Path
) -> None:
    attributes = ", ".join(f"{name}: {source}" for name in ("displayName", "about", "verifiedName"))
    entities = "".join(
        f"      - {{ref: r{n}, kind: Account, key: {{site: {{const: shop}}, id: {{const: a{n}}}}}, "
        f"attributes: {{{attributes}}}}}\n"
        for n in range(30)
    )
    mapping = f"format: csv\ndelimiter: ';'\nrows:\n  - entities:\n{entities}".encode()
    body = b"id\n" + cell + b"\ngood\n"
    taken = one.take_in(task(tmp_path, body, mapping))
    assert taken.intake.rows == 3
    assert [problem.code for problem in taken.intake.problems if problem.row == 1] == [code]
    still_works(one, tmp_path)


MAPPINGS = [
    ("aliases", b"a: &a [x, x]\nb: *a\n", "bad_yaml"),
    ("list for a handling code", MAP + b"    handling: {scheme: {const: [a]}, code: id}\n", "bad_mapping"),
    ("list for handling", MAP + b"    handling: [a]\n", "bad_file"),
    ("list for a grading", MAP + b"    grading: {scheme: id, source: {const: [a]}, information: id}\n", "bad_mapping"),
    ("split for an expiry", MAP + b"    expires: {column: id, split: ','}\n", "bad_mapping"),
    ("list for since", MAP + b"    observed: {since: {const: [a]}}\n", "bad_mapping"),
    ("list for a key", MAP.replace(b"id: id", b"id: {const: [a]}"), "bad_mapping"),
    ("list for a default", b"defaults: {handling: [a]}\n" + MAP, "bad_file"),
    ("many entities", MAP.replace(b"entities: [", b"entities: [" + b"".join(
        b"{ref: r%d, kind: Account, key: {site: id, id: id}}, " % n for n in range(250))), "bad_mapping"),
    ("many rules", b"format: csv\nrows:\n" + b"  - {entities: [{ref: a, kind: Phone, key: {value: id}}]}\n" * 1_500,
     "bad_mapping"),
]  # fmt: skip


@pytest.mark.parametrize(("mapping", "code"), [row[1:] for row in MAPPINGS], ids=[row[0] for row in MAPPINGS])
def test_a_mapping_that_can_not_be_says_where(mapping: bytes, code: str, one: Workers, tmp_path: Path) -> None:
    (worker,) = one._all
    process = worker._process.pid
    with pytest.raises(InvalidInput) as caught:
        one.take_in(task(tmp_path, GOOD, mapping))
    assert caught.value.code == code and "mapping" in caught.value.message
    assert worker._process.pid == process


def test_words_that_come_as_lists_from_the_rows_refuse_the_row(one: Workers, tmp_path: Path) -> None:
    mapping = MAP.replace(b"csv", b"ndjson") + b"    handling: {scheme: {const: tlp-2.0}, code: h}\n    expires: e\n"
    rows = b'{"id": "1", "h": ["GREEN"]}\n{"id": "2", "h": "GREEN", "e": [1]}\n{"id": "3", "h": "GREEN"}\n'
    given = task(tmp_path, rows, mapping)
    taken = one.take_in(replace(given, media_type="application/x-ndjson"))
    assert taken.intake.accepted == 1
    found = [(problem.row, problem.code, problem.pointer) for problem in taken.intake.problems]
    assert found == [(0, "wrong_type", "/handling/code"), (1, "wrong_type", "/expires/expires")]
