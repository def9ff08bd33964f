"""``graphsvc trust``: the keys that a verifier pins outside the service (docs/client-files.md)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from graphsvc.cli.output import table, write_json
from graphsvc.cli.sharing import JsonFlag, ProfileOption
from graphsvc.cli.state import settings_of
from graphsvc.client.keys import write_private
from graphsvc.client.profile import read_profile, read_trust
from graphsvc.ledger.checkpoint import LogSigner
from graphsvc.ledger.keyfiles import signing_key
from graphsvc.model.errors import InvalidInput
from graphsvc_verify.canonical import b64u, encode
from graphsvc_verify.trust import Trust, parse_trust

app = typer.Typer(help="The keys that a verifier pins outside the service.", no_args_is_help=True)


@app.command("show")
def show(
    file: Annotated[Path | None, typer.Argument(help="A trust file; none: the profile's.")] = None,
    profile: ProfileOption = None,
    json: JsonFlag = False,
) -> None:
    """Show what a trust file pins: the log's key, organisations' root keys, witnesses, a checkpoint."""
    trust = read_trust(file) if file is not None else read_profile(profile).trust()
    _tell(trust, json)


@app.command("log")
def log(
    data: Annotated[Path, typer.Option("--data", help="State directory of the service.")] = Path("data"),
    json: JsonFlag = False,
) -> None:
    """Show the public key of a service's log, for operators to hand out; the service may run."""
    settings = settings_of(data)
    public = LogSigner(settings.origin, signing_key(settings.data / "ledger" / "keys" / "log.key", create=False)).public
    if json:
        write_json({"origin": public.name, "log": public.vkey})
        return
    typer.echo(public.vkey)


@app.command("new")
def new(
    out: Annotated[Path, typer.Argument(help="The trust file to write; must not exist.")],
    *,
    log_key: Annotated[str, typer.Option("--log", help="The log's public key, as graphsvc trust log prints it.")],
    root: Annotated[
        list[str] | None, typer.Option("--root", help="A root key, as pasar=KEY (what keys new prints). Repeatable.")
    ] = None,
    json: JsonFlag = False,
) -> None:
    """Write a trust file from keys that you got by a way other than the service itself."""
    if out.exists():
        raise InvalidInput("there is a file already", code="exists", where=str(out))
    pairs = [text.partition("=") for text in root or ()]
    if not all(org and equals and key for org, equals, key in pairs):
        raise InvalidInput("write it as pasar=KEY", code="bad_root", where="--root")
    value = {
        "v": 1,
        "origin": log_key.partition("+")[0],
        "log": log_key,
        "organisations": {org: key for org, _, key in pairs},
    }
    trust = parse_trust(value)
    write_private(out, encode(value) + b"\n")
    _tell(trust, json)


def _tell(trust: Trust, as_json: bool) -> None:
    roots = {org: b64u(key) for org, key in sorted(trust.organisations.items())}
    size = None if trust.checkpoint is None else trust.checkpoint.size
    witnesses = [witness.name for witness in trust.witnesses]
    if as_json:
        value = {"origin": trust.origin, "log": trust.log.vkey, "organisations": roots, "checkpoint": size}
        write_json({**value, "witnesses": witnesses, "witnessesNeeded": trust.needed})
        return
    rows: list[tuple[object, object]] = [("log", trust.log.vkey)]
    rows += [(f"root key of {org}", key) for org, key in roots.items()]
    rows += [("witness", name) for name in witnesses]
    if size is not None:
        rows.append(("checkpoint", f"of {size} entries"))
    table(("what", "pinned"), rows)
