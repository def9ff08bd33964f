"""``graphsvc evidence``: make one zip file that a court can check."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from graphsvc.cli.options import grouped
from graphsvc.cli.output import write_json
from graphsvc.client.keys import load_hpke_key
from graphsvc.client.package import take_package
from graphsvc.client.profile import read_profile, read_trust
from graphsvc.model.errors import InvalidInput
from graphsvc.model.files import write_durably
from graphsvc_verify.package import check_package
from graphsvc_verify.receipt import attention_of


@dataclass(frozen=True)
class Content:
    """What a package is about."""

    answer: Annotated[
        list[Path] | None, typer.Option("--answer", help="An answer as received, with its receipt. Repeatable.")
    ] = None
    index: Annotated[list[int] | None, typer.Option("--index", help="A ledger index. Repeatable.", min=0)] = None
    without_records: Annotated[
        bool, typer.Option("--without-records", help="Take answers that name no record, too.")
    ] = False


@grouped
def evidence(
    out: Annotated[Path, typer.Option("--out", help="Where to write the zip; must not exist.", dir_okay=False)],
    *,
    content: Content,
    key: Annotated[
        list[Path] | None, typer.Option("--key", help="Receiving key that opens your sections. Repeatable.")
    ] = None,
    trust: Annotated[Path | None, typer.Option("--trust", help="Pinned keys; the profile's when left out.")] = None,
    profile: Annotated[
        Path | None, typer.Option("--profile", help="How to reach the service.", envvar="GRAPHSVC_PROFILE")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Make an evidence package: entries, proofs, key history, answers as received, a summary, how to check.

    An investigator names the answers that it kept (--answer). A data-protection officer names the organisation's
    receiving key (--key), which opens the organisation's own sections on this machine. Without --answer and --index the
    package is about every entry that concerns the organisation. An answer that names no record is refused: it proves
    what was said, but not about whose record. Anyone checks the package: graphsvc verify FILE --trust KEYS
    """
    if out.exists():
        raise InvalidInput("there is a file already", code="exists", where=str(out))
    reach = read_profile(profile)
    pinned = reach.trust() if trust is None else read_trust(trust)
    keys = [load_hpke_key(path) for path in key or ()]
    paths = content.answer or ()
    answers = [_read(path) for path in paths]
    with reach.client(pinned) as client:
        package = take_package(client, pinned, answers, content.index or (), keys)
    report = check_package(package, pinned)
    told = [(path, attention_of(one.proof)) for path, one in zip(paths, report.answers, strict=True)]
    attention = [(path, what) for path, what in told if what]
    if attention and not content.without_records:
        path, what = attention[0]
        message = f"{what}. Ask again with owner and handle of each record, or take it so with --without-records"
        raise InvalidInput(message, code="no_records", where=str(path))
    write_durably(out, package, 0o600)
    size, entries = report.evidence.checkpoint.size, report.evidence.entries
    if json:
        counts = {"entries": len(entries), "answers": len(report.answers), "witnesses": len(report.evidence.witnesses)}
        said = {"attention": [what for _, what in attention]}
        write_json({"file": str(out), "bytes": len(package), "size": size, **counts, **said})
        return
    console = Console(highlight=False, soft_wrap=True)
    console.print(
        f"{out}: {len(entries)} entries, {len(report.answers)} answers, log size {size}, {len(package)} bytes"
    )
    for path, what in attention:
        console.print(f"[bold red]ATTENTION[/bold red] {path}: {what}")
    console.print(f"[dim]graphsvc verify {out} --trust KEYS[/dim]")


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InvalidInput(f"the answer can't be read: {error.strerror}", code="unreadable", where=str(path)) from None
