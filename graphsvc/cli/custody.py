"""``graphsvc recall``, ``notices``, ``hold``, ``release``, ``erase``, ``purge``: what becomes of records later on."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

import typer

from graphsvc.cli.options import Page, grouped
from graphsvc.cli.output import table, write_json
from graphsvc.cli.sharing import JsonFlag, ProfileOption, SignOption, sign_and_send, tell
from graphsvc.cli.targets import Named, NamedOrCase
from graphsvc.client import custody
from graphsvc.client.profile import read_profile
from graphsvc.model.errors import InvalidInput
from graphsvc.wire.lifecycle import (
    AcknowledgeRecall,
    Erase,
    Hold,
    NoticeAnswer,
    NoticeRecord,
    Recall,
    RecallNotice,
    Release,
    RowRange,
)

Reason = Annotated[str, typer.Option("--reason", help="Why; the ledger keeps it for ever: name no person.")]
MaybeSign = Annotated[Path | None, typer.Option("--sign", help="Your own signing key.", dir_okay=False)]
Yes = Annotated[bool, typer.Option("--yes", help="Do it; it can't be undone.")]
RECORDS = "records"
"""The subject of every act on records; the act's body says which records."""


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
    page: Page,
    profile: ProfileOption = None,
    json: JsonFlag = False,
) -> None:
    """Take records of your organisation back; without a target, list what was taken back and who has answered.

    Nobody sees the records from the moment that the recall is in the ledger. Every organisation that was shown one
    is told, and answers with graphsvc notices.
    """
    reach = read_profile(profile)
    with reach.client() as client:
        if named.given:
            body = Recall(target=named.target, reason=_said(reason), deadline=deadline or None)
            tell(sign_and_send(reach, client, _key(sign), (RECORDS, body)), json)
            return
        found = custody.recalls(client, page.first, page.before)
    if json:
        write_json({"recalls": found, "nextBefore": page.next_before([one.index for one in found])})
        return
    columns = ("ledger", "when", "why", "records", "told", "unanswered", "overdue", "by", "reason")
    rows = (
        (
            *(one.index, one.at, one.cause, one.records, len(one.notices), one.open),
            *(one.overdue, one.person, one.reason),
        )
        for one in found
    )
    table(columns, rows)
    page.tell_more([one.index for one in found])
    answers = [(one, answer) for one in found for answer in one.notices]
    if answers:
        said = (
            (
                *(one.index, answer.org, answer.records, answer.told_at, one.deadline, _answer(answer)),
                *(answer.acknowledged_at, answer.because),
            )
            for one, answer in answers
        )
        table(("ledger", "who saw it", "records", "told", "deadline", "answer", "when", "because"), said, "\nAnswers")


@dataclass(frozen=True)
class Reply:
    """The answer to a notice."""

    acknowledge: Annotated[
        int | None, typer.Option("--acknowledge", help="Answer this notice; needs --outcome and --sign.")
    ] = None
    outcome: Annotated[Outcome | None, typer.Option("--outcome", help="What you have done with what you saw.")] = None
    because: Annotated[str, typer.Option("--because", help="Under which obligation it is kept.")] = ""

    @property
    def body(self) -> AcknowledgeRecall:
        """The body of the act that answers. Raises InvalidInput when no outcome is given."""
        if self.outcome is None:
            raise InvalidInput("say --outcome deleted, or --outcome kept with --because", code="no_outcome")
        assert self.acknowledge is not None
        outcome: Literal["deleted", "kept"] = "kept" if self.outcome is Outcome.kept else "deleted"
        return AcknowledgeRecall(notice=self.acknowledge, outcome=outcome, because=self.because or None)


