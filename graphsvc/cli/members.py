"""``graphsvc members``: organisations that join, change and leave."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from graphsvc.cli.options import grouped
from graphsvc.cli.output import table, write_json
from graphsvc.cli.sharing import JsonFlag, ProfileOption, SignOption, sign_and_send, tell
from graphsvc.client.profile import read_profile
from graphsvc.model.errors import InvalidInput
from graphsvc.model.principals import Organisation
from graphsvc.wire.members import UpdateOrganisation
from graphsvc_verify.canonical import unb64u
from graphsvc_verify.errors import VerifyError

app = typer.Typer(help="Members: who belongs, how to reach them, and how one leaves.", no_args_is_help=True)

OrgArgument = Annotated[str, typer.Argument(help="The organisation, as customs-cn.")]
NameOption = Annotated[str | None, typer.Option("--name", help="How it is called.")]
ContactOption = Annotated[str | None, typer.Option("--contact", help="Whom to ask, as a functional mailbox.")]


class Records(StrEnum):
    """What becomes of the records of an organisation that leaves."""

    keep = "keep"
    recall = "recall"


@dataclass(frozen=True)
class Joining:
    """The organisation that joins."""

    kind: Annotated[str, typer.Option("--kind", help="What it is, as company, police, customs.")]
    jurisdiction: Annotated[str, typer.Option("--jurisdiction", help="Two letters of ISO 3166-1, as KE.")]
    name: Annotated[str, typer.Option("--name", help="How it is called.")]
    root_key: Annotated[str, typer.Option("--root-key", help="Its root public key, as keys show prints it.")]
    contact: Annotated[str, typer.Option("--contact", help="Whom to ask, as a functional mailbox.")] = ""


@app.command("list")
def listing(profile: ProfileOption = None, json: JsonFlag = False) -> None:
    """For operators: list all organisations, including those that have left."""
    with read_profile(profile).client() as client:
        found = client.organisations()
    if json:
        write_json({"organisations": found})
        return
    rows = (
        (
            *(one.org, one.kind, one.jurisdiction, one.name, one.contact, one.keys),
            *(one.submissions, one.left),
        )
        for one in found
    )
    table(("member", "kind", "in", "name", "contact", "keys", "submissions", "left in entry"), rows)


@app.command("add")
@grouped
def add(org: OrgArgument, *, joining: Joining, profile: ProfileOption = None, json: JsonFlag = False) -> None:
    """For operators: admit an organisation under its root key, and print what it has to do next."""
    try:
        key = unb64u(joining.root_key)
    except VerifyError:
        raise InvalidInput(
            "43 characters of base64url, as keys show prints", code="bad_key", where="--root-key"
        ) from None
    member = Organisation(org, joining.kind, joining.jurisdiction, joining.name, joining.contact)
    with read_profile(profile).client() as client:
        made = client.admit(member, key)
    tell(made, json)
    if not json:
        typer.echo(f"\nNext, by {org}:")
        typer.echo("  graphsvc keys add                       its people's keys, under its root key")
        typer.echo(f"  graphsvc policy propose {org}      its own policy file; another of its persons approves")
        typer.echo("and by the operator: issue tokens to its people at the identity provider")


@app.command("client")
def client(
    name: Annotated[str, typer.Argument(help="How the client is called at Keycloak, as harbour.feed.")],
    org: Annotated[str, typer.Option("--org", help="The member whose client it is.")],
    role: Annotated[list[str], typer.Option("--role", help="What it may do. Repeatable.")],
    public: Annotated[Path, typer.Option("--public", help="What keys show --use client --json prints of its key.")],
) -> None:
    """For operators: print a member's machine client as Keycloak imports it (kcadm.sh create clients -f FILE).

    It proves who it is by its own key, and its tokens are bound to keys: no secret changes hands.
    """
    from graphsvc.upkeep.beginning import keycloak_client

    try:
        said = msgspec.json.decode(public.read_bytes(), type=dict[str, Any])
    except (OSError, msgspec.DecodeError):
        raise InvalidInput("the file can't be read, or is no JSON", code="bad_key", where=str(public)) from None
    write_json(keycloak_client(name, org, role, said.get("publicKeySet", said)))


@app.command("update")
def update(
    org: OrgArgument,
    *,
    name: NameOption = None,
    contact: ContactOption = None,
    profile: ProfileOption = None,
    json: JsonFlag = False,
) -> None:
    """For operators: change a member's name or contact."""
    changes = _changes(name, contact)
    with read_profile(profile).client() as client:
        tell(client.update_organisation(org, changes), json)


@app.command("contact")
def contact(
    *,
    name: NameOption = None,
    contact: ContactOption = None,
    sign: SignOption,
    profile: ProfileOption = None,
    json: JsonFlag = False,
) -> None:
    """For officers: change the name or contact of your own organisation, by a signed act."""
    _changes(name, contact)
    reach = read_profile(profile)
    with reach.client() as client:
        said = UpdateOrganisation(name=name, contact=contact)
        tell(sign_and_send(reach, client, sign, (reach.file.org, said)), json)


@app.command("leave")
def leave(
    org: OrgArgument,
    *,
    records: Annotated[
        Records, typer.Option("--records", help="keep: they stay under their labels. recall: all are taken back.")
    ],
    reason: Annotated[str, typer.Option("--reason", help="Why; the ledger keeps it for ever: name no person.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do it; it can't be undone.")] = False,
    profile: ProfileOption = None,
    json: JsonFlag = False,
) -> None:
    """For operators: off-board a member.

    At once its keys sign nothing more, its tokens are refused, open requests and grants to it and by it end, and it is
    in no group. Its entries in the ledger stay.
    """
    if not yes:
        raise InvalidInput("who has left does not come back under this name: say --yes", code="not_confirmed")
    with read_profile(profile).client() as client:
        tell(client.off_board(org, records.value, reason), json)


def _changes(name: str | None, contact: str | None) -> dict[str, str]:
    changes = {key: value for key, value in (("name", name), ("contact", contact)) if value is not None}
    if not changes:
        raise InvalidInput("say what changes with --name or --contact", code="no_change")
    return changes
