"""``graphsvc act``, ``requests``, ``decide``, ``grants``: what organisations ask of each other, and decide."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from graphsvc.cli.options import Page, grouped
from graphsvc.cli.output import table, write_json
from graphsvc.client import Client
from graphsvc.client.acts import Said, carry_out, head_of, read_said, said_by, sign_act
from graphsvc.client.keys import load_signing_key
from graphsvc.client.profile import Profile, read_profile
from graphsvc.client.questions import GRANTS, PRESERVATIONS, REQUEST, REQUESTS
from graphsvc.model.errors import InvalidInput, NotFound
from graphsvc.wire.acts import Body, kind_of
from graphsvc.wire.deeds import ACTS
from graphsvc.wire.shapes import Shape
from graphsvc.wire.sharing import DecideDisclosure, RequestFile, RevokeGrant
from graphsvc_verify.canonical import parse
from graphsvc_verify.errors import VerifyError

ProfileOption = Annotated[
    Path | None, typer.Option("--profile", help="How to reach the service.", envvar="GRAPHSVC_PROFILE")
]
JsonFlag = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
SignOption = Annotated[Path, typer.Option("--sign", help="Your own signing key.", exists=True, dir_okay=False)]


def act(
    kind: Annotated[str, typer.Argument(help=f"One of: {', '.join(ACTS)}.")],
    sub: Annotated[str, typer.Option("--sub", help="What is decided on: a request, grant, group, or the holder.")],
    *,
    body: Annotated[Path | None, typer.Option("--body", help="JSON: what is decided (docs/formats.md).")] = None,
    sign: SignOption,
    after: Annotated[int | None, typer.Option("--after", help="The last ledger index that you have seen.")] = None,
    profile: ProfileOption = None,
    json: JsonFlag = False,
) -> None:
    """Sign an act with your own key and have it carried out.

    With --after it is refused if what you decide on has changed since; without, you decide on the present state.
    """
    reach = read_profile(profile)
    said = _body(body)
    with reach.client() as client:
        made = hand_in(reach, client, sign, (kind, sub, read_said(kind, said)), after)
    tell(made, json)


@grouped
def requests(
    request: Annotated[str, typer.Argument(help="A request's id: show it with its history.")] = "",
    *,
    held: Annotated[bool, typer.Option("--held/--asked", help="Those that you hold, or those that you asked.")] = True,
    preservation: Annotated[bool, typer.Option("--preservation", help="Preservation requests.")] = False,
    state: Annotated[str | None, typer.Option("--state", help="Only those in this state, as open.")] = None,
    page: Page,
    profile: ProfileOption = None,
    json: JsonFlag = False,
) -> None:
    """List requests to your organisation, or by it; or show one, with those of your records that it asks for."""
    with read_profile(profile).client() as client:
        if request:
            _tell_file(_file(client, request)[0], json)
            return
        asked = {"role": "HELD" if held else "ASKED", "state": state, **page.asked}
        found = client.read(PRESERVATIONS if preservation else REQUESTS, asked)
    if json:
        write_json({"requests": found, "nextBefore": page.next_before([one.index for one in found])})
        return
    columns = ("id", "from", "to", "state", "deadline", "urgency", "purpose", "case", "about")
    rows = (
        (
            *(one.id, one.asker, one.holder, one.state + (" overdue" if one.overdue else "")),
            *(one.deadline, one.urgency, one.purpose, one.case),
            f"{len(one.identifiers)} identifiers, {len(one.named_records)} records",
        )
        for one in found
    )
    table(columns, rows)
    page.tell_more([one.index for one in found])


@dataclass(frozen=True)
class Decision:
    """What a holder says to a request: one of grant, refuse and ask."""

    grant: Annotated[list[str] | None, typer.Option("--grant", help="Grant a field group; repeat, or 'all'.")] = None
    record: Annotated[list[str] | None, typer.Option("--record", help="Only this record; repeat.")] = None
    until: Annotated[str, typer.Option("--until", help="When the grant ends, as 2026-12-31T00:00:00Z.")] = ""
    conditions: Annotated[str, typer.Option("--conditions", help="What the grantee must keep to.")] = ""
    legal_basis: Annotated[str, typer.Option("--legal-basis", help="The only legal basis that it serves.")] = ""
    refuse: Annotated[str, typer.Option("--refuse", help="Refuse, for this reason.")] = ""
    ask: Annotated[str, typer.Option("--ask", help="Ask back.")] = ""

    def granting(self, file: RequestFile) -> DecideDisclosure:
        """The body of the act that grants a request. Raises InvalidInput that names the option that does not fit."""
        groups = file.request.field_groups if self.grant == ["all"] else list(self.grant or ())
        said = {
            "decision": "grant",
            "target": {"records": list(self.record or (one.handle for one in file.records))},
            "fieldGroups": groups,
            "until": self.until,
            "conditions": self.conditions,
            "legalBasis": self.legal_basis,
        }
        try:
            return msgspec.convert(said, DecideDisclosure)
        except msgspec.ValidationError as error:
            raise InvalidInput(str(error), code="bad_act") from None


@grouped
def decide(
    request: Annotated[str, typer.Argument(help="The request's id.")],
    *,
    sign: SignOption,
    decision: Decision,
    profile: ProfileOption = None,
    json: JsonFlag = False,
) -> None:
    """Decide a disclosure request: grant, refuse or ask back.

    What you sign is about the request as it stands when this command reads it; if it changes meanwhile, the decision is
    refused.
    """
    if sum(map(bool, (decision.grant, decision.refuse, decision.ask))) != 1:
        raise InvalidInput("say one of --grant, --refuse and --ask", code="no_decision")
    reach = read_profile(profile)
    with reach.client() as client:
        found, after = _file(client, request)
        if decision.grant:
            if found.truncated and not decision.record:
                raise InvalidInput("it means more records than one grant holds: choose with --record", code="too_large")
            body = decision.granting(found)
        elif decision.refuse:
            body = DecideDisclosure(decision="refuse", reason=decision.refuse)
        else:
            body = DecideDisclosure(decision="ask", question=decision.ask)
        made = sign_and_send(reach, client, sign, (request, body), after)
    tell(made, json)


@grouped
def grants(
    *,
    held: Annotated[bool, typer.Option("--held/--asked", help="Those that you gave, or those that you got.")] = True,
    revoke: Annotated[str, typer.Option("--revoke", help="Revoke this grant, at once; needs --sign, --reason.")] = "",
    reason: Annotated[str, typer.Option("--reason", help="Why it is revoked.")] = "",
    sign: Annotated[Path | None, typer.Option("--sign", help="Your own signing key.", dir_okay=False)] = None,
    page: Page,
    profile: ProfileOption = None,
    json: JsonFlag = False,
) -> None:
    """List grants, or revoke one."""
    reach = read_profile(profile)
    with reach.client() as client:
        if revoke:
            if sign is None:
                raise InvalidInput("name the key that signs with --sign", code="no_key")
            tell(sign_and_send(reach, client, sign, (revoke, RevokeGrant(reason=reason))), json)
            return
        found = client.read(GRANTS, {"role": "HELD" if held else "ASKED", **page.asked})
    if json:
        write_json({"grants": found, "nextBefore": page.next_before([one.index for one in found])})
        return
    columns = ("id", "by", "to", "state", "until", "records", "field groups", "purpose", "case", "conditions")
    rows = (
        (
            *(one.id, one.owner, one.grantee, one.state, one.until, one.records),
            *(", ".join(one.field_groups), one.purpose, one.case, one.conditions or "–"),
        )
        for one in found
    )
    table(columns, rows)
    page.tell_more([one.index for one in found])


def sign_and_send(reach: Profile, client: Client, key: Path, said: tuple[str, Body], after: int | None = None) -> Shape:
    """Sign ``said`` (sub, body) with the key in a file and hand it in; returns what it made. Raises InvalidInput."""
    sub, body = said
    kind = kind_of(type(body))
    return hand_in(reach, client, key, (kind, sub, read_said(kind, said_by(body))), after)


def hand_in(reach: Profile, client: Client, key: Path, said: tuple[str, str, Said], after: int | None = None) -> Shape:
    """Sign ``said`` (kind, sub, body) with the key in a file and hand it in; returns what it made."""
    kind, sub, body = said
    known = head_of(client) if after is None else after
    place = reach.trust().origin, reach.file.org
    return carry_out(client, kind, sign_act(load_signing_key(key), place, kind, sub, body, known))


def tell(made: Shape, as_json: bool) -> None:
    """Print what an act made: as JSON, or one line per member that is not empty."""
    if as_json:
        write_json(made)
        return
    members: Mapping[str, object] = msgspec.to_builtins(made)
    table(("", ""), ((name, _plain(value)) for name, value in members.items() if value not in (None, "", [])))


def _file(client: Client, request: str) -> tuple[RequestFile, int]:
    found, answer = client.ask(REQUEST, {"id": request})
    if found is None:
        raise NotFound("there is no such request", where=request)
    return found, answer.proof.index


def _tell_file(found: RequestFile, as_json: bool) -> None:
    if as_json:
        write_json(found)
        return
    tell(found.request, False)
    events = ((one.index, one.at, one.org, one.person, one.action, one.text) for one in found.history)
    table(("ledger", "when", "who", "person", "what", "words"), events, "\nHistory")
    if found.records:
        rows = (
            (
                *(one.handle, one.submission, one.row, one.handling.code, ", ".join(one.field_groups)),
                ", ".join(str(entity.key) for entity in one.entities),
            )
            for one in found.records
        )
        columns = ("record", "submission", "row", "handling", "field groups", "about")
        table(columns, rows, "\nYour records that it means" + (" (the first of more)" if found.truncated else ""))


def _body(path: Path | None) -> Said:
    try:
        said = {} if path is None else parse(path.read_bytes())
    except OSError as error:
        raise InvalidInput(f"can't be read: {error.strerror}", code="unreadable", where=str(path)) from None
    except VerifyError as error:
        raise InvalidInput(error.message, code=error.code, where=str(path)) from None
    if not isinstance(said, dict):
        raise InvalidInput("a JSON object is needed", code="bad_act", where=str(path))
    return said


def _plain(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_plain(one)}" for name, one in value.items() if one not in (None, "", []))
    return "; ".join(map(_plain, value)) if isinstance(value, list) else str(value)
