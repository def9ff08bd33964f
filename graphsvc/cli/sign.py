"""``graphsvc sign``: sign an act offline, to be carried to the service."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from graphsvc.client.acts import sign_act
from graphsvc.client.keys import load_signing_key
from graphsvc.model.errors import InvalidInput
from graphsvc_verify.canonical import parse
from graphsvc_verify.errors import VerifyError

CARRIED = timedelta(days=7)


def sign(
    kind: Annotated[str, typer.Argument(help="What is decided, as recall.")],
    body: Annotated[Path, typer.Option("--body", help="What it says: a JSON object.", exists=True, dir_okay=False)],
    subject: Annotated[str, typer.Option("--subject", help="The id of what is decided on.")],
    after: Annotated[int, typer.Option("--after", help="The last ledger index that you have seen.", min=-1)],
    key: Annotated[Path, typer.Option("--key", help="Your own working key.")],
    org: Annotated[str, typer.Option("--org", help="Your organisation.")],
    origin: Annotated[str, typer.Option("--origin", help="The log's name, as in the trust file.")],
) -> None:
    """Sign an act on a machine without network, and print it: a compact JWS.

    So you need not trust a console.

    The act is valid for a week. The service refuses it if what it decides on has changed since --after.
    """
    try:
        said: Any = parse(body.read_bytes())
        if not isinstance(said, dict):
            raise VerifyError("not_json", "a JSON object is needed")
        act = sign_act(load_signing_key(key), (origin, org), kind, subject, said, after, valid=CARRIED)
    except VerifyError as error:
        raise InvalidInput(error.message, code=error.code, where=str(body)) from None
    typer.echo(act)
