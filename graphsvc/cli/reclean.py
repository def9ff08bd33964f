"""``graphsvc reclean``: clean anew what was kept unlinked, by the rules and numbering plans of today."""

from __future__ import annotations

from collections import Counter
from typing import Annotated

import typer
from rich.console import Console

from graphsvc.cli.output import NOT_HOLDING, table, write_json
from graphsvc.cli.sharing import JsonFlag, ProfileOption
from graphsvc.cli.state import progress_bar
from graphsvc.client.profile import read_profile
from graphsvc.wire.upkeep import Recleaned


def reclean(
    apply: Annotated[
        bool, typer.Option("--apply", help="Link what becomes a key; without it nothing changes.")
    ] = False,
    profile: ProfileOption = None,
    json: JsonFlag = False,
) -> None:
    """For operators: clean anew what was kept unlinked, by the rules and numbering plans of today.

    Prints how many values of each type are linked, or why they are not, and no value. Records taken back, erased or set
    aside stay as they are, and so does all that is linked already. Interrupted, it goes on with what is left. The exit
    code is 1 when records could not be applied; they stay as they were.
    """
    parts: list[Recleaned] = []
    console = Console(stderr=True)
    with read_profile(profile).client() as client, progress_bar(console, "cleaning anew", quiet=json) as tell:
        place: tuple[int | None, int | None] = (0, 0)
        while place[0] is not None and place[1] is not None:
            done = client.reclean(place[0], place[1], apply=apply)
            parts.append(done)
            tell(parts[0].left + 1 - done.left, parts[0].left + 1)
            place = (done.entry, done.pack)
    values: Counter[tuple[str, str]] = Counter()
    for part in parts:
        values.update({(one.type, one.reason): one.count for one in part.values})
    records, aside = sum(part.records for part in parts), sum(part.set_aside for part in parts)
    entries = [part.index for part in parts if part.index is not None]
    listed = [{"type": type_, "reason": reason, "count": count} for (type_, reason), count in sorted(values.items())]
    if json:
        write_json({"applied": apply, "records": records, "setAside": aside, "entries": entries, "values": listed})
    else:
        table(("type of value", "reason", "values"), ((one["type"] or None, *list(one.values())[1:]) for one in listed))
        said = f"{records - aside} records were linked, {len(entries)} entries" if apply else f"{records} records"
        console.print(said if apply else f"{said} would be linked: graphsvc reclean --apply does it", highlight=False)
    if aside:
        raise typer.Exit(NOT_HOLDING)
