"""Exports: answers asked for to be kept, checked against their receipts, put together for a file of any format.

Every question says that its answer is for export, so the service answers with what ``export`` allows and nothing else,
and its ledger entry tells the owners so. Nothing is taken from an answer that does not hold.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import msgspec

from graphsvc.client.answers import Answer, check_answer
from graphsvc.client.errors import Refused, answer_status
from graphsvc.client.questions import Question
from graphsvc.client.service import Client
from graphsvc.exchange.content import Content
from graphsvc.exchange.stamp import LeftOut, Stamp
from graphsvc.model.errors import InvalidInput
from graphsvc.model.principals import Footing
from graphsvc.model.schema import Schema
from graphsvc.wire.answers import Entity, Link, Network, Paths, RingReport
from graphsvc_verify.canonical import b64u
from graphsvc_verify.errors import VerifyError
from graphsvc_verify.trust import Trust

T = TypeVar("T")
SEARCH: Question[list[Entity]] = Question("search", list[Entity], "kind: String!, parts: [KeyPart!]!")
EXPAND: Question[Network | None] = Question(
    "expand", Network | None, "start: ID!, hops: Int!, linkKinds: [String!], limit: Int!"
)
PATHS: Question[Paths | None] = Question("paths", Paths | None, "source: ID!, target: ID!, maxHops: Int!, k: Int!")
RINGS: Question[RingReport] = Question("rings", RingReport, "parameters: RingParameters")
MOST_LINKS = 2_000
"""The most links that one expansion answers."""
MOST_DEPTH = 60


@dataclass(frozen=True, slots=True)
class Around:
    """How far to go from what was searched for."""

    hops: int = 0
    link_kinds: tuple[str, ...] = ()
    limit: int = MOST_LINKS


@dataclass(slots=True)
class Taken:
    """What answers for export held: entities and links as they came, and the checked answers."""

    entities: list[Entity] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    truncated: bool = False

    def content(self, schema: Schema) -> Content:
        """All of it, with its stamp. Raises InvalidInput where nothing was found."""
        if not self.entities:
            raise InvalidInput("nothing was found that may be exported", code="nothing_to_export")
        return Content(schema, stamp_of(self.answers, self.truncated), self.entities, self.links)


class Exporting:
    """Asks for export, on one footing."""

    def __init__(self, client: Client, footing: Footing) -> None:
        self._client = client
        self._footing = msgspec.structs.replace(footing, export=True)
        self.taken = Taken()

    def identifier(self, kind: str, parts: Mapping[str, str], around: Around) -> list[Entity]:
        """What an identifier names and, if ``around`` says so, the network about it; returns the entities found."""
        given = [{"name": name, "value": value} for name, value in parts.items()]
        found = self._ask(SEARCH, {"kind": kind, "parts": given})
        self.taken.entities += found
        if around.hops:
            for entity in found:
                self.network(entity.handle, around)
        return found

    def network(self, start: str, around: Around) -> None:
        """The network about an entity."""
        asked = {"start": start, "hops": around.hops, "limit": around.limit}
        kinds = list(around.link_kinds) or None
        found = self._ask(EXPAND, {**asked, "linkKinds": kinds})
        if found is not None:
            self._network(found.entities, found.links, found.truncated)

    def paths(self, source: str, target: str, most_hops: int, count: int) -> None:
        """The shortest paths between two entities."""
        found = self._ask(PATHS, {"source": source, "target": target, "maxHops": most_hops, "k": count})
        for path in found.paths if found is not None else ():
            self._network(path.entities, path.links, False)
        self.taken.truncated |= found is not None and found.truncated

    def ring(self, rank: int, parameters: Mapping[str, Any]) -> None:
        """The ring of a rank: its accounts, what they share, and the links among them.

        Raises InvalidInput where there is no ring of that rank.
        """
        report = self._ask(RINGS, {"parameters": {"limit": max(rank, 1), **parameters}})
        ring = next((one for one in report.rings if one.rank == rank), None)
        if ring is None:
            raise InvalidInput(
                f"there are {len(report.rings)} rings that may be exported", code="no_ring", where="--ring"
            )
        members = [*ring.accounts, *ring.identifiers]
        inside = {one.handle for one in members}
        self.taken.entities += members
        for one in ring.accounts:
            found = self._ask(EXPAND, {"start": one.handle, "hops": 1, "limit": MOST_LINKS, "linkKinds": None})
            if found is not None:
                entities = [entity for entity in found.entities if entity.handle in inside]
                links = [link for link in found.links if link.source in inside and link.target in inside]
                self._network(entities, links, found.more_links)

    def _network(self, entities: Iterable[Entity], links: Iterable[Link], truncated: bool) -> None:
        self.taken.entities += entities
        self.taken.links += links
        self.taken.truncated |= truncated

    def _ask(self, question: Question[T], variables: Mapping[str, Any]) -> T:
        found, answer = self._client.ask(question, variables, self._footing)
        for error in answer.errors:
            raise Refused(answer_status(error.extensions.code), error.message, code=error.extensions.code)
        self.taken.answers.append(answer)
        return found


def take_kept(bodies: Sequence[bytes], trust: Trust, org: str) -> Taken:
    """What kept answers hold: any GraphQL answer that was asked for export, entities and links wherever they stand.

    Raises InvalidInput ``not_exported`` where an answer was for looking only, ``not_yours`` where another organisation
    asked it, ``not_whole`` where its question left out members that an export needs; VerifyError where one does not
    hold.
    """
    taken = Taken()
    for nth, body in enumerate(bodies):
        answer = check_answer(body, 200, trust)
        where = f"--answer {nth + 1}"
        if not answer.proof.header["body"].get("export"):
            message = "this answer was for looking only: ask again with graphsvc ask --out"
            raise InvalidInput(message, code="not_exported", where=where)
        if (answer.proof.header.get("who") or {}).get("org") != org:
            raise InvalidInput("another organisation asked this", code="not_yours", where=where)
        taken.answers.append(answer)
        _walk(answer.data, taken, where)
    return taken


def _walk(value: Any, taken: Taken, where: str, depth: int = 0) -> None:
    if depth > MOST_DEPTH:
        return
    if isinstance(value, list):
        for one in value:
            _walk(one, taken, where, depth + 1)
    elif isinstance(value, dict):
        if {"kind", "records"} <= value.keys():
            taken.entities.append(_whole(value, Entity, where))
            return
        if {"kind", "source", "target"} <= value.keys():
            taken.links.append(_whole(value, Link, where))
            return
        taken.truncated |= bool(value.get("truncated"))
        for one in value.values():
            _walk(one, taken, where, depth + 1)


def _whole(value: dict[str, Any], form: type[T], where: str) -> T:
    try:
        return msgspec.convert(value, form)
    except msgspec.ValidationError as error:
        message = f"its question must select all of an entity, its records and a link ({str(error)[:80]})"
        raise InvalidInput(message, code="not_whole", where=where) from None


def stamp_of(answers: Sequence[Answer], truncated: bool = False) -> Stamp:
    """The stamp of what was answered, from the entries themselves: who asked, why, when, and the newest head seen.

    Raises VerifyError ``wrong_reader`` where answers are of several readers, or on several footings.
    """
    headers = [answer.proof.header for answer in answers]
    told = {(_text((h.get("who") or {}).get("org")), _text((h.get("who") or {}).get("person")), _text(h.get("purpose")),
             _text(h.get("basis")), _text(h.get("case"))) for h in headers}  # fmt: skip
    if len(told) != 1:
        raise VerifyError(
            "wrong_reader", "the answers are of several readers, or on several footings: export each alone"
        )
    viewer, person, purpose, basis, case = told.pop()
    newest = max((answer.proof.checkpoint for answer in answers), key=lambda head: head.size)
    left: dict[tuple[str, str], int] = {}
    for answer in answers:
        for one in answer.withheld:
            left[one.owner, one.rule] = max(left.get((one.owner, one.rule), 0), one.records)
    return Stamp(
        handling=(), pap="", viewer=viewer, person=person, purpose=purpose, legal_basis=basis, case=case,
        at=max(answer.proof.leaf.t for answer in answers), log=newest.origin, size=newest.size, root=b64u(newest.root),
        entries=tuple(sorted(answer.proof.index for answer in answers)),
        withheld=tuple(LeftOut(owner, rule, records) for (owner, rule), records in sorted(left.items())),
        cut=truncated or any(answer.cut for answer in answers),
    )  # fmt: skip


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
