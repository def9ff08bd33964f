"""The demonstration: start a whole service on this machine, tell the story on it, then leave it up for trials."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from rich.console import Console

from graphsvc.demo.cast import CLIENTS, OPERATOR, feed_of
from graphsvc.demo.company import Members
from graphsvc.demo.scenario import ORGANISATIONS, make_scenario
from graphsvc.demo.scenario.truth import Scenario, Slice
from graphsvc.demo.stage import Stage
from graphsvc.demo.story import CASE, INVESTIGATION, Story
from graphsvc.local.run import LocalService, run_local, until_stopped
from graphsvc.model.drafts import Defaults
from graphsvc.model.errors import GraphsvcError, InvalidInput
from graphsvc_verify.errors import VerifyError

Score = Callable[[Mapping[str, Any]], None]


def run_demo(data: Path, port: int, seed: int, *, keep: bool, score: Score | None) -> bool:
    """Start a service with its state below ``data`` (empty or absent), tell the story, and keep serving if ``keep``.

    ``score`` gets the outcome of every step, and no tables are printed.

    Returns whether every step gave what the scenario planted. Raises InvalidInput when ``data`` holds a demo already,
    Unavailable when Neo4j can't be had.
    """
    if (data / "demo").exists():
        message = (
            f"a demo was run here before: serve it again with graphsvc up --data {data}, or name another directory"
        )
        raise InvalidInput(message, code="exists", where=str(data))
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 160)
    stage = Stage(console, quiet=score is not None)
    scenario = make_scenario(data / "demo" / "files", seed)
    with run_local(data, port, CLIENTS) as service:
        members = Members(service, ORGANISATIONS, data / "demo" / "organisations")
        try:
            tell(stage, Story(stage, members, scenario))
            write_profiles(members, scenario)
            if score is not None:
                score(stage.score())
            if keep:
                _invite(console, service, members, scenario.slices[0])
                until_stopped()
        finally:
            members.close()
    return stage.held


def tell(stage: Stage, story: Story) -> None:
    """Tell all steps; one that fails ends the story, since the next ones build on it."""
    try:
        for step in (
            *(story.enrol, story.submit, story.investigate, story.match),
            *(story.sharing.preserve, story.sharing.ask, story.sharing.grant),
            *(story.detect, story.rings.keep, story.sharing.revoke, story.sharing.recall, story.account),
        ):
            step()
    except (GraphsvcError, VerifyError, LookupError, TypeError, ValueError) as error:
        stage.broke(error)
    stage.end()


def write_profiles(members: Members, scenario: Scenario) -> None:
    """Write everybody's profile, which the pages in ``docs/`` use; that of a feed has the defaults for its rows."""
    said = {feed_of(piece.org): piece.defaults for piece in reversed(scenario.slices)}
    for name in (OPERATOR, *(client.client_id for client in CLIENTS)):
        members.write_profile(name, said.get(name, Defaults()))


def _invite(console: Console, service: LocalService, members: Members, piece: Slice) -> None:
    def line(text: str) -> None:
        console.print(text, soft_wrap=True, markup=False)

    line("\nServing until Ctrl-C")
    line(f"  console     {service.url}/console")
    line(f"  GraphQL     {service.url}/graphql")
    line(f"  log         {service.url}/log/checkpoint")
    line(f"  identities  {service.identity_url}")
    line(f"  state       {service.data}; to serve it again: graphsvc up --data {service.data}")
    line("\nTokens, good for 15 minutes")
    for name in ("police-ke.investigator", "police-ke.analyst", "pasar.officer"):
        line(f"  # {name}; a new one: graphsvc token {name} --data {service.data}")
        line(f"  {members.token(name)}")
    desk = members.folder / piece.org
    line("\nTry")
    line(f"  graphsvc submit {piece.path} --map {piece.mapping} \\")
    line(f"    --sign {desk / 'working.pem'} --profile {desk / 'feed.json'}")
    line(f"  curl -s {service.url}/graphql -H 'Content-Type: application/json' \\")
    line(f'    -H "Authorization: Bearer $(graphsvc token police-ke.investigator --data {service.data})" \\')
    line(
        f"    -H 'Graphsvc-Purpose: {INVESTIGATION.purpose}' -H 'Graphsvc-Legal-Basis: {INVESTIGATION.legal_basis}' \\"
    )
    line(f"    -H 'Graphsvc-Case: {CASE}' -d '{{\"query\": \"{{ cases {{ reference title }} }}\"}}'")
