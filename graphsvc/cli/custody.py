"""``graphsvc recall``, ``notices``, ``hold``, ``release``, ``erase``, ``purge``: what becomes of records later on."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from graphsvc.cli.options import grouped
from graphsvc.cli.output import table, write_json
from graphsvc.cli.sharing import First, JsonFlag, ProfileOption, SignOption, sign_and_send, tell
from graphsvc.cli.targets import Named
from graphsvc.client import custody
from graphsvc.client.profile import read_profile
from graphsvc.model.errors import InvalidInput

Shape = dict[str, Any]
Reason = Annotated[str, typer.Option("--reason", help="Why; the ledger keeps it for ever: name no person.")]
MaybeSign = Annotated[Path | None, typer.Option("--sign", help="Your own signing key.", dir_okay=False)]
Yes = Annotated[bool, typer.Option("--yes", help="Do it; it can't be undone.")]
RECORDS = "records"
"""What acts on records name as their subject; which records these are is in the body."""


class Outcome(StrEnum):
    """What the recipient of a notice has done with what it saw."""

    deleted = "deleted"
    kept = "kept"


@grouped
def recall(
    *,
    named: Named,
    reason: Reason = "",
    deadline: Annotated[
        str, typer.Option("--deadline", help="Until when those who saw it have to answer; in 14 days if left out.")
    ] = "",
    sign: MaybeSign = None,
    first: First = 50,
    profile: ProfileOption = None,
    json: JsonFlag = False,
) -> None:
    """Take records of your organisation back; without a target, list what was taken back and who has answered.

    From the moment that it is in the ledger nobody sees the records. Every organisation that was shown one is told, and
    answers with graphsvc notices.
    """
    reach = read_profile(profile)
    with reach.client() as client:
        if named.given:
            body = {"v": 1, "target": named.target, "reason": _said(reason)}
            body |= {"deadline": deadline} if deadline else {}
            tell(sign_and_send(reach, client, _key(sign), ("recall", RECORDS, body)), json)
            return
        found = custody.recalls(client, first)
    if json:
        write_json({"recalls": found})
        return
    columns = ("ledger", "when", "why", "records", "told", "unanswered", "overdue", "by", "reason")
    rows = (
        (
            *(one["index"], one["at"], one["cause"], one["records"], len(one["notices"]), one["open"]),
            *(one["overdue"], one["person"], one["reason"]),
        )
        for one in found
    )
    table(columns, rows)
    answers = [(one, answer) for one in found for answer in one["notices"]]
    if answers:
        said = (
            (
                *(one["index"], answer["org"], answer["records"], answer["toldAt"], one["deadline"], _answer(answer)),
                *(answer["acknowledgedAt"], answer["because"]),
            )
            for one, answer in answers
        )
        table(("ledger", "who saw it", "records", "told", "deadline", "answer", "when", "because"), said, "\nAnswers")


@dataclass(frozen=True)
class Reply:
    """What is answered to a notice."""

    acknowledge: Annotated[
        int | None, typer.Option("--acknowledge", help="Answer this notice; needs --outcome and --sign.")
    ] = None
    outcome: Annotated[Outcome | None, typer.Option("--outcome", help="What you have done with what you saw.")] = None
    because: Annotated[str, typer.Option("--because", help="Under which obligation it is kept.")] = ""

    @property
    def body(self) -> Shape:
        """What the act says. Raises InvalidInput."""
        if self.outcome is None:
            raise InvalidInput("say --outcome deleted, or --outcome kept with --because", code="no_outcome")
        because = {"because": self.because} if self.because else {}
        return {"v": 1, "notice": self.acknowledge, "outcome": self.outcome.value, **because}


@grouped
def notices(
    *,
    everything: Annotated[bool, typer.Option("--all", help="Those that are answered as well.")] = False,
    reply: Reply,
    sign: MaybeSign = None,
    first: First = 50,
    profile: ProfileOption = None,
    json: JsonFlag = False,
) -> None:
    """List notices: records that your organisation saw and that were taken back since; or answer one.

    Answer once they are deleted wherever you have copied them to, or say under which obligation you keep them.
    """
    reach = read_profile(profile)
    with reach.client() as client:
        if reply.acknowledge is not None:
            said = ("recall-ack", str(reply.acknowledge), reply.body)
            tell(sign_and_send(reach, client, _key(sign), said), json)
            return
        found = custody.notices(client, open_only=not everything, first=first)
    if json:
        write_json({"notices": found})
        return
    columns = ("notice", "owner", "why", "told", "deadline", "answer", "records", "reason")
    rows = (
        (
            *(one["notice"], one["owner"], one["cause"], one["toldAt"], one["deadline"], _answer(one), one["count"]),
            one["reason"],
        )
        for one in found
    )
    table(columns, rows)
    seen = ((one["notice"], record["handle"], _reads(record)) for one in found for record in one["records"])
    table(("notice", "record", "shown to you in entry"), seen, "\nRecords")


@grouped
def hold(
    *,
    named: Named,
    case: Annotated[str, typer.Option("--case", help="All of yours that is shown under a case of yours.")] = "",
    reason: Reason = "",
    everything: Annotated[bool, typer.Option("--all", help="List those that have ended as well.")] = False,
    sign: MaybeSign = None,
    profile: ProfileOption = None,
    json: JsonFlag = False,
) -> None:
    """Put records under a legal hold: no purge and no erasure takes them; without a target, list the holds.

    A hold shows nothing to anybody: what has expired or was recalled stays hidden.
    """
    reach = read_profile(profile)
    with reach.client() as client:
        if named.given or case:
            if named.given and case:
                raise InvalidInput("name a case or records, not both", code="no_target")
            body = {"v": 1, "target": {"case": case} if case else named.target, "reason": _said(reason)}
            tell(sign_and_send(reach, client, _key(sign), ("hold", RECORDS, body)), json)
            return
        found = custody.holds(client, open_only=not everything)
    if json:
        write_json({"holds": found})
        return
    rows = (
        (
            *(one["index"], one["at"], one["case"], one["records"], _ranges(one["ranges"]), one["released"]),
            *(one["person"], one["reason"], one["request"], one["until"]),
        )
        for one in found
    )
    columns = ("hold", "when", "case", "records", "submission: rows", "ended in entry", "by", "reason")
    table((*columns, "request", "until"), rows)


def release(
    held: Annotated[int, typer.Argument(metavar="HOLD", help="The hold, by the index that it was entered under.")],
    *,
    reason: Reason,
    sign: SignOption,
    profile: ProfileOption = None,
    json: JsonFlag = False,
) -> None:
    """End a legal hold; what has become due meanwhile goes with the next purge."""
    reach = read_profile(profile)
    with reach.client() as client:
        body = {"v": 1, "hold": held, "reason": _said(reason)}
        tell(sign_and_send(reach, client, sign, ("release", str(held), body)), json)


@grouped
def erase(
    *,
    named: Named,
    reason: Reason,
    sign: SignOption,
    yes: Yes = False,
    profile: ProfileOption = None,
    json: JsonFlag = False,
) -> None:
    """Erase records of your organisation for good: the records go, their keys and salts are destroyed.

    The ledger keeps that there was a record, who it was shown to and that it was erased. Who saw it is told. Name what
    goes by submission and row, or by handle: the act itself is kept for ever.
    """
    target = named.target
    if not yes:
        raise InvalidInput("what is erased never comes back: say --yes", code="not_confirmed")
    reach = read_profile(profile)
    with reach.client() as client:
        body = {"v": 1, "target": target, "reason": _said(reason)}
        tell(sign_and_send(reach, client, sign, ("erase", RECORDS, body)), json)


def purge(yes: Yes = False, profile: ProfileOption = None, json: JsonFlag = False) -> None:
    """For operators: report what is due to go by expiry, age or recall; with --yes it goes, for good.

    The service does so by itself, every hour if not set otherwise. What is under a legal hold stays.
    """
    with read_profile(profile).client() as client:
        report = client.purge(dry_run=not yes)
    if json:
        write_json(report)
        return
    columns = ("owner", "records", "expired", "over age", "recalled", "held back", "entries")
    rows = (
        (
            *(one["owner"], one["records"], one["expired"], one["overAge"], one["recalled"], one["held"]),
            ", ".join(map(str, one["entries"])) or None,
        )
        for one in report["owners"]
    )
    table(columns, rows)
    typer.echo(f"{report['records']} records " + ("erased" if yes else "due to go; say --yes and they go"))


def _key(sign: Path | None) -> Path:
    if sign is None:
        raise InvalidInput("name the key that signs with --sign", code="no_key")
    return sign


def _said(reason: str) -> str:
    if not reason.strip():
        raise InvalidInput("say why with --reason", code="no_reason")
    return reason


def _answer(one: Shape) -> str:
    return str(one["outcome"]) if one["acknowledged"] else "overdue" if one["overdue"] else "none yet"


def _reads(record: Shape) -> str:
    return ", ".join(f"{one['index']} ({one['at']})" for one in record["reads"])


def _ranges(parts: list[Shape]) -> str | None:
    shown = (f"{one['submission']}: {one['first']}–{one['last']}" for one in parts)
    return "; ".join(shown) or None
