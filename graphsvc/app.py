"""The service, put together: which part is given to which, and in which order things start and stop."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from functools import cache, partial
from itertools import chain
from pathlib import Path
from typing import Any

import strawberry
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from fastapi import FastAPI

from graphsvc.acts.signed import Acting, Handler, handlers_of
from graphsvc.anchoring.timestamps import TimeStamping
from graphsvc.anchoring.witnesses import WitnessedLog, Witnessing, read_witness_policy
from graphsvc.answers import graphql as answering
from graphsvc.answers.ask import Asking
from graphsvc.answers.budget import Budget
from graphsvc.answers.finding import Finding
from graphsvc.answers.own import OwnView
from graphsvc.answers.questions import Means, Reading
from graphsvc.answers.searching import RingSearch
from graphsvc.api.http import build_api
from graphsvc.api.observed import Observed
from graphsvc.api.ports import Ports
from graphsvc.api.schema import build_schema
from graphsvc.api.spool import sweep as sweep_spool
from graphsvc.api.transport import transport_of
from graphsvc.api.turns import ActTurns
from graphsvc.auth.gate import Identities, open_gate
from graphsvc.auth.shared import Shared
from graphsvc.columns.store import Columns
from graphsvc.console import DOCUMENTS, ConsoleRoutes, LogKey
from graphsvc.core import Core
from graphsvc.graph.driver import Graph
from graphsvc.graph.handles import Handles
from graphsvc.graph.holdings import Holdings
from graphsvc.graph.marks import Marks
from graphsvc.graph.read import Reader
from graphsvc.graph.write import Writer
from graphsvc.ledger.keyfiles import secret
from graphsvc.ledger.log import Ledger
from graphsvc.ledger.objects import PayloadStore
from graphsvc.ledger.opening import open_beside, open_payloads
from graphsvc.ledger.payload import RowKeys
from graphsvc.ledger.store import told_plainly
from graphsvc.lifecycle import graphql as lifecycle
from graphsvc.lifecycle.custody import Custody, CustodyWorker
from graphsvc.lifecycle.http import CustodyRoutes
from graphsvc.lifecycle.replay import replay_erasures
from graphsvc.lifecycle.retention import Rule, load_rules
from graphsvc.lifecycle.views import CustodyView
from graphsvc.members import graphql as members
from graphsvc.members.admission import Administering
from graphsvc.members.http import MemberRoutes
from graphsvc.members.membership import Membership
from graphsvc.model.files import sweep
from graphsvc.model.keyeddigests import KeyedDigests, digest_key
from graphsvc.model.principals import Organisation
from graphsvc.model.product import product_data
from graphsvc.model.references import reference_key
from graphsvc.model.schema import Schema, load_schema
from graphsvc.policy.decide import Decider
from graphsvc.policy.limits import LIMITS_FILE, Limits, parse_limits
from graphsvc.projection.apply import Applier, Payloads, Projections
from graphsvc.projection.rebuild import finish
from graphsvc.rings import graphql as rings
from graphsvc.rings.detecting import Detecting
from graphsvc.rings.judging import Judging
from graphsvc.rings.store import Results
from graphsvc.rings.views import RingsView
from graphsvc.rings.worker import RingWorker
from graphsvc.rulebooks import graphql as rulebooks
from graphsvc.rulebooks.decisions import Governing
from graphsvc.rulebooks.views import RulebooksView
from graphsvc.settings import Settings
from graphsvc.sharing import graphql as sharing
from graphsvc.sharing.entitlements import Entitled
from graphsvc.sharing.handlers import sharing_handlers
from graphsvc.sharing.views import SharingView
from graphsvc.submission.http import SubmissionRoutes
from graphsvc.submission.submit import Intakes, Submitting
from graphsvc.submission.workers import Places, Workers
from graphsvc.upkeep.checkup import Checkup
from graphsvc.upkeep.http import UpkeepRoutes
from graphsvc.upkeep.metrics import Standing, serve_metrics
from graphsvc.upkeep.traces import tracing
from graphsvc.webhooks.receivers import read_receivers
from graphsvc.webhooks.telling import Told, Webhooks

INTAKE_WORKERS = 2
"""Submissions that are processed at once: more than one, so that a large one does not hold up all others."""
OPERATOR = Organisation("operator", "operator", "XX", "Operator of this service")
"""Whom the operator's own clients act for; it holds no records and is no member."""


