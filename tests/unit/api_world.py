"""A small world behind the API, for tests of parsing, limits and status codes only."""

from __future__ import annotations

import asyncio
import hashlib
import json
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
from fastapi import FastAPI

from graphsvc.answers.asked import Expansion, Narrowing
from graphsvc.answers.questions import Identifier
from graphsvc.api import Ports, build_api
from graphsvc.api.spool import sweep
from graphsvc.api.transport import Transport
from graphsvc.api.turns import ActTurns
from graphsvc.app import api_schema
from graphsvc.auth import Authenticator, StaticKeys
from graphsvc.lifecycle.http import CustodyRoutes
from graphsvc.local.identity import DevelopmentClient, DevelopmentIdentity
from graphsvc.members.http import MemberRoutes
from graphsvc.model.errors import Conflict, Denied, InvalidInput, NotFound, Unavailable
from graphsvc.model.principals import Footing, Organisation, Principal
from graphsvc.settings import Settings
from graphsvc.submission.http import SubmissionRoutes
from graphsvc.upkeep.http import UpkeepRoutes
from graphsvc.wire.answers import Case, Cut, Entity, Match, Network, RingReport, Setting, WithheldRecords
from graphsvc.wire.members import Admitted, KeyEventEntered
from graphsvc.wire.shapes import Shape
from graphsvc.wire.sharing import SharedRecords
from graphsvc.wire.submissions import Preview, Sheet
from graphsvc.wire.upkeep import Applied, Check, EntryAside, Planned, Progress, Purged, Reapplied, Recleaned, Stuck

PASAR = Organisation("pasar", "company", "ID", "Pasar")
RECEIPT = {"index": 7, "leaf": "x"}
RECEIPT_JSON = json.dumps(RECEIPT).encode()
OPERATOR = DevelopmentClient("operator", "pasar", "ops", ("operator",))
ANALYST = DevelopmentClient("analyst", "pasar", "ratna", ("analyst",))


def entity(handle: str = "h1", kind: str = "Phone", key: str | None = None) -> Entity:
    return Entity(
        handle=handle, kind=kind, key=key, records=[],
        more_records=False, record_count=0, owner_count=0, independent_sources=0,
    )  # fmt: skip


@dataclass
class Released:
    data: bytes
    receipt: bytes
    applied_index: int
    own_pending: tuple[int, ...] = ()
    only_own: bool = False
    cut: tuple[Cut, ...] = ()
    withheld: tuple[WithheldRecords, ...] = ()


@dataclass
class Asked:
    """Runs the work twice, as happens when access rules move; notes what it was asked."""

    questions: list[tuple[Principal, Footing, bytes]] = field(default_factory=list)
    refuse: Exception | None = None
    signed: list[Any] = field(default_factory=list)

    async def run(
        self, principal: Principal, footing: Footing, question: bytes, work: Any, signed: Any = None
    ) -> Released:
        self.questions.append((principal, footing, question))
        self.signed.append(signed)
        if self.refuse is not None:
            raise self.refuse
        await work(Reads())
        return Released(await work(Reads()), RECEIPT_JSON, 42)


