"""``graphsvc scan``: an owner finds who saw its records by walking the log itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from graphsvc.cli.output import NOT_HOLDING, write_json
from graphsvc.client.keys import load_hpke_key
from graphsvc.client.mirror import read_address, read_folder
from graphsvc.client.profile import read_trust
from graphsvc.model.errors import InvalidInput
from graphsvc.model.times import written
from graphsvc_verify.answers import answer_bytes
from graphsvc_verify.canonical import parse
from graphsvc_verify.receipt import check_receipt
from graphsvc_verify.scan import Difference, ScanReport, compare_access, scan_log
from graphsvc_verify.tiles import Fetch
from graphsvc_verify.trust import Trust


def scan(
    log: Annotated[str, typer.Option("--log", help="Address of the service, or a folder with a copy of its log.")],
    org: Annotated[str, typer.Option("--org", help="Your organisation.")],
    key: Annotated[list[Path], typer.Option("--key", help="Your receiving key; older ones too. Repeatable.")],
    trust: Annotated[Path, typer.Option("--trust", help="Pinned keys: log, witnesses, perhaps a checkpoint.")],
    answer: Annotated[
        Path | None, typer.Option("--answer", help="A saved accessLog answer to compare with, asked without dates.")
    ] = None,
    keep: Annotated[Path | None, typer.Option("--keep", help="Keep a copy of the log in this folder.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Walk the whole log with your own key and list who saw your records, when and why.

    You need not ask anybody: your sections are found in the log by tags that only your key gives, and are numbered
    without gaps, so that a missing one shows. With --answer the service's own list is compared with what the log says.
    The exit code is 1 when something does not hold, or the two differ.
    """
    pinned = read_trust(trust)
    privates = [load_hpke_key(path).private for path in key]
    with _source(log, keep) as fetch:
        report = scan_log(fetch, pinned, org, privates)
    differences = [] if answer is None else _compare(answer, report, pinned)
    if json:
        write_json(_value(report, None if answer is None else differences))
    else:
        _tell(report)
        _tell_differences(answer, differences)
    if differences or report.withheld:
        raise typer.Exit(NOT_HOLDING)


@contextmanager
def _source(log: str, keep: Path | None) -> Iterator[Fetch]:
    if "://" in log:
        with read_address(log.rstrip("/"), keep) as fetch:
            yield fetch
    elif Path(log).is_dir():
        yield read_folder(Path(log))
    else:
        raise InvalidInput("neither an address nor a folder", code="no_log", where=log)


def _compare(answer: Path, report: ScanReport, trust: Trust) -> list[Difference]:
    raw = answer.read_bytes()
    data = answer_bytes(raw)
    proof = check_receipt((parse(raw).get("extensions") or {}).get("receipt"), trust, data)
    listed: dict[str, Any] = (parse(data) or {}).get("accessLog") or {}
    if not isinstance(listed.get("entries"), list) or not all("index" in entry for entry in listed["entries"]):
        raise InvalidInput("an answer with accessLog { entries { index … } } is needed", code="bad_answer")
    whole = listed.get("nextBefore", 0) is None
    low = 0 if whole else min((entry["index"] for entry in listed["entries"]), default=0)
    return compare_access(report, listed["entries"], low, min(proof.index, report.checkpoint.size))


def _value(report: ScanReport, differences: list[Difference] | None) -> dict[str, Any]:
    return {
        "ok": not differences and not report.withheld,
        "owner": report.owner,
        "size": report.checkpoint.size,
        "witnesses": [{"name": one.name, "t": one.time.isoformat().replace("+00:00", "Z")} for one in report.witnesses],
        "entries": [
            {
                "index": seen.index,
                "type": seen.type,
                "t": seen.t,
                "ownerSeq": seen.seq,
                "told": seen.told,
                "facts": dict(seen.facts),
                "records": [[submission, row, list(groups)] for submission, row, groups in seen.records],
            }
            for seen in report.seen
        ],
        "inYourName": [
            {"index": one.index, "type": one.type, "t": one.t, "who": one.header["who"]} for one in report.asked
        ],
        "unread": [list(pair) for pair in report.unread],
        "differences": None if differences is None else [{"index": one.index, "what": one.what} for one in differences],
        "limits": list(report.limits),
    }


def _tell(report: ScanReport) -> None:
    console = Console(highlight=False)
    numbered = [one for one in report.seen if one.seq is not None]
    console.print(
        f"[bold]HOLDS[/bold]  log of {report.checkpoint.size} entries, {len(numbered)} of them with a "
        f"section of {report.owner}, numbered without gaps"
    )
    for one in report.witnesses:
        console.print(f"  witnessed by {escape(one.name)} at {written(one.time)}")
    columns = ("entry", "when", "what", "reader", "person", "purpose", "legal basis", "case", "policy", "records")
    table = Table(*columns, box=None, header_style="bold", pad_edge=False)
    for seen in [one for one in report.seen if one.type == "read" and one.records]:
        facts = [str(seen.facts.get(name) or "–") for name in ("reader", "person", "purpose", "basis", "case")]
        policy = str(seen.facts.get("policy") or "–").removeprefix("sha256:")[:8]
        cells = (str(seen.index), seen.t[:19], seen.type, *facts, policy, str(len(seen.records)))
        table.add_row(*(escape(cell) for cell in cells))
    console.print(table)
    for seen in [one for one in report.seen if one.told is not None]:
        late = seen.facts["late"]
        when = f"told late, in entry {seen.told}, by rule {late['rule']}: {late['law']}"
        console.print(f"  entry {seen.index}: {when}", markup=False)
    names = sorted({f"{one.type}" for one in report.asked})
    console.print(f"in your own name: {len(report.asked)} entries ({', '.join(names) or 'none'}); --json lists them")
    for first, end in report.unread:
        kind = "can't be read with these keys" if (first, end) in report.withheld else "are from before your key"
        console.print(f"  entries {first} to {end} {kind}")
    for limit in report.limits:
        console.print(f"  note: {escape(limit)}")


def _tell_differences(answer: Path | None, differences: list[Difference]) -> None:
    if answer is None:
        return
    console = Console(highlight=False)
    for one in differences:
        console.print(f"[bold red]DIFFERS[/bold red]  entry {one.index}: {one.what}")
    if not differences:
        console.print("the answer says the same as the log")