@dataclass(frozen=True, slots=True)
class Service:
    """A running service: the application and the parts that a caller in this process may look at."""

    app: FastAPI
    core: Core
    graph: Graph
    custody: Custody
    submitting: Submitting
    searching: RingWorker

    @property
    def ledger(self) -> Ledger:
        """The log."""
        return self.core.ledger

    @property
    def applier(self) -> Applier:
        """What follows the log."""
        return self.core.applier


@cache
def api_schema() -> strawberry.Schema:
    """The GraphQL schema with its resolvers, most needed parts first; the same object every time."""
    rooms = (answering, sharing, lifecycle, members, rulebooks, rings)
    return build_schema(chain(*(room.QUESTIONS for room in rooms)), chain(*(room.MUTATIONS for room in rooms)))


@contextmanager
def run_service(settings: Settings, identities: Identities, neo4j: tuple[str, str, str]) -> Iterator[Service]:
    """Open every part, follow the ledger, and yield the application; closed in the reverse order.

    ``neo4j`` is address, user and password. Raises InvalidInput when schema or policies don't load, Unavailable when
    Neo4j or the ledger can't be had.
    """
    with ExitStack() as stack:
        opened = _opened(settings, neo4j, stack)
        transport = transport_of(settings, opened.shared, DOCUMENTS)
        workers = Workers(_places(settings, opened.digest_key), INTAKE_WORKERS, nice=settings.intake_nice)
        stack.callback(workers.close)
        core, governing, witnessing = opened.core, opened.governing, opened.witnessing
        custody, membership = Custody(core, _retention(settings)), Membership(core)
        worker = CustodyWorker(custody, float(settings.purge_every), membership.finish)
        worker.start()
        stack.callback(worker.stop)
        results = Results(core.payloads)
        searching = RingWorker(core, results)
        searching.start()
        stack.callback(searching.stop)
        plain = (OwnView, Finding, RingSearch, SharingView, CustodyView)
        views: dict[type, Callable[[Reading], Any]] = {
            **{view: view for view in plain},
            RingsView: lambda reading: RingsView(reading, results, searching.stage),
            RulebooksView: lambda reading: RulebooksView(reading, governing.versions, governing.difference),
        }
        ledger, applier, schema = core.ledger, core.applier, core.schema
        groups = opened.entitled.groups
        intakes = Intakes(core, workers, settings, groups, governing, custody.corrected, opened.reference_key)
        submitting = stack.enter_context(closing(Submitting(intakes)))
        judging = handlers_of(Detecting(core, searching.wake, searching.cancel), Judging(core))
        handlers = (
            *(sharing_handlers(core, custody), handlers_of(governing), custody.handlers(), membership.handlers()),
            judging,
        )
        administering = Administering(ledger, schema, witnessing)
        gate = open_gate(settings, identities, _organisations(ledger), opened.shared)
        ports = Ports(
            authenticating=gate.callers,
            asking=Asking(Means(core, opened.budget, views), witnessing),
            acting=_acting(ledger, stack, *handlers),
            registering=administering,
            log=ledger if witnessing is None else WitnessedLog(ledger, witnessing),
        )
        late = float(settings.max_lag)
        checkup = Checkup(ledger, applier, opened.graph, settings.data, late, witnessing=witnessing)
        acts, asked = ActTurns(settings.acts_a_minute, opened.shared), ports.authenticating
        routes = (
            SubmissionRoutes(asked, submitting, settings).routes(),
            MemberRoutes(asked, administering, membership, acts).routes(),
            CustodyRoutes(asked, custody, acts).routes(),
            UpkeepRoutes(asked, checkup).routes(),
            gate.routes,
            ConsoleRoutes(LogKey(settings.origin, ledger.log_vkey), schema).routes(),
        )
        _tell_receivers(settings, core, stack)
        _observe(settings, transport.observed, checkup, stack)
        app = build_api(api_schema(), ports, acts, routes, transport)
        yield Service(app, core, opened.graph, custody, submitting, searching)


