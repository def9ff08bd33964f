"""``graphsvc group``: sharing groups, and the records that are shared with them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from graphsvc.cli.options import grouped
from graphsvc.cli.output import table, write_json
from graphsvc.cli.sharing import JsonFlag, ProfileOption, SignOption, sign_and_send, tell
from graphsvc.client.profile import read_profile
from graphsvc.client.questions import GROUPS
from graphsvc.model.errors import InvalidInput
from graphsvc.wire.acts import Body, Target
from graphsvc.wire.sharing import (
    AcceptInvitation,
    CreateGroup,
    InviteToGroup,
    LeaveGroup,
    RemoveFromGroup,
    ShareRecords,
    UnshareRecords,
)

app = typer.Typer(help="Sharing groups: who belongs, and what is shared with them.", no_args_is_help=True)

GroupArgument = Annotated[str, typer.Argument(help="The group's id, as ivory-route.")]
OrgArgument = Annotated[str, typer.Argument(help="An organisation, as customs-cn.")]


@app.command("list")
def listing(profile: ProfileOption = None, json: JsonFlag = False) -> None:
    """List the groups that your organisation belongs to or is invited to."""
    with read_profile(profile).client() as client:
        found = client.read(GROUPS)
    if json:
        write_json({"sharingGroups": found})
        return
    rows = (
        (
            *(one.id, one.state, one.founder, one.purpose),
            ", ".join(f"{member.org} ({member.state})" for member in one.members),
        )
        for one in found
    )
    table(("group", "you are", "founder", "purpose", "members"), rows)


@app.command("create")
def create(
    group: GroupArgument,
    *,
    purpose: Annotated[str, typer.Option("--purpose", help="What the group is for.")],
    rulebook: Annotated[str, typer.Option("--rulebook", help="The rulebook that it works by.")] = "",
    sign: SignOption,
    profile: ProfileOption = None,
    json: JsonFlag = False,
) -> None:
    """Found a group."""
    _act(profile, sign, group, CreateGroup(purpose=purpose, rulebook=rulebook), json)


@app.command("invite")
def invite(
    group: GroupArgument,
    org: OrgArgument,
    *,
    until: Annotated[str, typer.Option("--until", help="When the membership ends, as 2026-12-31T00:00:00Z.")] = "",
    sign: SignOption,
    profile: ProfileOption = None,
    json: JsonFlag = False,
) -> None:
    """Invite an organisation; inviting a member again changes when its membership ends."""
    _act(profile, sign, group, InviteToGroup(org=org, until=until or None), json)


@app.command("accept")
def accept(group: GroupArgument, sign: SignOption, profile: ProfileOption = None, json: JsonFlag = False) -> None:
    """Accept an invitation."""
    _act(profile, sign, group, AcceptInvitation(), json)


@app.command("leave")
def leave(group: GroupArgument, sign: SignOption, profile: ProfileOption = None, json: JsonFlag = False) -> None:
    """Leave a group, or decline an invitation. What you have shared stays shared until you take it back (unshare)."""
    _act(profile, sign, group, LeaveGroup(), json)


@app.command("remove")
def remove(
    group: GroupArgument, org: OrgArgument, sign: SignOption, profile: ProfileOption = None, json: JsonFlag = False
) -> None:
    """Remove a member, or take an invitation back; founders only."""
    _act(profile, sign, group, RemoveFromGroup(org=org), json)


@dataclass(frozen=True)
class Records:
    """Records of one's own organisation: by handle, or all or some rows of a submission."""

    record: Annotated[list[str] | None, typer.Option("--record", help="One of your records, by handle; repeat.")] = None
    submission: Annotated[
        int | None, typer.Option("--submission", help="One of your submissions, by ledger index.")
    ] = None
    row: Annotated[list[int] | None, typer.Option("--row", help="Only this row of the submission; repeat.")] = None

    @property
    def target(self) -> Target:
        """The records as the target of an act. Raises InvalidInput."""
        if bool(self.record) == (self.submission is not None):
            raise InvalidInput("name records with --record, or a submission", code="no_target")
        rows = None if self.row is None else tuple(self.row)
        return Target(records=tuple(self.record) if self.record else None, submission=self.submission, rows=rows)


@app.command("share")
@grouped
def share(
    group: GroupArgument, *, records: Records, sign: SignOption, profile: ProfileOption = None, json: JsonFlag = False
) -> None:
    """Share records of your organisation with a group."""
    _act(profile, sign, group, ShareRecords(target=records.target), json)


@app.command("unshare")
@grouped
def unshare(
    group: GroupArgument, *, records: Records, sign: SignOption, profile: ProfileOption = None, json: JsonFlag = False
) -> None:
    """Take records of your organisation back from a group."""
    _act(profile, sign, group, UnshareRecords(target=records.target), json)


def _act(profile: Path | None, sign: Path, group: str, body: Body, as_json: bool) -> None:
    reach = read_profile(profile)
    with reach.client() as client:
        tell(sign_and_send(reach, client, sign, (group, body)), as_json)
