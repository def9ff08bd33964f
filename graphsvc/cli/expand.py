"""``graphsvc expand``: the network around one identifier, as tables of things and of links between them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from graphsvc.cli.flat import Flat, show, write_csv
from graphsvc.cli.options import CursorOption, FootingOptions, grouped, identifier
from graphsvc.cli.output import looked, warn, write_json
from graphsvc.client.profile import read_profile

FIND = "query($kind: String!, $parts: [KeyPart!]!) { search(kind: $kind, parts: $parts) { handle } }"
EXPAND = """query($start: ID!, $hops: Int!, $kinds: [String!], $limit: Int!, $cursor: String) {
  expand(start: $start, hops: $hops, linkKinds: $kinds, limit: $limit, cursor: $cursor) {
    truncated moreLinks next
    entities { handle kind key recordCount ownerCount }
    links { kind source target since until claimCount record { owner handling { code } } }
  } }"""
THINGS = ["thing", "kind", "records", "owners"]
LINKS = ["link", "from", "to", "since", "until", "owner", "code", "claims"]


@dataclass(frozen=True)
class Reach:
    """How much of the network."""

    hops: Annotated[int, typer.Option("--hops", help="How many links away at most.", min=1, max=4)] = 1
    link: Annotated[list[str] | None, typer.Option("--link", help="Only links of this kind, as USES. Repeatable.")] = (
        None
    )
    limit: Annotated[int, typer.Option("--limit", help="How many links at most, in one part.", min=1, max=2_000)] = 300
    cursor: CursorOption = ""
    every: Annotated[bool, typer.Option("--all", help="Go on until the end, and show all parts as one.")] = False

    @property
    def asked(self) -> dict[str, Any]:
        """The variables of the question."""
        return {"hops": self.hops, "kinds": self.link, "limit": self.limit, "cursor": self.cursor or None}


@grouped
def expand(
    start: Annotated[str, typer.Argument(help="Where to begin, as Phone:value=+254710000001.")],
    *,
    footing: FootingOptions,
    reach: Reach,
    profile: Annotated[
        Path | None, typer.Option("--profile", help="How to reach the service.", envvar="GRAPHSVC_PROFILE")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    csv: Annotated[bool, typer.Option("--csv", help="Print CSV: things, then links.")] = False,
) -> None:
    """Show the network around an identifier: what is linked with it, who says so, under which handling code.

    A thing whose identity is withheld from you has a number instead, as #3: one number, one thing.
    """
    kind, parts = identifier(start, where="START")
    asked = {"kind": kind, "parts": [{"name": name, "value": value} for name, value in parts.items()]}
    with read_profile(profile).client(signed=footing.signed) as client:
        answer = client.query(FIND, asked, footing.footing)
        found = answer.data.get("search") or []
        network: Mapping[str, Any] = {"entities": [], "links": []}
        if found:
            asked = {"start": found[0]["handle"], **reach.asked}
            answer = client.query(EXPAND, asked, footing.footing)
            network = answer.data.get("expand") or network
            while reach.every and network.get("next"):
                answer = client.query(EXPAND, {**asked, "cursor": network["next"]}, footing.footing)
                network = _joined(network, answer.data.get("expand") or {"entities": [], "links": []})
    if json:
        write_json({"data": {"expand": network}, "index": answer.proof.index, **looked(answer)})
        return
    tables = _tables(network)
    if csv:
        write_csv(tables)
    elif network["entities"]:
        show(tables)
    else:
        typer.echo("nothing that you may see is known of it")
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    console.print(f"ledger index {answer.proof.index}, {'signed, ' if answer.signed else ''}receipt checked")
    warn(console, answer)
    if network.get("next"):
        typer.echo(f"more with --cursor {network['next']}")


def _joined(network: Mapping[str, Any], part: Mapping[str, Any]) -> dict[str, Any]:
    """A network with the part that follows it; a thing is on every part that has links of it."""
    things = {one["handle"]: one for one in (*network["entities"], *part["entities"])}
    return {**part, "entities": list(things.values()), "links": [*network["links"], *part["links"]]}


def _tables(network: Mapping[str, Any]) -> list[Flat]:
    names = {
        one["handle"]: one["key"] or f"#{number} {one['kind']}" for number, one in enumerate(network["entities"], 1)
    }
    things = [
        [names[one["handle"]], one["kind"], str(one["recordCount"]), str(one["ownerCount"])]
        for one in network["entities"]
    ]
    links = [
        [
            *(one["kind"], names.get(one["source"], one["source"]), names.get(one["target"], one["target"])),
            *(one["since"], one["until"], one["record"]["owner"], one["record"]["handling"]["code"]),
            str(one["claimCount"]),
        ]
        for one in network["links"]
    ]
    return [Flat("things", THINGS, things), Flat("links", LINKS, links)]