def _tell_receivers(settings: Settings, core: Core, stack: ExitStack) -> None:
    if not settings.webhooks:
        return
    receivers, told = read_receivers(Path(settings.webhooks)), Told(settings.data / "webhooks.db")
    webhooks = Webhooks(core.ledger, lambda: core.applier.progress, receivers, told)
    webhooks.start()
    stack.callback(webhooks.stop)


def _observe(settings: Settings, observed: Observed, checkup: Checkup, stack: ExitStack) -> None:
    if settings.traces:
        observed.tracer = stack.enter_context(tracing(settings.traces))
    if settings.metrics:
        standing = Standing(checkup, settings.data)
        stack.enter_context(serve_metrics(settings.metrics, observed.registry, standing))


@dataclass(frozen=True, slots=True)
class _Opened:
    """What is opened before the paths: the running parts, and parts that only some paths need."""

    core: Core
    graph: Graph
    governing: Governing
    entitled: Entitled
    budget: Budget
    witnessing: Witnessing | None
    reference_key: Callable[[str], bytes]
    shared: Shared
    digest_key: bytes = field(repr=False)


def _opened(settings: Settings, neo4j: tuple[str, str, str], stack: ExitStack) -> _Opened:
    """Open ledger, payloads, policies, graph and columns, and begin to follow the ledger."""
    ledger = Ledger.open(
        settings.data / "ledger",
        settings.origin,
        database=settings.database,
        standby=float(settings.standby),
        fast=settings.accelerator,
    )
    stack.callback(ledger.close)
    store = open_payloads(settings.payload_location, settings.s3_endpoint)
    _sweep(settings, store)
    secrets = _Secrets.open(settings.data / "keys", fresh=not ledger.head)
    stack.callback(secrets.rows.close)
    digests = digest_key(secrets.handles)
    schema = load_schema(digests=KeyedDigests(digests))
    governing = Governing(ledger, product_data("policies"))
    decider = Decider(governing.in_force(), governing.in_force)
    witnessing = _witnessing(settings, ledger, stack)
    _time_stamping(settings, ledger, stack)
    graph = _graph(settings, neo4j, schema, stack)
    columns, payloads = Columns(settings.data / "columns"), Payloads(store, secrets.rows)
    replay_erasures(ledger, store, secrets.rows)
    applier = Applier(ledger, payloads, Projections(Writer(graph, Marks(secrets.handles)), columns))
    applier.start()
    stack.callback(applier.stop)
    budget = _budget(settings, governing, secrets.budget)
    stack.callback(budget.close)
    with told_plainly("the store of sessions"):
        shared = Shared(open_beside(settings.data / "sessions.db", settings.database), secrets.callers)
    stack.callback(shared.close)
    reader = Reader(graph, secret=secrets.handles)
    reader.plan_ahead()
    handles, entitled = _handle_keys(secrets.handles, settings.accelerator), Entitled(ledger)
    core = Core(ledger, payloads, applier, reader, Holdings(graph), columns, decider, schema, handles, entitled)
    references = partial(reference_key, secrets.handles)
    return _Opened(core, graph, governing, entitled, budget, witnessing, references, shared, digests)


def _places(settings: Settings, digests: bytes) -> Places:
    return Places(product_data("schema"), settings.payload_location, settings.s3_endpoint, digest_key=digests)


