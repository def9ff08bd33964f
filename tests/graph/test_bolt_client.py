"""Our own Bolt client: whom it trusts, what it refuses, how it waits, what it leaves behind."""

from __future__ import annotations

import asyncio
import gc
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from between import Between
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from reading import BOTH, LARGE, LONG, ask, ask_by, client_of, code_of, hastened, run, running

from graphsvc.graph.bolt import connection
from graphsvc.graph.driver import BOLT, Graph
from graphsvc.local.neo4j import Neo4jChild
from graphsvc.model.errors import Unavailable


@pytest.fixture
def between(neo4j_server: Neo4jChild) -> Iterator[Between]:
    with Between(neo4j_server.port) as proxy:
        yield proxy


@pytest.mark.parametrize(
    "greeting",
    [bytes(4), b"\0\0\4\4", b"\0\0\0\6", b"HTTP", b"\0\0\x08\5surplus"],
    ids=["none", "4", "6", "http", "more"],
)
def test_a_server_that_offers_another_version(between: Between, neo4j_server: Neo4jChild, greeting: bytes) -> None:
    between.greeting = greeting
    assert run(code_of(ask_by(client_of(between.uri, neo4j_server.auth), value=1))) == "graph_down"
    if greeting != b"\0\0\x08\5surplus":
        with pytest.raises(Unavailable) as caught:
            Graph.open(between.uri, neo4j_server.auth)
        assert caught.value.code == "graph_down"


def test_a_wrong_password(neo4j_server: Neo4jChild) -> None:
    assert run(code_of(ask_by(client_of(neo4j_server.uri, ("nobody", "secret-no")), value=1))) == "graph_down"
    for reader in BOTH:
        with pytest.raises(Unavailable, match="AuthError") as caught:
            Graph.open(neo4j_server.uri, ("nobody", "secret-no"), reader=reader)
        assert caught.value.code == "graph_down"


def test_who_waits_longest_is_next(neo4j_server: Neo4jChild) -> None:
    client, order = client_of(neo4j_server.uri, neo4j_server.auth, 1), []

    async def one(n: int) -> None:
        await ask_by(client, value=n)
        order.append(n)

    async def many() -> None:
        tasks = [asyncio.create_task(one(n)) for n in range(60)]
        for task in tasks[10:20]:
            await asyncio.sleep(0)
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert (await client.here()).open == 1  # type: ignore[union-attr]

    run(many())
    assert order == [n for n in range(60) if not 10 <= n < 20]


def test_nobody_waits_for_a_connection_for_ever(between: Between, neo4j_server: Neo4jChild) -> None:
    client = client_of(between.uri, neo4j_server.auth, 2)

    async def full() -> None:
        await ask_by(client, value=1)
        between.stalled = True
        busy = [asyncio.create_task(ask_by(client, value=1)) for _ in range(2)]
        await asyncio.sleep(0)
        with hastened(WAIT=0.2):
            assert await code_of(ask_by(client, value=2)) == "graph_slow"
        between.stalled = False
        assert all(await asyncio.gather(*busy)) and await ask_by(client, value=3)
        client.close(1.0)

    run(full())


def test_what_is_left_is_ended_by_the_server_too(graph_session: Graph, neo4j_server: Neo4jChild) -> None:
    client = client_of(neo4j_server.uri, neo4j_server.auth)

    async def left() -> None:
        task = asyncio.create_task(ask_by(client, f"/* left alone */ {LONG}", n=100_000))
        await running(graph_session, "left alone", 1)
        task.cancel()
        await running(graph_session, "left alone", 0)
        assert await ask_by(client, value=1)

    run(left())


def test_an_answer_over_the_bound_is_not_taken(neo4j_server: Neo4jChild, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "MOST_BYTES", 100_000)
    client = client_of(neo4j_server.uri, neo4j_server.auth)

    async def large() -> None:
        assert await code_of(ask_by(client, LARGE, n=200_000)) == "graph_refused"
        for _ in range(30):
            assert await ask_by(client, LARGE, n=2_000), "each answer is counted by itself"

    run(large())


def test_a_url_that_asks_for_routing_is_the_drivers(neo4j_server: Neo4jChild) -> None:
    graph = Graph.open(neo4j_server.uri.replace("bolt", "neo4j"), neo4j_server.auth)
    try:
        assert graph._client is None and run(ask(graph, value=1)) == [1]
    finally:
        graph.close()


# TLS, ended by the proxy


def certified(folder: Path, name: str) -> tuple[ssl.SSLContext, Path]:
    """A server's side of TLS with a certificate that signs itself, and the file that one must trust for it."""
    key, subject = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    trusted, both = folder / "trusted.pem", folder / "both.pem"
    trusted.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    both.write_bytes(trusted.read_bytes() + key.private_bytes(serialization.Encoding.PEM, *plain))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(both)
    return context, trusted


@pytest.mark.parametrize("reader", BOTH)
@pytest.mark.parametrize(
    ("scheme", "named", "trusted", "works"),
    [
        ("bolt+ssc", "elsewhere.example", False, True),
        ("bolt+s", "localhost", True, True),
        ("bolt+s", "localhost", False, False),
        ("bolt+s", "elsewhere.example", True, False),
        ("bolt", "localhost", True, False),
    ],
)
def test_who_the_server_is_matters_as_the_url_says(
    reader: str,
    neo4j_server: Neo4jChild,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    scheme: str,
    named: str,
    trusted: bool,
    works: bool,
) -> None:
    context, file = certified(tmp_path, named)
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(file))
    with Between(neo4j_server.port, tls=context) as proxy:
        uri = proxy.uri.replace("bolt://127.0.0.1", f"{scheme}://localhost")
        if not works:
            with pytest.raises(Unavailable) as caught:
                Graph.open(uri, neo4j_server.auth, reader=reader)
            assert caught.value.code == "graph_down"
            if reader == BOLT:
                assert run(code_of(ask_by(client_of(uri, neo4j_server.auth), value=1))) == "graph_down"
            return
        graph = Graph.open(uri, neo4j_server.auth, reader=reader)
        try:
            assert run(ask(graph, LARGE, n=50_000))[1] == "end"
        finally:
            graph.close()
        # What a loop that has ended left open would warn here, and warnings are errors.
        gc.collect()
