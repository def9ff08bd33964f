"""``graphsvc doctor`` and ``reapply``: check the running service, and apply rows that were set aside."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from graphsvc.cli.output import NOT_HOLDING, table, write_json
from graphsvc.cli.sharing import JsonFlag, ProfileOption, tell
from graphsvc.client.profile import read_profile


def doctor(
    profile: ProfileOption = None,
    before_start: Annotated[
        bool, typer.Option("--before-start", help="Check what the service needs, here, without asking it.")
    ] = False,
    data: Annotated[Path, typer.Option("--data", help="With --before-start: the state directory.")] = Path("data"),
    json: JsonFlag = False,
) -> None:
    """For operators: check the running service, and say what to do about what is wrong.

    It checks whether the ledger takes entries and publishes them, whether Neo4j answers and the applier keeps up, what
    is set aside and why, and the disk. With --before-start it checks on this machine, by the settings of the
    environment and of the file that GRAPHSVC_SETTINGS names: settings, files and who may read them, Neo4j, issuer, its
    keys, clocks, certificates, the disk. The exit code is 1 when something is wrong.
    """
    if before_start:
        from graphsvc.upkeep.examine import examine

        checks = examine(data, os.environ)
    else:
        with read_profile(profile).client() as client:
            checks = client.doctor()
    well = all(one.ok for one in checks)
    if json:
        write_json({"ok": well, "checks": checks})
    else:
        rows = ((one.name, "well" if one.ok else "WRONG", one.found, one.advice or None) for one in checks)
        table(("part", "is", "found", "do"), rows)
    if not well:
        raise typer.Exit(NOT_HOLDING)


def reapply(
    entry: Annotated[int, typer.Argument(help="The submission whose rows are set aside, by its ledger index.")],
    row: Annotated[list[int] | None, typer.Option("--row", help="Only this row; repeat.")] = None,
    profile: ProfileOption = None,
    json: JsonFlag = False,
) -> None:
    """For operators: bring rows that were set aside into the graph, once the cause is mended.

    Rows recalled or erased meanwhile never come back. Rows that still can't be applied are set aside again.
    """
    with read_profile(profile).client() as client:
        done = client.reapply(entry, row)
    tell(done, json)
    if done.set_aside:
        raise typer.Exit(NOT_HOLDING)