def _graph(settings: Settings, neo4j: tuple[str, str, str], schema: Schema, stack: ExitStack) -> Graph:
    """Open the graph, make its constraints, and finish what a rebuild decided."""
    graph = Graph.open(neo4j[0], (neo4j[1], neo4j[2]), settings.neo4j_database, settings.neo4j_reader)
    stack.callback(graph.close)
    graph.constrain(list(schema.kinds))
    finish(settings.data, graph)
    return graph


def _witnessing(settings: Settings, ledger: Ledger, stack: ExitStack) -> Witnessing | None:
    if not settings.witnesses:
        return None
    policy = read_witness_policy(Path(settings.witnesses))
    witnessing = Witnessing(ledger, policy, settings.data / "ledger")
    witnessing.start()
    stack.callback(witnessing.stop)
    return witnessing


def _time_stamping(settings: Settings, ledger: Ledger, stack: ExitStack) -> None:
    if settings.tsa:
        stamping = TimeStamping(ledger, settings.tsa, float(max(1, settings.tsa_every)))
        stamping.start()
        stack.callback(stamping.stop)


def _acting(ledger: Ledger, stack: ExitStack, *handlers: Mapping[str, Handler]) -> Acting:
    acting = Acting(ledger, {kind: one for some in handlers for kind, one in some.items()})
    stack.callback(acting.close)
    return acting


def _organisations(ledger: Ledger) -> Callable[[str], Organisation | None]:
    def find(org: str) -> Organisation | None:
        if org == OPERATOR.org:
            return OPERATOR
        return None if org in ledger.departed else ledger.organisations().get(org)

    return find


def _retention(settings: Settings) -> tuple[Rule, ...]:
    return load_rules(Path(settings.retention) if settings.retention else product_data("policies") / "retention.yaml")


@dataclass(frozen=True, slots=True)
class _Secrets:
    """The secrets of a service beside its ledger's: of handles, of the budget, of sessions, and row keys."""

    handles: bytes
    budget: bytes
    callers: bytes
    rows: RowKeys

    @classmethod
    def open(cls, directory: Path, fresh: bool) -> _Secrets:
        """Read the secrets; ``fresh``: make those that are missing, as no entry of the ledger depends on them yet.

        The budget's secret matters for one day only and that of sessions for some hours, so these are always made when
        missing. Raises IntegrityError
        ``key_file``, OSError.
        """
        handles, budget = secret(directory / "handles.key", fresh), secret(directory / "budget.key", create=True)
        callers = secret(directory / "sessions.key", create=True)
        return cls(handles, budget, callers, RowKeys(directory / "rows.db", create=fresh))


def _sweep(settings: Settings, payloads: PayloadStore) -> None:
    """Remove what killed processes left half written. Only for the process that leads: others may be writing.

    The ledger and the columns do it for their own folders when they are opened.
    """
    sweep_spool(settings.spool)
    payloads.sweep()
    sweep(settings.data, deep=False)
    for folder in ("keys", "dev"):
        sweep(settings.data / folder)


def _budget(settings: Settings, governing: Governing, secret: bytes) -> Budget:
    """The budget of identifiers; it keeps what was asked under a secret that lies elsewhere."""
    if settings.identifiers_a_day:
        every = Limits(settings.identifiers_a_day)
        return Budget(settings.data / "budget.db", secret, lambda: every)
    # A log may have begun before limits were part of a policy version: then those of the product apply.
    product = parse_limits((product_data("policies") / LIMITS_FILE).read_text(encoding="utf-8"))
    return Budget(settings.data / "budget.db", secret, lambda: governing.in_force().limits or product)


def _handle_keys(secret: bytes, fast: str) -> Callable[[str], Handles]:
    """Handles by organisation, each under a key of its own, derived from one secret."""
    known: dict[str, Handles] = {}

    def handles(org: str) -> Handles:
        if org not in known:
            info = b"graphsvc handles v2|" + org.encode()
            key = HKDF(algorithm=SHA256(), length=64, salt=None, info=info).derive(secret)
            known[org] = Handles(key, fast=fast)
        return known[org]

    return handles
