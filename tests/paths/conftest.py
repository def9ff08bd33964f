"""A whole service on this machine, once a session: real Neo4j, real HTTP, real signatures."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from sqlalchemy import Engine, event

from graphsvc.client import Client, fixed_token
from graphsvc.demo.cast import CLIENTS, OPERATOR
from graphsvc.demo.company import Members
from graphsvc.demo.scenario import ORGANISATIONS
from graphsvc.local.identity import DevelopmentClient, IdentityServer
from graphsvc.local.run import OPERATOR_CLIENT, LocalService, run_local
from graphsvc.model.principals import Footing
from tests.paths.wire import MintingIdentity

CASE = "PATH/2026-1"
FOOTING = Footing("investigation", "statutory-duty", CASE)
STRANGER = DevelopmentClient("stranger.feed", "stranger", "feed@stranger.example", ("submitter", "investigator"))
"""A client of an organisation that is never admitted."""


@pytest.fixture(scope="session")
def service_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("service")


@pytest.fixture(scope="session")
def identity(service_folder: Path) -> Iterator[MintingIdentity]:
    """The identity provider, reached over HTTP as one in production would be."""
    server = IdentityServer("development")
    clients = [OPERATOR_CLIENT, STRANGER, *CLIENTS]
    (service_folder / "dev").mkdir(mode=0o700)
    identity = MintingIdentity(server.url, "graphsvc", service_folder / "dev", clients)
    server.start(identity)
    yield identity
    server.stop()


@pytest.fixture(scope="session")
def local_service(service_folder: Path, identity: MintingIdentity) -> Iterator[LocalService]:
    with ExitStack() as stack:
        with pytest.MonkeyPatch.context() as environment:
            environment.setenv("GRAPHSVC_ISSUER", identity.issuer)
            # Tests ask for more in a minute than people do in a day.
            environment.setenv("GRAPHSVC_IDENTIFIERS_A_DAY", "1000000")
            environment.setenv("GRAPHSVC_JWKS", f"{identity.issuer}/jwks")
            event.listen(Engine, "before_cursor_execute", refuse_on_the_loop)
            service = stack.enter_context(run_local(service_folder, 0))
        yield service


def refuse_on_the_loop(*_: object) -> None:
    """No statement runs in the thread that serves everybody: a slow one would hold them all up."""
    assert threading.current_thread().name != "http", "a statement runs on the event loop"


@pytest.fixture(scope="session")
def members(
    local_service: LocalService, identity: MintingIdentity, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Members]:
    """The four organisations, admitted, with enrolled keys and a registered case each, all under one reference."""
    members = Members(local_service, ORGANISATIONS, tmp_path_factory.mktemp("organisations"))
    operator = members.client(OPERATOR)
    for organisation in ORGANISATIONS:
        operator.admit(organisation, members.by_name[organisation.org].root.public)
        members.by_name[organisation.org].enrol(operator, local_service.origin, "machine")
    register = """mutation($r: String!) {
      registerCase(reference: $r, title: "Paths", legalBasis: "statutory-duty") { reference } }"""
    for organisation in ORGANISATIONS:
        person = next(one for one in CLIENTS if one.org == organisation.org)
        token = identity.mint(person, roles=["investigator"])
        with Client(local_service.url, fixed_token(token), members.trust()) as client:
            client.query(register, {"r": CASE})
    yield members
    members.close()


@pytest.fixture
def investigator(members: Members) -> Client:
    return members.client("police-ke.investigator")
