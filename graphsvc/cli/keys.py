"""``graphsvc keys``: make and look at keys."""

from __future__ import annotations

from contextlib import closing
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from joserfc.jwk import Key
from rich.console import Console

from graphsvc.cli import keyevents
from graphsvc.cli.output import write_json
from graphsvc.cli.state import DataOption, JsonFlag, settings_of
from graphsvc.client.keys import HpkeKey, SigningKey, load_hpke_key, load_signing_key, save_hpke_key, save_signing_key
from graphsvc.model.errors import InvalidInput
from graphsvc.model.jwkfiles import key_id, new_jwk, public_set, read_jwk, save_jwk
from graphsvc_verify.canonical import b64u

app = typer.Typer(help="Make and look at keys; enrol and revoke them from the offline root key.", no_args_is_help=True)
app.command("request")(keyevents.request)
app.command("add")(keyevents.add)
app.command("enrol")(keyevents.enrol)
# A key's id may begin with a dash: an option that is not known is taken for the id.
_IDS = {"ignore_unknown_options": True}
app.command("rotate", context_settings=_IDS)(keyevents.rotate)
app.command("revoke", context_settings=_IDS)(keyevents.revoke)
app.command("send")(keyevents.send)
app.command("list")(keyevents.show_all)


class Use(StrEnum):
    """What a key is for."""

    sig = "sig"
    hpke = "hpke"
    client = "client"


UseOption = Annotated[
    Use,
    typer.Option(
        "--use",
        help="sig: signs (Ed25519). hpke: receives day keys (MLKEM768-X25519). "
        "client: proves to an identity provider who asks for tokens (P-256, a JWK).",
    ),
]


@app.command("new")
def new(
    path: Annotated[Path, typer.Argument(help="Where to write the private key; must not exist.")],
    use: UseOption = Use.sig,
    json: JsonFlag = False,
) -> None:
    """Make a private key, readable by its owner only, and print the public one."""
    try:
        if use is Use.client:
            made = new_jwk()
            save_jwk(path, made)
            _print_client(path, made, json)
        elif use is Use.sig:
            key = SigningKey.new()
            save_signing_key(path, key)
            _print(path, use, key, json)
        else:
            pair = HpkeKey.new()
            save_hpke_key(path, pair)
            _print(path, use, pair, json)
    except FileExistsError:
        raise InvalidInput(
            "there is a file already; keys are never written over", code="exists", where=str(path)
        ) from None


@app.command("show")
def show(
    path: Annotated[Path, typer.Argument(help="A private key.")], use: UseOption = Use.sig, json: JsonFlag = False
) -> None:
    """Print the public half and the id of a private key; of a client's key, the key set that its provider is given."""
    if use is Use.client:
        _print_client(path, read_jwk(path), json)
        return
    _print(path, use, load_signing_key(path) if use is Use.sig else load_hpke_key(path), json)


@app.command("rewrap")
def rewrap(data: DataOption = Path("data"), json: JsonFlag = False) -> None:
    """Wrap the row keys of a service under this month's key and destroy the older ones; the service may run.

    Run it daily: it does something once a month. Afterwards older backups open with older secrets only. Write new
    secrets (graphsvc backup --secrets), then destroy the older ones: then what was erased before is unreadable
    everywhere.
    """
    from graphsvc.ledger.rowkeys import RowKeys

    settings = settings_of(data)
    with closing(RowKeys(settings.data / "keys" / "rows.db", create=False)) as keys:
        count = keys.rewrap()
    if json:
        write_json({"rewrapped": count})
        return
    told = f"{count:,} boxes are wrapped anew: write new secrets with graphsvc backup --secrets, destroy the older ones"
    Console(highlight=False, soft_wrap=True).print(told if count else "nothing to do: all keys are this month's")


def _print_client(path: Path, key: Key, as_json: bool) -> None:
    public = public_set(key)
    if as_json:
        write_json({"path": str(path), "use": Use.client.value, "kid": key_id(key), "publicKeySet": public})
        return
    console = Console(highlight=False, soft_wrap=True)
    console.print(f"private key  {path}\nuse          client\nkid          {key_id(key)}", markup=False)
    console.print(f"public set   {msgspec.json.encode(public).decode()}", markup=False)


def _print(path: Path, use: Use, key: SigningKey | HpkeKey, as_json: bool) -> None:
    if as_json:
        write_json({"path": str(path), "use": use.value, "kid": key.kid, "publicKey": b64u(key.public)})
        return
    console = Console(highlight=False, soft_wrap=True)
    console.print(
        f"private key  {path}\nuse          {use.value}\nkid          {key.kid}\npublic key   {b64u(key.public)}"
    )
