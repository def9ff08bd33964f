"""The service, put together: which part is given to which, and in which order things start and stop."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from fastapi import FastAPI

from graphsvc.acts.signed import Acting, Handler
from graphsvc.anchoring.timestamps import TimeStamping
from graphsvc.anchoring.witnesses import WitnessedLog, Witnessing, read_witness_policy
from graphsvc.answers.ask import Asking, Sources
from graphsvc.answers.budget import Budget
from graphsvc.api.connections import bounds_of
from graphsvc.api.descriptors import room_for_connections
from graphsvc.api.http import build_api
from graphsvc.api.ports import Ports
from graphsvc.api.serving import serve
from graphsvc.api.spool import sweep as sweep_spool
from graphsvc.auth import Authenticator, FetchedKeys, StaticKeys, Taken
from graphsvc.columns.store import Columns
from graphsvc.graph.driver import Graph
from graphsvc.graph.handles import Handles
from graphsvc.graph.holdings import Holdings
from graphsvc.ledger.keyfiles import secret
from graphsvc.ledger.lock import lock_directory
from graphsvc.ledger.log import Ledger
from graphsvc.ledger.objects import PayloadStore, open_payloads
from graphsvc.ledger.payload import RowKeys
from graphsvc.lifecycle.desk import Custody, CustodyWorker
from graphsvc.lifecycle.replay import replay_erasures
from graphsvc.lifecycle.retention import load_rules
from graphsvc.lifecycle.targets import Parts
from graphsvc.local.identity import DevelopmentClient, DevelopmentIdentity, listen, read_kept
from graphsvc.local.neo4j import Neo4jChild, stop_left_over
from graphsvc.local.renewal import renew
from graphsvc.local.supervisor import Supervisor
from graphsvc.members.admission import Administering
from graphsvc.model.errors import InvalidInput
from graphsvc.model.files import sweep, write_durably
from graphsvc.model.principals import Organisation
from graphsvc.model.product import product_data
from graphsvc.model.schema import Schema, load_schema
from graphsvc.policy.decide import Decider
from graphsvc.policy.limits import LIMITS_FILE, Limits, parse_limits
from graphsvc.projection.apply import Applier, Payloads, Projections
from graphsvc.projection.rebuild import NEXT, finish
from graphsvc.rulebooks.decisions import Governing
from graphsvc.settings import Settings, read_settings
from graphsvc.sharing.entitlements import Entitled
from graphsvc.sharing.handlers import sharing_handlers
from graphsvc.submission.submit import Intakes, Submitting
from graphsvc.submission.workers import Places, Workers
from graphsvc.upkeep.checkup import Checkup

INTAKE_WORKERS = 2
"""Bodies that are taken in at once: so that a large one does not hold up all others."""
OPERATOR = Organisation("operator", "operator", "XX", "Operator of this service")
"""Whom the operator's own clients act for; it holds no records and is no member."""
OPERATOR_CLIENT = DevelopmentClient("operator.operator", "operator", "operator", ("operator",))


@dataclass(frozen=True, slots=True)
class Service:
    """A running service: the application and the parts that a caller in this process may look at."""

    app: FastAPI
    ledger: Ledger
    applier: Applier
    graph: Graph
    custody: Custody
    submitting: Submitting


@dataclass(frozen=True, slots=True)
class LocalService:
    """A whole service on this machine. ``clients_file`` has the development clients with their secrets, mode 0600.

    ``parts`` are those of a service in this process. ``development``: identities and their tokens come from here.
    """

    url: str
    identity_url: str
    clients_file: Path
    origin: str
    log_vkey: str
    data: Path
    parts: Service | None = None
    development: bool = True


