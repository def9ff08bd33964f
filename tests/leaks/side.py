"""One of two services that are alike but for what the twins do not share: real HTTP, real signatures, real Neo4j."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx2
import orjson
import pytest

from graphsvc.client.service import footing_headers
from graphsvc.client.tokens import TokenProvider
from graphsvc.demo.cast import CLIENTS, OPERATOR, feed_of
from graphsvc.demo.company import Members
from graphsvc.demo.scenario import ORGANISATIONS
from graphsvc.local.identity import DevelopmentClient
from graphsvc.local.neo4j import Neo4jChild
from graphsvc.local.run import LocalService, run_local
from graphsvc.model.labels import Handling, Label
from graphsvc.model.principals import Footing, Organisation, Principal
from graphsvc.model.product import product_data
from tests.label_moves import move_label
from tests.leaks.surface import Document
from tests.paths.wire import file_of

CASE = "LEAK/1"
FOOTING = Footing("investigation", "statutory-duty", CASE)
PROSECUTION = Footing("prosecution", "statutory-duty", CASE)
TIDE = Organisation("tide", "company", "ID", "Tide, a chat application", "trust@tide.example")
DRIFT = Organisation("drift", "company", "ID", "Drift, a forum", "trust@drift.example")
HARBOUR = Organisation("harbour", "courier", "KE", "Harbour Parcels, which holds no records", "desk@harbour.example")
MEMBERS = (*ORGANISATIONS, TIDE, DRIFT, HARBOUR)
PEOPLE = (
    *CLIENTS,
    DevelopmentClient("customs-cn.desk", "customs-cn", "desk@customs.example", ("investigator",)),
    DevelopmentClient("police-ke.dpo", "police-ke", "dpo@police.example", ("officer",)),
    DevelopmentClient("tide.feed", "tide", "feed@tide.example", ("submitter",)),
    DevelopmentClient("drift.feed", "drift", "feed@drift.example", ("submitter",)),
    DevelopmentClient("harbour.feed", "harbour", "feed@harbour.example", ("submitter",)),
)
TIDE_RULES = """
// Who its users are Tide tells nobody; nor may its claims be analysed.
@id("tide-identity")
forbid (principal, action == Action::"view:identity", resource) unless { principal.org == "tide" };
@id("tide-analyse")
forbid (principal, action == Action::"analyse", resource) unless { principal.org == "tide" };
"""
DRIFT_RULES = """
// Who its users are Drift tells nobody either; its claims may be analysed.
@id("drift-identity")
forbid (principal, action == Action::"view:identity", resource) unless { principal.org == "drift" };
"""
HANDLES_KEY = bytes(range(32))
REGISTER = """mutation($r: String!) {
  registerCase(reference: $r, title: "Leaks", legalBasis: "statutory-duty") { reference } }"""
MEDIA = {"content-type": "application/json", "accept": "application/graphql-response+json"}


def write_policies(folder: Path) -> Path:
    """The product's policies, and those of two organisations that keep identities back."""
    shutil.copytree(product_data("policies"), folder)
    (folder / "orgs" / "tide.cedar").write_text(TIDE_RULES)
    (folder / "orgs" / "drift.cedar").write_text(DRIFT_RULES)
    return folder


ATTEMPTS = 10
PASSING = frozenset({"unavailable", "graph_down", "graph_slow", "scope_moved", "not_applied_yet"})
"""Error codes of what is not available now: the request is sent again."""
REFUSALS = frozenset({"invalid_query", "not_found", "denied", "out_of_range"})
"""Error codes that count as an answer; any other means that the service failed."""


class Failed(AssertionError):
    """The service could not answer."""


