"""``graphsvc init``: the first files of a service in production."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from graphsvc.cli.output import write_json
from graphsvc.cli.state import JsonFlag


class Kind(StrEnum):
    """What the issuer is."""

    keycloak = "keycloak"
    okta = "okta"
    entra = "entra"


def init(
    folder: Annotated[Path, typer.Argument(help="Where to write the files; made when absent.")],
    url: Annotated[str, typer.Option("--url", help="The service's address, as https://graph.example.org.")],
    issuer: Annotated[
        str, typer.Option("--issuer", help="Who issues access tokens, as https://login.example.org/realms/graphsvc.")
    ],
    provider: Annotated[Kind, typer.Option("--provider", help="What the issuer is.")] = Kind.keycloak,
    origin: Annotated[
        str, typer.Option("--origin", help="The log's name, never to be changed; left out: the address and /log.")
    ] = "",
    json: JsonFlag = False,
) -> None:
    """Write the settings of a service in production, with comments, and the keys of its clients.

    Nothing is written over. The folder then holds settings.env, provider.yaml (how the issuer writes tokens),
    client.jwk (the service's own key at the issuer), operator.jwk and operator.json (the operator's key and profile),
    and for Keycloak a realm to import. docs/production.md goes on from there.
    """
    from graphsvc.upkeep.beginning import REALM, SETTINGS, Wanted, begin

    made = begin(folder, Wanted(url, issuer, provider.value, origin))
    settings = folder.absolute() / SETTINGS
    if json:
        write_json({"files": [str(path) for path in made], "settings": str(settings)})
        return
    for path in made:
        typer.echo(path)
    typer.echo(f"\nNext: export GRAPHSVC_SETTINGS={settings}")
    realm = any(path.name == REALM for path in made)
    typer.echo(
        f"import {REALM} at Keycloak, then: graphsvc doctor --before-start"
        if realm
        else "register both clients at the issuer (docs/production.md), edit settings.env and provider.yaml, "
        "then: graphsvc doctor --before-start"
    )
