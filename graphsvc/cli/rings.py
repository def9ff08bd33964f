"""``graphsvc rings``: rings in an edge list, without a service; and their report as pictures."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from graphsvc.cli.options import grouped
from graphsvc.cli.output import write_json
from graphsvc.model.errors import InvalidInput
from graphsvc.model.schema import load_schema

if TYPE_CHECKING:
    from graphsvc.detect.recipe import Found, Parameters
    from graphsvc.edgelists.read import EdgeList

app = typer.Typer(
    help="Rings: accounts that share more than chance allows, in a file or at a service.", no_args_is_help=True
)
SHOWN = 20
"""So many rings are listed at first."""


class Order(StrEnum):
    """What rings are ranked by."""

    spread = "spread"
    chance = "chance"


@dataclass(frozen=True)
class Search:
    """How to search; the defaults need no tuning."""

    hub_cap: Annotated[
        int, typer.Option("--hub-cap", help="Identifiers of more accounts than this are left out.", min=2, max=10_000)
    ] = 20
    min_accounts: Annotated[
        int, typer.Option("--min-accounts", help="A ring has at least so many accounts.", min=2, max=10_000)
    ] = 3
    order: Annotated[
        Order,
        typer.Option("--order", help="Rank by spread, or by how little chance explains a ring: for payments alone."),
    ] = Order.spread
    seed: Annotated[int, typer.Option("--seed", help="Seed of the community search.", min=0)] = 1


class Engine(StrEnum):
    """Where the search runs."""

    local = "local"
    spark = "spark"


@dataclass(frozen=True)
class Machines:
    """Where to search: here, or on a Spark cluster."""

    engine: Annotated[
        Engine,
        typer.Option("--engine", help="Search in this process, or on a Spark cluster; needs the extra spark and Java."),
    ] = Engine.local
    master: Annotated[
        str | None,
        typer.Option("--master", help="The cluster, as local[4], local-cluster[2,1,2048] or spark://host:7077."),
    ] = None
    work: Annotated[
        Path | None,
        typer.Option(
            "--work", help="A folder that all machines of the cluster see, for what is in between.", file_okay=False
        ),
    ] = None


@dataclass(frozen=True)
class Beside:
    """What is read beside the edge list."""

    links: Annotated[
        Path | None,
        typer.Option("--links", help="Links between identifiers: columns a,b and since,until.", dir_okay=False),
    ] = None
    truth: Annotated[
        Path | None, typer.Option("--truth", help="Known rings, to compare: columns actor,ring.", dir_okay=False)
    ] = None


@app.command("detect")
@grouped
def detect(
    edges: Annotated[
        Path,
        typer.Argument(
            help="CSV, Parquet or GraphML with columns actor,identifier and, if known, kind,verb,since,until.",
            dir_okay=False,
        ),
    ],
    *,
    out: Annotated[Path, typer.Option("--out", help="Write all rings with their reasons as JSON.")],
    beside: Beside,
    search: Search,
    machines: Machines,
    top: Annotated[int, typer.Option("--top", help="List so many rings.", min=0)] = SHOWN,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Find rings in an edge list: no service, no database, the same search as the service's.

    Each row says that an actor (an account, a person) used an identifier (a phone, a device). kind is the identifier's
    kind and verb the kind of link, both as in the schema; since and until are ISO dates. All of these may be empty. A
    row is a contact between two of a kind, and both are actors, if its verb is CONTACTED or its kind that of an actor.

    With --truth the last line is a JSON object: jaccard (mean over known rings of the best likeness with a reported
    one, core and fringe), precision, recall, average_precision (over all known rings) and reported.

    With --engine spark the same rings are found on a cluster, for lists that one machine is too small for.
    """
    from graphsvc.detect.recipe import Parameters
    from graphsvc.edgelists.read import read_edges
    from graphsvc.edgelists.truth import read_truth, score
    from graphsvc.edgelists.write import write_rings

    _check(machines)
    console = Console(stderr=True, highlight=False)
    with console.status("read") as status:
        known = None if beside.truth is None else read_truth(beside.truth)
        read = read_edges(edges, beside.links, load_schema())
        parameters = Parameters(
            kinds=read.kinds(search.hub_cap), min_accounts=search.min_accounts, seed=search.seed, order=search.order
        )
        found = _find(read, parameters, machines, status.update)
        status.update("write")
        digests = {path.name: _digest(path) for path in (edges, beside.links) if path is not None}
        write_rings(out, found, parameters, read, digests)
    scores: dict[str, Any] = {}
    if known is not None:
        reported = [frozenset(read.names[one] for one in ring.accounts) for ring in found.rings]
        scores = score(known, reported).stated()
    if json:
        write_json({**_summary(found, out), **scores})
        return
    _tell(Console(highlight=False, soft_wrap=True), found, read, top)
    if known is not None:
        typer.echo(msgspec.json.encode(scores).decode())