class Side:
    """A running service with its organisations. Both sides must be called in the same order."""

    def __init__(self, service: LocalService, members: Members, folder: Path) -> None:
        self.service = service
        self.members = members
        self._folder = folder
        self._http = httpx2.Client(base_url=service.url, timeout=60)
        self._files = 0
        self._tokens: dict[str, TokenProvider] = {}

    def submit(self, org: str, rows: Sequence[bytes]) -> int:
        """Submit rows as one submission; returns its ledger index. Every row must be accepted."""
        self._files += 1
        outgoing = file_of(self._folder / f"{self._files}.ndjson", rows)
        done = self.members.client(feed_of(org)).submit(outgoing, org, self.members.by_name[org].working)
        assert done.rejected == 0, done.problems[:3]
        outgoing.path.unlink()
        return done.index

    def move(self, org: str, records: Sequence[int], code: str = "RED") -> None:
        """Move an organisation's records to a label that only it may see."""
        own = self.members.by_name[org].organisation
        label = Label(own.org, own.kind, own.jurisdiction, Handling("tlp-2.0", code), "GREEN", "statutory-duty")
        assert self.service.parts is not None
        asyncio.run(move_label(self.service.parts.ledger, Principal(own, "dpo", ("officer",)), records, label))

    def ask(self, who: str, footing: Footing, document: Document) -> dict[str, Any]:
        """A GraphQL request, answered: status, headers and body, as they came."""
        body = orjson.dumps({"query": document.text, "variables": document.variables})
        return self.send("POST", "/graphql", who, content=body, headers={**MEDIA, **footing_headers(footing)})

    def send(self, method: str, path: str, who: str = "", **options: Any) -> dict[str, Any]:
        """Any request, answered as by :meth:`ask`; ``body`` is parsed where it is JSON.

        Sent again while the service is not available. Raises :class:`Failed` where it can't answer: two failures are
        alike, and prove nothing.
        """
        for _ in range(ATTEMPTS):
            answer = self._send(method, path, who, **options)
            if answer["status"] != 503 and not _codes(answer) & PASSING:
                break
            time.sleep(1)
        codes = _codes(answer)
        if answer["status"] >= 500 or (answer["status"] == 200 and codes - REFUSALS):
            raise Failed(f"{method} {path}: {answer['status']} {sorted(codes)}")
        return answer

    def _send(self, method: str, path: str, who: str, **options: Any) -> dict[str, Any]:
        headers: Mapping[str, str] = options.pop("headers", {})
        token = {"authorization": f"Bearer {self._token(who)}"} if who else {}
        response = self._http.request(method, path, headers={**headers, **token}, **options)
        kind = response.headers.get("content-type", "")
        text = response.content
        body: Any = orjson.loads(text) if "json" in kind and "ndjson" not in kind else text.decode("latin-1")
        answer = {"status": response.status_code, "headers": dict(response.headers)}
        return {**answer, **body} if path == "/graphql" and isinstance(body, dict) else {**answer, "body": body}

    def _token(self, who: str) -> str:
        if who not in self._tokens:
            self._tokens[who] = self.members.tokens(who)
        return self._tokens[who]()

    def forget_spending(self) -> None:
        """Give every organisation its budget of identifiers back, as after midnight."""
        budget = sqlite3.connect(self.service.data / "budget.db", isolation_level=None, timeout=30)
        for table in ("asked", "spent"):
            budget.execute(f"DELETE FROM {table}")
        budget.close()

    def close(self) -> None:
        self._http.close()


def _codes(answer: Mapping[str, Any]) -> set[str]:
    """The codes of the errors in an answer."""
    return {error["extensions"]["code"] for error in answer.get("errors") or ()}


@contextmanager
def side(neo4j: Neo4jChild, folder: Path, policies: Path) -> Iterator[Side]:
    """A service over ``neo4j``, which must be empty; both sides have the same keys for handles."""
    (folder / "keys").mkdir(parents=True)
    (folder / "keys" / "handles.key").write_bytes(HANDLES_KEY)
    with ExitStack() as stack:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("GRAPHSVC_IDENTIFIERS_A_DAY", "10000000")
            patch.setenv("GRAPHSVC_NEO4J_URI", neo4j.uri)
            patch.setenv("GRAPHSVC_NEO4J_USER", neo4j.auth[0])
            patch.setenv("GRAPHSVC_NEO4J_PASSWORD", neo4j.auth[1])
            patch.setattr(
                "graphsvc.app.product_data", lambda name: policies if name == "policies" else product_data(name)
            )
            service = stack.enter_context(run_local(folder, 0, PEOPLE))
        members = Members(service, MEMBERS, folder / "organisations")
        stack.callback(members.close)
        operator = members.client(OPERATOR)
        for organisation in MEMBERS:
            operator.admit(organisation, members.by_name[organisation.org].root.public)
            members.by_name[organisation.org].enrol(operator, service.origin, "machine")
        members.client("police-ke.investigator").query(REGISTER, {"r": CASE})
        made = Side(service, members, folder / "files")
        stack.callback(made.close)
        yield made
