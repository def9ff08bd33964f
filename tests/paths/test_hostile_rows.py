"""Rows that no stage could apply, and rows that unfold: refused one by one; the graph goes on for everybody."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from graphsvc.client import Outgoing
from graphsvc.client.errors import Refused
from graphsvc.client.manifest import payload, sign_manifest
from graphsvc.demo.company import Members
from graphsvc.local.run import LocalService
from graphsvc.model.bounds import MAX_ENTITIES, MAX_ROWS
from tests.paths.wire import DEFAULTS, SEARCH, account_key, file_of, post, row

ORG, FEED, OTHER = "swiftline", "swiftline.feed", "pasar"
DRAFT_CODES = {
    "a month and day of zero as expiry": ({"expires": "2030-00-00"}, "invalid_date", "/expires"),
    "a day of zero": ({"observed": {"since": "2025-06-00"}}, "invalid_date", "/observed/since"),
    "a Buddhist year": ({"observed": {"until": "2568-06-27"}}, "implausible_year", "/observed/until"),
    "beyond all years": ({"expires": "2100-12-31T23:59:59-14:00"}, "implausible_year", "/expires"),
}


def after_of(members: Members, org: str, account: str, folder: Path) -> Any:
    """What another organisation finds of its own new record, once that is applied."""
    client = members.client(f"{org}.feed")
    done = client.submit(file_of(folder / f"{org}.ndjson", [row(account, 77)]), org, members.by_name[org].working)
    return client.query(SEARCH, account_key(account), after=done.index).data["search"]


def test_rows_that_could_not_be_applied_are_refused_and_the_others_go_on(members: Members, tmp_path: Path) -> None:
    rows = [row("hostile-good", 1), *(row("hostile-bad", 2, **said) for said, _, _ in DRAFT_CODES.values())]
    # A key that the import files of a rebuild would once not take: accepted, and applied.
    rows.append(row("hostile\u200b-\u0e53", 3))
    done = members.client(FEED).submit(file_of(tmp_path / "rows.ndjson", rows), ORG, members.by_name[ORG].working)
    assert (done.accepted, done.rejected) == (2, len(DRAFT_CODES))
    told = [(problem.row, problem.code, problem.pointer) for problem in members.client(FEED).problems(done.index)]
    assert told == [(n, code, pointer) for n, (_, code, pointer) in enumerate(DRAFT_CODES.values(), 1)]
    (found,) = members.client(FEED).query(SEARCH, account_key("hostile-good"), after=done.index).data["search"]
    assert [record["row"] for record in found["records"]] == [0]
    assert after_of(members, OTHER, "hostile-other", tmp_path)


def test_a_small_file_that_unfolds_is_applied_in_bounded_batches(members: Members, tmp_path: Path) -> None:
    """40,000 claims out of a kilobyte: more than one transaction of this server carries."""
    entities = "".join(
        f"      - {{ref: r{n}, kind: Account, key: {{site: {{const: shopee}}, id: {{template: 'u{n}-{{id}}'}}}}}}\n"
        for n in range(MAX_ENTITIES)
    )
    body = tmp_path / "wide.csv"
    body.write_text("id\n" + "".join(f"{n}\n" for n in range(200)))
    outgoing = Outgoing(body, "text/csv", f"format: csv\nrows:\n  - entities:\n{entities}".encode(), DEFAULTS)
    done = members.client(FEED).submit(outgoing, ORG, members.by_name[ORG].working)
    assert (done.accepted, done.rejected) == (200, 0)
    assert after_of(members, OTHER, "hostile-after", tmp_path)
    assert members.client(FEED).query(SEARCH, account_key("u199-199"), after=done.index).data["search"]


@pytest.mark.parametrize(
    ("mapping", "where"),
    [
        (b"format: csv\nrows:\n  - entities: [{ref: a, kind: Account, key: {site: id, id: id}}]\n"
         b"    handling: {scheme: {const: [a]}, code: id}\n", "mapping /rows/0/handling/scheme"),
        (b"format: &a csv\nrows: *a\n", "mapping"),
    ],
)  # fmt: skip
def test_a_mapping_that_can_not_be_is_a_plain_refusal(
    members: Members, tmp_path: Path, mapping: bytes, where: str, capfd: pytest.CaptureFixture[str]
) -> None:
    body = tmp_path / "rows.csv"
    body.write_text("id\n1\n")
    with pytest.raises(Refused) as refused:
        members.client(FEED).submit(Outgoing(body, "text/csv", mapping, DEFAULTS), ORG, members.by_name[ORG].working)
    assert refused.value.status == 400 and where in str(refused.value)
    assert "Traceback" not in capfd.readouterr().err
    assert after_of(members, OTHER, "hostile-mapped", tmp_path)


def test_more_rows_than_a_submission_may_have_are_refused_before_they_are_read(
    local_service: LocalService, members: Members, tmp_path: Path
) -> None:
    outgoing = file_of(tmp_path / "rows.ndjson", [row("hostile-many", 1)])
    working = members.by_name[ORG].working
    signed = sign_manifest(outgoing, local_service.origin, ORG, working)
    said = payload(outgoing, signed.measured, local_service.origin, ORG)
    restated = working.sign_act("graphsvc-submission+jws", {**said, "rows": MAX_ROWS + 1})
    answer = post(local_service.url, members.token(FEED), outgoing, replace(signed, manifest=restated))
    assert (answer.status_code, answer.json()["where"]) == (413, "manifest rows")