@contextmanager
def run_service(
    settings: Settings, keys: StaticKeys | FetchedKeys, issuer: str, neo4j: tuple[str, str, str]
) -> Iterator[Service]:
    """Open every part, follow the ledger, and yield the application; closed in the reverse order.

    ``neo4j`` is address, user and password. Raises InvalidInput when schema or policies don't load, Unavailable when
    Neo4j or the ledger can't be had.
    """
    schema = load_schema()
    places = Places(product_data("schema"), settings.payload_location, settings.s3_endpoint)
    with ExitStack() as stack:
        workers = Workers(places, INTAKE_WORKERS)
        stack.callback(workers.close)
        ledger = Ledger.open(
            settings.data / "ledger", settings.origin, database=settings.database, standby=float(settings.standby)
        )
        stack.callback(ledger.close)
        payload_store = open_payloads(places.payloads, places.s3_endpoint)
        _sweep(settings, payload_store)
        secrets = _Secrets.open(settings.data / "keys", fresh=not ledger.head)
        stack.callback(secrets.rows.close)
        governing = Governing(ledger, product_data("policies"))
        decider = Decider(governing.in_force(), governing.in_force)
        witnessing = _witnessing(settings, ledger, stack)
        _time_stamping(settings, ledger, stack)
        graph = _graph(settings, neo4j, schema, stack)
        columns = Columns(settings.data / "columns")
        payloads = Payloads(payload_store, secrets.rows)
        replay_erasures(ledger, payload_store, secrets.rows)
        applier = Applier(ledger, payloads, Projections(graph.writer(schema, secrets.handles), columns))
        applier.start()
        stack.callback(applier.stop)
        handles = _handle_keys(secrets.handles)
        budget = _budget(settings, governing, secrets.budget)
        stack.callback(budget.close)
        entitled = Entitled(ledger)
        reader = graph.reader(schema, secrets.handles)
        reader.plan_ahead()
        custody = _custody(settings, Parts(ledger, payloads, applier, Holdings(graph), schema, handles), stack)
        sources = Sources(
            *(ledger, reader, columns, applier, decider, schema, handles, entitled, budget, custody),
            witnessing=witnessing,
            governing=governing,
        )
        asking = Asking(sources)
        groups = entitled.groups
        intakes = Intakes(ledger, payloads, applier, workers, schema, settings, groups, governing, custody.corrected)
        submitting = stack.enter_context(closing(Submitting(intakes)))
        checkup = Checkup(ledger, applier, graph, settings.data, float(settings.max_lag))
        ports = Ports(
            authenticating=Authenticator(issuer, settings.audience, keys, _organisations(ledger), _taken(settings)),
            asking=asking,
            submitting=submitting,
            log=ledger if witnessing is None else WitnessedLog(ledger, witnessing),
            administering=Administering(ledger, applier, schema, checkup, witnessing),
            acting=_acting(ledger, stack, sharing_handlers(sources, asking), governing.handlers(), custody.handlers()),
            keeping=custody,
        )
        yield Service(build_api(ports, settings), ledger, applier, graph, custody, submitting)


@contextmanager
def run_local(
    data: Path, port: int | None, people: Sequence[DevelopmentClient] = (), host: str = "127.0.0.1"
) -> Iterator[LocalService]:
    """Run everything on this machine: Neo4j (a child, or the one that the settings name), identities, the service.

    ``port`` 0 takes a free one, None that of the last start here, so that profiles stay good. In production the
    identity provider is the one that the settings name.
    """
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    settings = read_settings(data.resolve(), os.environ, host=host)
    _check_together(settings)
    settings = replace(settings, port=_last_port(settings) if port is None else port)
    bounds = bounds_of(settings, room_for_connections())
    with ExitStack() as stack:
        if not settings.database:
            # Where the database has a lease, that decides: a leader that has stopped may hold this lock for ever.
            stack.callback(lock_directory(settings.data))
        # A rebuild that was killed may have left its server behind, in the folder that goes now.
        stop_left_over(settings.data / f"neo4j{NEXT}")
        finish(settings.data)
        renew(settings)
        neo4j = _neo4j(settings, stack)
        identity_url, keys, clients_file = _identities(settings, people, stack)
        service = stack.enter_context(run_service(settings, keys, identity_url, neo4j))
        url = stack.enter_context(serve(service.app, settings, bounds))
        if own := not settings.issuer:
            write_durably(settings.data / "dev" / "port", url.rpartition(":")[2].encode())
        log_vkey = service.ledger.log_vkey
        yield LocalService(url, identity_url, clients_file, settings.origin, log_vkey, settings.data, service, own)


def _last_port(settings: Settings) -> int:
    """The port of the last start here with development identities, else the settings' own; what is no port is none."""
    try:
        said = (settings.data / "dev" / "port").read_bytes()
    except OSError:
        said = b""
    kept = not settings.issuer and said.isdigit() and 0 < int(said) < 1 << 16
    return int(said) if kept else settings.port


def _check_together(settings: Settings) -> None:
    """Raise InvalidInput where one setting needs another one, before anything starts."""
    for wanted, variable, message in (
        (bool(settings.database) and not settings.neo4j_uri, "GRAPHSVC_NEO4J_URI",
         "a shared database needs a shared Neo4j: name it"),
        (settings.environment == "production" and not settings.issuer, "GRAPHSVC_ISSUER",
         "development identities do not run in production: name the issuer of access tokens"),
        (bool(settings.issuer) and not settings.jwks, "GRAPHSVC_JWKS", "say where the issuer's signing keys are"),
    ):  # fmt: skip
        if wanted:
            raise InvalidInput(message, code="setting", where=variable)