class Reads:
    """Answers from constants; refuses to be used by two questions at once."""

    busy = False

    def of(self, _view: object) -> Any:
        """The same, whatever is asked of it."""
        return self

    async def entity(self, handle: str, after: int | None, grading: Any = None) -> Entity | None:
        assert not self.busy, "two questions at once"
        self.busy = True
        await asyncio.sleep(0)
        self.busy = False
        if handle == "boom":
            raise ValueError("+8613800138000")
        if handle == "later":
            raise Unavailable("not applied yet")
        return None if handle == "absent" else entity(handle)

    async def search(self, kind: str, parts: dict[str, str], after: int | None, narrowing: Any) -> list[Entity]:
        return [entity(kind=kind, key="|".join(f"{n}={v}" for n, v in parts.items()))]

    async def expand(self, asked: Expansion, narrowing: Narrowing, after: int | None) -> Network:
        told = f"{asked.hops}/{narrowing.link_kinds}/{asked.limit}/{after}"
        entities = [*map(entity, asked.starts), entity(told)]
        return Network(entities=entities, links=[], hubs=[], truncated=False, more_links=False, next=None)

    async def match(self, identifiers: list[Identifier], after: int | None) -> list[Match]:
        return [
            Match(kind=one.kind, outcome="HIT", hit=bool(one.parts), contacts=[], problem=None) for one in identifiers
        ]

    async def rings(self, parameters: dict[str, Any], cursor: str | None, after: int | None) -> RingReport:
        return RingReport(
            rings=[], truncated=False, more_rings=False, next=cursor, excluded_hubs=0, accounts=0, links=0,
            parameters=[Setting(name=name, value=str(value)) for name, value in parameters.items()],
        )  # fmt: skip

    async def cases(self) -> list[Case]:
        return []


@dataclass
class Result:
    status: int
    taken: Any


@dataclass
class Submitted:
    """Reads the spool file as the real path does, and notes the upload."""

    uploads: list[Any] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    sheets: list[Sheet] = field(default_factory=list)

    async def preview(self, principal: Principal, sheet: Sheet) -> Preview:
        self.sheets.append(sheet)
        return Preview(media_type="text/csv", title="CSV", cells=[["a", "b"]])

    def admit(self, principal: Principal, key: str) -> None:
        if principal.person == "clerk":
            raise Denied("no submitter")
        if key == "k-working":
            raise Conflict("being worked on", code="in_flight")

    def claim(self, principal: Principal, key: str) -> Any:
        return nullcontext()

    async def outcome(self, principal: Principal, key: str) -> Result:
        self.admit(principal, key)
        return Result(200, {"index": 3, "receipt": RECEIPT})

    async def submit(self, principal: Principal, upload: Any) -> Result:
        self.uploads.append(upload)
        self.bodies.append(upload.path.read_bytes())
        assert hashlib.sha256(self.bodies[-1]).digest() == upload.sha256
        assert len(self.bodies[-1]) == upload.size
        if upload.manifest == "denied":
            raise Denied("no")
        return Result(200 if upload.dry_run else 201, {"index": 3, "receipt": RECEIPT})

    async def errors(self, principal: Principal, index: int) -> Any:
        if index != 3:
            raise NotFound("no such submission")

        async def lines() -> Any:
            for row in range(3):
                yield {"row": row, "code": "bad"}

        return lines()

    async def notes(self, principal: Principal, index: int) -> Any:
        return await self.errors(principal, index)


class Log:
    def checkpoint(self) -> str:
        return "origin\n1\nroot\n\n— sig\n"

    def tile(self, path: str) -> bytes | None:
        return b"tile" if path == "tile/0/x001/234.p/7" else None

    def object(self, digest: str) -> bytes | None:
        return b"object" if digest == "sha256:" + "0" * 64 else None

    def consistency(self, old: int, new: int) -> list[bytes]:
        if old > new:
            raise InvalidInput("the sizes don't fit", code="sizes")
        return [bytes(32)]


@dataclass
class Acted:
    answer: Shape
    receipt: bytes = RECEIPT_JSON


class Acts:
    """Takes every act; the schema tests what kinds there are."""

    async def act(self, principal: Principal, kind: str, compact: str) -> Acted:
        return Acted(SharedRecords(index=7, sharing_group=kind, records=0))


class Keeps:
    """Nothing is due and nobody leaves."""

    async def purge(self, principal: Principal, dry_run: bool) -> Purged:
        return Purged(dry_run=dry_run, owners=[], records=0)

    async def reclean(self, principal: Principal, begin: tuple[int, int], apply: bool) -> Recleaned:
        return Recleaned(entry=None, pack=None, left=0, records=0, values=[], index=None, set_aside=0)

    async def reapply(self, principal: Principal, submission: int, rows: Any) -> Acted:
        return Acted(Reapplied(index=7, entry=submission, records=len(rows or ()), set_aside=[]))


