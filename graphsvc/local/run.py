"""A whole service on one machine: Neo4j, identity provider and service, started and stopped in order."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event

import msgspec

from graphsvc.api.connections import bounds_of
from graphsvc.api.descriptors import room_for_connections
from graphsvc.api.serving import serve
from graphsvc.app import Service, run_service
from graphsvc.auth import StaticKeys
from graphsvc.auth.gate import Identities, identities_of
from graphsvc.ledger.lock import lock_directory
from graphsvc.local.identity import DevelopmentClient, DevelopmentIdentity, listen, read_kept
from graphsvc.local.neo4j import Neo4jChild, stop_left_over
from graphsvc.local.renewal import renew
from graphsvc.local.supervisor import Supervisor
from graphsvc.model.errors import InvalidInput
from graphsvc.model.files import write_durably
from graphsvc.projection.rebuild import NEXT, finish
from graphsvc.settings import Settings, check_together, read_settings
from graphsvc.upkeep.logs import log_as

OPERATOR_CLIENT = DevelopmentClient("operator.operator", "operator", "operator", ("operator",))


@dataclass(frozen=True, slots=True)
class LocalService:
    """A whole service on this machine. ``clients_file`` has the development clients with their secrets, mode 0600.

    ``parts`` are those of a service in this process. ``development``: the identity provider runs here as well.
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
def run_local(
    data: Path, port: int | None, people: Sequence[DevelopmentClient] = (), host: str = "127.0.0.1"
) -> Iterator[LocalService]:
    """Run everything on this machine: Neo4j (a child, or the one that the settings name), identities, the service.

    ``port`` 0 takes a free one, None that of the last start here, so that profiles stay good. In production the
    identity provider is the one that the settings name.
    """
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    settings = read_settings(data.resolve(), os.environ, host=host)
    check_together(settings)
    log_as(settings.log_form)
    settings = replace(settings, port=_last_port(settings) if port is None else port)
    bounds = bounds_of(settings, room_for_connections())
    with ExitStack() as stack:
        if not settings.database:
            # With a shared database its lease decides who leads: a leader that hangs may hold this lock for ever.
            stack.callback(lock_directory(settings.data))
        # A rebuild that was killed may have left its server running, in the folder that is removed now.
        stop_left_over(settings.data / f"neo4j{NEXT}")
        finish(settings.data)
        renew(settings)
        identities, clients_file = _identities(settings, people, stack)
        neo4j = _neo4j(settings, stack)
        service = stack.enter_context(run_service(settings, identities, neo4j))
        url = stack.enter_context(serve(service.app, settings, bounds))
        if own := not settings.issuer:
            write_durably(settings.data / "dev" / "port", url.rpartition(":")[2].encode())
        log_vkey = service.ledger.log_vkey
        yield LocalService(url, identities.issuer, clients_file, settings.origin, log_vkey, settings.data, service, own)


def until_stopped() -> None:
    """Return on Ctrl-C or SIGTERM."""
    stopped = Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    while not stopped.wait(1.0):
        pass


def _last_port(settings: Settings) -> int:
    """The port of the last start here with development identities, else the settings' own."""
    try:
        said = (settings.data / "dev" / "port").read_bytes()
    except OSError:
        said = b""
    kept = not settings.issuer and said.isdigit() and 0 < int(said) < 1 << 16
    return int(said) if kept else settings.port


def _neo4j(settings: Settings, stack: ExitStack) -> tuple[str, str, str]:
    if settings.neo4j_uri:
        return settings.neo4j_uri, settings.neo4j_user, settings.neo4j_password
    child = Neo4jChild(settings.data / "neo4j", None, settings.neo4j_heap, settings.neo4j_pagecache)
    supervisor = Supervisor(child)
    supervisor.start()
    stack.callback(supervisor.stop)
    return child.uri, *child.auth


def _identities(settings: Settings, people: Sequence[DevelopmentClient], stack: ExitStack) -> tuple[Identities, Path]:
    directory = settings.data / "dev"
    if settings.issuer:
        return identities_of(settings), directory / "clients.json"
    kept = read_kept(directory)
    server = listen(settings.environment, kept.port)
    clients = [OPERATOR_CLIENT, *_people(directory / "people.json", people)]
    identity = DevelopmentIdentity(server.url, settings.audience, directory, clients, kept)
    server.start(identity)
    stack.callback(server.stop)
    known = Identities(server.url, StaticKeys(identity.jwks()), credentials=identity.own_client)
    return known, identity.clients_file


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