def _check(machines: Machines) -> None:
    """Raises InvalidInput for options that do not fit, and where what they need is missing."""
    if machines.engine is Engine.local:
        for name, value in (("--master", machines.master), ("--work", machines.work)):
            if value is not None:
                raise InvalidInput("it goes with --engine spark", code="no_cluster", where=name)
        return
    from graphsvc.spark.session import check_installed

    check_installed()
    if machines.master is None:
        raise InvalidInput("say where the cluster is, as --master local[4]", code="no_cluster", where="--master")
    if machines.work is None and not machines.master.startswith("local"):
        told = "a cluster of several machines needs a folder that all of them see"
        raise InvalidInput(told, code="no_folder", where="--work")


def _find(read: EdgeList, parameters: Parameters, machines: Machines, stage: Callable[[str], None]) -> Found:
    if machines.engine is Engine.local or machines.master is None:
        from graphsvc.detect.recipe import detect as find

        return find(read, parameters, read.spell, stage)
    from graphsvc.spark.session import opened, work_folder

    stage("start the cluster")
    with work_folder(machines.work) as work, work_folder(None) as own, opened(machines.master, own) as session:
        from graphsvc.spark.detect import detect as find_there
        from graphsvc.spark.projection import Store

        return find_there(read, parameters, read.spell, Store(session, work), stage)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"


def _summary(found: Found, out: Path) -> dict[str, Any]:
    return {
        "reported": len(found.rings),
        "significant": sum(ring.significant and not ring.tag for ring in found.rings),
        "tagged": sum(bool(ring.tag) for ring in found.rings),
        "excludedHubs": found.excluded_hubs,
        "accounts": found.accounts,
        "links": found.links,
        "onlyShortLoops": found.cut,
        "out": str(out),
    }


def _tell(console: Console, found: Found, read: EdgeList, top: int) -> None:
    from graphsvc.detect.explain import power_of_ten

    table = Table("rank", "spread", "by chance", "", "accounts", "shared", "network", "tag", "members", box=None)
    for ring in found.rings[:top]:
        named = ", ".join(read.names[one] for one in ring.accounts[:3]) + (", …" if len(ring.accounts) > 3 else "")
        table.add_row(
            str(ring.rank),
            ring.score,
            power_of_ten(ring.log_e),
            "significant" if ring.significant else "",
            f"{len(ring.accounts) - len(ring.fringe)}+{len(ring.fringe)}",
            str(len(ring.shared)),
            str(ring.network),
            ring.tag,
            escape(named),
        )
    console.print(table)
    tagged = sum(bool(ring.tag) for ring in found.rings)
    said = f"{len(found.rings)} rings, {tagged} of them tagged as households and the like"
    console.print(f"{said}; {found.excluded_hubs} hubs left out")
    if found.cut:
        console.print("where links are very dense only loops of up to six were looked for")


@app.command("report")
def report(
    rings: Annotated[Path, typer.Argument(help="What rings detect wrote.", dir_okay=False)],
    *,
    out: Annotated[Path, typer.Option("--out", help="Folder for the pictures; it is made if need be.")],
    ring: Annotated[int, typer.Option("--ring", help="Draw the ring of this rank.", min=1)] = 1,
    png: Annotated[bool, typer.Option("--png", help="Write PNG beside SVG; needs the extra png.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Draw a ring, the network around it, sizes and scores of all rings, and when its identifiers were used, as SVG."""
    from graphsvc.edgelists.drawing import draw_report
    from graphsvc.edgelists.write import read_rings

    document = read_rings(rings)
    if not any(one["rank"] == ring for one in document["rings"]):
        raise InvalidInput(f"there are {len(document['rings'])} rings", code="no_ring", where="--ring")
    written = draw_report(document, ring, out, png=png)
    if json:
        write_json({"written": [str(path) for path in written]})
        return
    for path in written:
        typer.echo(str(path))