@grouped
def notices(
    *,
    everything: Annotated[bool, typer.Option("--all", help="Those that are answered as well.")] = False,
    reply: Reply,
    sign: MaybeSign = None,
    page: Page,
    profile: ProfileOption = None,
    json: JsonFlag = False,
) -> None:
    """List notices: records that your organisation saw and that were taken back since; or answer one.

    Answer once you have deleted every copy of them, or say under which obligation you keep them.
    """
    reach = read_profile(profile)
    with reach.client() as client:
        if reply.acknowledge is not None:
            said = (str(reply.acknowledge), reply.body)
            tell(sign_and_send(reach, client, _key(sign), said), json)
            return
        found = custody.notices(client, open_only=not everything, first=page.first, before=page.before)
    if json:
        write_json({"notices": found, "nextBefore": page.next_before([one.notice for one in found])})
        return
    columns = ("notice", "owner", "why", "told", "deadline", "answer", "records", "reason")
    rows = (
        (
            *(one.notice, one.owner, one.cause, one.told_at, one.deadline, _answer(one), one.count),
            one.reason,
        )
        for one in found
    )
    table(columns, rows)
    page.tell_more([one.notice for one in found])
    seen = ((one.notice, record.handle, _reads(record)) for one in found for record in one.records)
    table(("notice", "record", "shown to you in entry"), seen, "\nRecords")


@grouped
def hold(
    *,
    named: NamedOrCase,
    reason: Reason = "",
    everything: Annotated[bool, typer.Option("--all", help="List those that have ended as well.")] = False,
    sign: MaybeSign = None,
    page: Page,
    profile: ProfileOption = None,
    json: JsonFlag = False,
) -> None:
    """Put records under a legal hold: no purge and no erasure takes them; without a target, list the holds.

    A hold does not show records to anybody: expired and recalled ones stay hidden.
    """
    reach = read_profile(profile)
    with reach.client() as client:
        if named.given:
            body = Hold(target=named.target, reason=_said(reason))
            tell(sign_and_send(reach, client, _key(sign), (RECORDS, body)), json)
            return
        found = custody.holds(client, open_only=not everything, first=page.first, before=page.before)
    if json:
        write_json({"holds": found, "nextBefore": page.next_before([one.index for one in found])})
        return
    rows = (
        (
            *(one.index, one.at, one.case, one.records, _ranges(one.ranges), one.released),
            *(one.person, one.reason, one.request, one.until),
        )
        for one in found
    )
    columns = ("hold", "when", "case", "records", "submission: rows", "ended in entry", "by", "reason")
    table((*columns, "request", "until"), rows)
    page.tell_more([one.index for one in found])


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
        tell(sign_and_send(reach, client, sign, (str(held), Release(hold=held, reason=_said(reason)))), json)


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

    The ledger still shows that there was a record, to whom it was shown and that it was erased. Everyone who saw it is
    told. Name the records by submission and row, or by handle: the act itself is kept for ever.
    """
    target = named.target
    if not yes:
        raise InvalidInput("what is erased never comes back: say --yes", code="not_confirmed")
    reach = read_profile(profile)
    with reach.client() as client:
        tell(sign_and_send(reach, client, sign, (RECORDS, Erase(target=target, reason=_said(reason)))), json)


def purge(yes: Yes = False, profile: ProfileOption = None, json: JsonFlag = False) -> None:
    """For operators: report what is due to go by expiry, age or recall; with --yes erase it for good.

    The service purges by itself, every hour unless set otherwise. Records under a legal hold stay.
    """
    with read_profile(profile).client() as client:
        report = client.purge(dry_run=not yes)
    if json:
        write_json(report)
        return
    columns = ("owner", "records", "expired", "over age", "recalled", "held back", "entries")
    rows = (
        (
            *(one.owner, one.records, one.expired, one.over_age, one.recalled, one.held),
            ", ".join(map(str, one.entries)) or None,
        )
        for one in report.owners
    )
    table(columns, rows)
    typer.echo(f"{report.records} records " + ("erased" if yes else "due to go; say --yes and they go"))


def _key(sign: Path | None) -> Path:
    if sign is None:
        raise InvalidInput("name the key that signs with --sign", code="no_key")
    return sign


def _said(reason: str) -> str:
    if not reason.strip():
        raise InvalidInput("say why with --reason", code="no_reason")
    return reason


def _answer(one: NoticeAnswer | RecallNotice) -> str:
    return str(one.outcome) if one.acknowledged else "overdue" if one.overdue else "none yet"


def _reads(record: NoticeRecord) -> str:
    return ", ".join(f"{one.index} ({one.at})" for one in record.reads)


def _ranges(parts: list[RowRange]) -> str | None:
    shown = (f"{one.submission}: {one.first}–{one.last}" for one in parts)
    return "; ".join(shown) or None