def _graph(settings: Settings, neo4j: tuple[str, str, str], schema: Schema, stack: ExitStack) -> Graph:
    """The graph with its constraints, and with what a rebuild decided done."""
    graph = Graph.open(neo4j[0], (neo4j[1], neo4j[2]), settings.neo4j_database)
    stack.callback(graph.close)
    graph.constrain(list(schema.kinds))
    finish(settings.data, graph)
    return graph


def _taken(settings: Settings) -> Taken:
    types = frozenset(settings.token_types.lower().split())
    return Taken(frozenset(settings.token_algorithms.split()), types)


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


def _neo4j(settings: Settings, stack: ExitStack) -> tuple[str, str, str]:
    if settings.neo4j_uri:
        return settings.neo4j_uri, settings.neo4j_user, settings.neo4j_password
    child = Neo4jChild(settings.data / "neo4j", None, settings.neo4j_heap, settings.neo4j_pagecache)
    supervisor = Supervisor(child)
    supervisor.start()
    stack.callback(supervisor.stop)
    return child.uri, *child.auth


def _identities(
    settings: Settings, people: Sequence[DevelopmentClient], stack: ExitStack
) -> tuple[str, StaticKeys | FetchedKeys, Path]:
    directory = settings.data / "dev"
    if settings.issuer:
        return settings.issuer, FetchedKeys(settings.jwks), directory / "clients.json"
    kept = read_kept(directory)
    server = listen(settings.environment, kept.port)
    clients = [OPERATOR_CLIENT, *_people(directory / "people.json", people)]
    identity = DevelopmentIdentity(server.url, settings.audience, directory, clients, kept)
    server.start(identity)
    stack.callback(server.stop)
    return server.url, StaticKeys(identity.jwks()), identity.clients_file


def _people(path: Path, people: Sequence[DevelopmentClient]) -> list[DevelopmentClient]:
    """The development clients here: those given, which are kept for the next start, or else those kept."""
    if people:
        write_durably(path, msgspec.json.encode(list(people)))
        return list(people)
    if not path.exists():
        return []
    try:
        return msgspec.json.decode(path.read_bytes(), type=list[DevelopmentClient])
    except msgspec.DecodeError as error:
        message = f"not a list of development clients: {error}; mend or remove the file"
        raise InvalidInput(message, code="bad_people", where=str(path)) from None


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


def _custody(settings: Settings, parts: Parts, stack: ExitStack) -> Custody:
    """Custody with its worker running."""
    rules = load_rules(Path(settings.retention) if settings.retention else product_data("policies") / "retention.yaml")
    custody = Custody(parts, rules)
    worker = CustodyWorker(custody, float(settings.purge_every))
    worker.start()
    stack.callback(worker.stop)
    return custody


@dataclass(frozen=True, slots=True)
class _Secrets:
    """The secrets of a service beside those of its ledger: what handles and the budget are made with, and row keys."""

    handles: bytes
    budget: bytes
    rows: RowKeys

    @classmethod
    def open(cls, directory: Path, fresh: bool) -> _Secrets:
        """Read them; ``fresh``: made anew where they are missing, as the ledger has no entry that depends on them.

        The budget's concerns one day only, so it may be lost. Raises IntegrityError ``key_file``, OSError.
        """
        handles, budget = secret(directory / "handles.key", fresh), secret(directory / "budget.key", create=True)
        return cls(handles, budget, RowKeys(directory / "rows.db", create=fresh))


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
    """The budget of identifiers; what is asked is kept under a secret of its own, apart from it."""
    if settings.identifiers_a_day:
        every = Limits(settings.identifiers_a_day)
        return Budget(settings.data / "budget.db", secret, lambda: every)
    # A log may have begun before limits were part of a version: then those of the product hold.
    product = parse_limits((product_data("policies") / LIMITS_FILE).read_text(encoding="utf-8"))
    return Budget(settings.data / "budget.db", secret, lambda: governing.in_force().limits or product)


def _handle_keys(secret: bytes) -> Callable[[str], Handles]:
    """Handles by organisation, each under a key of its own, derived from one secret."""
    known: dict[str, Handles] = {}

    def handles(org: str) -> Handles:
        if org not in known:
            info = b"graphsvc handles v2|" + org.encode()
            known[org] = Handles(HKDF(algorithm=SHA256(), length=64, salt=None, info=info).derive(secret))
        return known[org]

    return handles
