"""``graphsvc up`` as a process of its own that can be killed, and what is left in its state directory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any

import httpx2
import msgspec
import pyarrow.parquet as pq
from neo4j import GraphDatabase

from graphsvc.client import Client, ClientCredentials
from graphsvc.demo.cast import CLIENTS
from graphsvc.local.run import LocalService
from graphsvc_verify.canonical import b64u
from graphsvc_verify.trust import Trust, parse_trust

ROOT = Path(__file__).parents[2]
_BITS = 28
_COUNTS = """
MATCH (n:Record) WHERE n.id >= $low AND n.id < $high
OPTIONAL MATCH (n)-[x:ABOUT]->() WITH count(DISTINCT n) AS nodes, count(DISTINCT n.id) AS records, count(x) AS about
OPTIONAL MATCH ()-[c:CLAIM]->() WHERE c.rec >= $low AND c.rec < $high
RETURN nodes, records, about, count(c) AS claims, count(DISTINCT c.rec) AS claimed"""


def environment() -> dict[str, str]:
    """This environment without settings of the service, and with the checkout in Python's path."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("GRAPHSVC_")}
    paths = [str(ROOT), str(ROOT / "verifier"), plain.get("PYTHONPATH", "")]
    return {**plain, "PYTHONPATH": os.pathsep.join(filter(None, paths))}


def until(what: Callable[[], Any], message: str, seconds: float = 60.0) -> Any:
    """The first true value of ``what``; fails with ``message`` when there is none in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if value := what():
            return value
        time.sleep(0.01)
    raise AssertionError(message)


def wait_ready(url: str, seconds: float = 400.0) -> None:
    """Return when a service says that it is ready: just after its start it has Neo4j plan ahead."""
    asked = f"{url}/health/ready"
    until(lambda: httpx2.get(asked).status_code == 200 or time.sleep(0.2), "the service is not ready", seconds)


def launch(data: Path, said: IO[str] | None = None, files: int = 0, **variables: str) -> subprocess.Popen[str]:
    """``graphsvc up`` on a state directory, not waited for; what it says of errors goes to ``said``."""
    (data / "dev").mkdir(parents=True, exist_ok=True)
    (data / "dev" / "people.json").write_bytes(msgspec.json.encode(list(CLIENTS)))
    command = [sys.executable, "-m", "graphsvc", "up", "--data", str(data), "--port", "0", "--json"]
    if files:
        command = ["sh", "-c", f'ulimit -n {files} && exec "$@"', "sh", *command]
    variables = {**environment(), **variables}
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=said, env=variables, text=True)


class Up:
    """A service process on a state directory. Its tokens are good as long as it lives.

    ``settings`` are environment variables; ``files`` is how many files it may open, 0: as many as we. What it says of
    errors goes to ``said``; one that does not start within ``seconds`` is killed.
    """

    def __init__(
        self,
        data: Path,
        roots: dict[str, bytes],
        settings: Mapping[str, str] | None = None,
        files: int = 0,
        said: IO[str] | None = None,
        seconds: float = 600.0,
    ) -> None:
        self._process = launch(data, said, files, **(settings or {}))
        assert self._process.stdout is not None
        watchdog = threading.Timer(seconds, self._process.kill)
        watchdog.start()
        first = self._process.stdout.readline()
        watchdog.cancel()
        assert first, "the service did not start"
        told = json.loads(first)
        clients = data / "dev" / "clients.json"
        self.service = LocalService(told["url"], told["identity"], clients, told["origin"], told["log"], data)
        self._roots = roots

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def neo4j_pid(self) -> int:
        return int((self.service.data / "neo4j" / "run" / "pid").read_text())

    def kill(self) -> None:
        """SIGKILL, as by an operator in a hurry or a machine without memory; returns when the process is gone."""
        self._process.kill()
        self._process.wait()
        self._close()

    def stop(self) -> None:
        """End the service as Ctrl-C would; fine when it was killed."""
        if self._process.poll() is None:
            self._process.terminate()
            assert self._process.wait(90) == 0
        self._close()

    def _close(self) -> None:
        assert self._process.stdout is not None
        self._process.stdout.close()

    def trust(self) -> Trust:
        roots = {org: b64u(root) for org, root in self._roots.items()}
        log = {"origin": self.service.origin, "log": self.service.log_vkey}
        return parse_trust({"v": 1, **log, "organisations": roots, "checkpoint": None})

    def token(self, name: str) -> str:
        return self._tokens(name)()

    def client(self, name: str, timeout: float = 60.0) -> Client:
        return Client(self.service.url, self._tokens(name), self.trust(), timeout=timeout)

    def get(self, path: str) -> httpx2.Response:
        return httpx2.get(f"{self.service.url}{path}", timeout=30).raise_for_status()

    def graph(self, statement: str, **parameters: Any) -> list[Any]:
        """The only row of a question to the service's own Neo4j."""
        home = self.service.data / "neo4j"
        conf = (home / "conf" / "neo4j.conf").read_text()
        port = next(line for line in conf.splitlines() if line.startswith("server.bolt.listen_address")).rpartition(
            ":"
        )[2]
        with GraphDatabase.driver(
            f"bolt://127.0.0.1:{port}", auth=("neo4j", (home / "password").read_text())
        ) as driver:
            return list(driver.execute_query(statement, parameters).records[0].values())

    def counts(self, index: int) -> dict[str, int]:
        """What the graph holds of one submission: nodes, distinct records, ABOUT, CLAIM and records with a claim."""
        names = ("nodes", "records", "about", "claims", "claimed")
        values = self.graph(_COUNTS, low=index << _BITS, high=(index + 1) << _BITS)
        return dict(zip(names, values, strict=True))

    def _tokens(self, name: str) -> ClientCredentials:
        known = json.loads(self.service.clients_file.read_text())["clients"]
        secret = next(entry["clientSecret"] for entry in known if entry["clientId"] == name)
        return ClientCredentials(f"{self.service.identity_url}/token", name, secret)


def parts_of(data: Path, index: int) -> list[Path]:
    """The Parquet parts of one submission, by batch."""
    return sorted((data / "columns").glob(f"claims-{index:012d}-*.parquet"))


def records_in_columns(data: Path, index: int) -> list[int]:
    """The record of every claim of one submission in the columns, sorted."""
    return sorted(rec for part in parts_of(data, index) for rec in pq.read_table(part).column("rec").to_pylist())


def server_runs(pid: int, home: Path) -> bool:
    """Whether ``pid`` is alive and is a Neo4j on ``home``."""
    try:
        return str(home).encode() in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