class Administers:
    def __init__(self) -> None:
        self.is_ready = True
        self.lagging = False
        self.stuck: Stuck | None = None
        self.done: list[Any] = []

    async def admit(self, principal: Principal, organisation: Organisation, root_key: bytes) -> Acted:
        self.done.append((organisation, root_key))
        return Acted(Admitted(org=organisation.org, index=7))

    async def enrol(self, principal: Principal, act: str) -> Acted:
        self.done.append(act)
        return Acted(KeyEventEntered(index=7))

    async def register_case(self, principal: Principal, reference: str, title: str, legal_basis: str) -> Acted:
        return Acted(Case(reference=reference, title=title, legal_basis=legal_basis, registered_at="now"))

    async def evidence(self, principal: Principal, indexes: list[int] | None, since: int | None) -> dict[str, Any]:
        return {"indexes": indexes}

    def progress(self) -> Progress:
        applier = Applied(
            applied=4, head=7, entries_behind=2, seconds_behind=61, lagging=self.lagging, stuck=self.stuck
        )
        plans = Planned(statements=3, planned=2, late=True)
        return Progress(applier=applier, plans=plans, set_aside=[EntryAside(entry=3, code="x")])

    def checks(self) -> list[Check]:
        return [Check(name="ledger", ok=True, found="takes entries", advice="")]

    def ready(self) -> dict[str, bool]:
        return {"graph": self.is_ready, "ledger": True}


class Nobody:
    """No organisation changes or leaves."""


class World:
    """The API over the parts above, with real tokens of a real (development) issuer."""

    def __init__(self, directory: Path, max_body: int = 1 << 20, transport: Transport | None = None) -> None:
        issuer = "http://127.0.0.1:1"
        self.identity = DevelopmentIdentity(issuer, "graphsvc", directory / "dev", [OPERATOR, ANALYST])
        keys = StaticKeys(self.identity.jwks())
        self.authenticator = Authenticator(issuer, "graphsvc", keys, {"pasar": PASAR}.get)
        self.asking, self.submitting, self.administering = Asked(), Submitted(), Administers()
        self.settings = Settings(directory, max_body=max_body)
        sweep(self.settings.spool)
        keys_of: Any = self.administering
        ports = Ports(self.authenticator, self.asking, Acts(), keys_of, Log())
        acts, nobody = ActTurns(0), Nobody()
        rooms = (
            SubmissionRoutes(self.authenticator, self.submitting, self.settings),  # type: ignore[arg-type]
            MemberRoutes(self.authenticator, keys_of, nobody, acts),  # type: ignore[arg-type]
            CustodyRoutes(self.authenticator, Keeps(), acts),  # type: ignore[arg-type]
            UpkeepRoutes(self.authenticator, keys_of),
        )
        routes = [room.routes() for room in rooms]
        self.app: FastAPI = build_api(api_schema(), ports, acts, routes, transport or Transport(explorer=True))
        self.token = self.identity.token(ANALYST)

    def request(self, method: str, path: str, *, token: str | None = "", **options: Any) -> httpx2.Response:
        """One request with the analyst's token, another, or (None) none."""
        headers = httpx2.Headers(options.pop("headers", None))
        if token is not None:
            headers["authorization"] = f"Bearer {token or self.token}"

        async def send() -> httpx2.Response:
            transport = httpx2.ASGITransport(self.app)
            async with httpx2.AsyncClient(transport=transport, base_url="http://api") as client:
                return await client.request(method, path, headers=headers, **options)

        return asyncio.run(send())

    def graphql(self, query: str, variables: Any = None, **options: Any) -> httpx2.Response:
        accept = options.pop("accept", "application/graphql-response+json")
        headers = {"accept": accept, **options.pop("headers", {})}
        body = {"query": query, "variables": variables}
        return self.request("POST", "/graphql", json=body, headers=headers, **options)

    def spooled(self) -> list[str]:
        return [path.name for path in self.settings.spool.iterdir()]
