"""``graphsvc token``: a bearer token for trying things out by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console

from graphsvc.cli.output import write_json
from graphsvc.client import ClientCredentials
from graphsvc.client.profile import read_profile
from graphsvc.model.errors import InvalidInput


def token(
    client: Annotated[
        str, typer.Argument(help="A development client, as police-ke.investigator; none: list them.")
    ] = "",
    data: Annotated[Path, typer.Option("--data", help="State directory of a service on this machine.")] = Path("data"),
    profile: Annotated[Path | None, typer.Option("--profile", help="Fetch a token by a profile's credentials.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Fetch an access token.

    Use it as:  curl -H "Authorization: Bearer $(graphsvc token police-ke.investigator)" …
    """
    if profile is not None:
        _print(read_profile(profile).tokens()(), json)
        return
    known = _development_clients(data)
    clients = {str(entry["clientId"]): entry for entry in known["clients"]}
    if not client:
        _list(list(clients.values()), json)
        return
    if client not in clients:
        raise InvalidInput(f"no such client; there are {', '.join(clients)}", code="unknown_client", where=client)
    fetch = ClientCredentials(str(known["tokenEndpoint"]), client, str(clients[client]["clientSecret"]))
    _print(fetch(), json)


def _development_clients(data: Path) -> dict[str, Any]:
    path = data / "dev" / "clients.json"
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
    except OSError as error:
        message = f"no service with development identities here: {error.strerror}; name its state with --data"
        raise InvalidInput(message, code="no_clients", where=str(path)) from None
    except msgspec.DecodeError:
        raise InvalidInput("not a list of clients", code="no_clients", where=str(path)) from None


def _list(entries: list[dict[str, Any]], as_json: bool) -> None:
    shown = [{name: entry.get(name) for name in ("clientId", "org", "person", "roles")} for entry in entries]
    if as_json:
        write_json({"clients": shown})
        return
    console = Console(highlight=False)
    for entry in shown:
        console.print(f"{entry['clientId']:<28} {entry['org']:<12} {', '.join(entry['roles'] or ())}")


def _print(value: str, as_json: bool) -> None:
    if as_json:
        write_json({"accessToken": value})
    else:
        typer.echo(value)
