"""The servers that storage tests run against, started privately and only where their programs are installed."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _postgres_programs() -> Path | None:
    places = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    return next((path for path in reversed(places) if (path / "initdb").exists()), None)


@contextmanager
def postgres(folder: Path) -> Iterator[str]:
    """A private cluster below ``folder``; the URL of its maintenance database. It refuses to run as root: not then."""
    programs = _postgres_programs()
    if programs is None:
        pytest.skip("no PostgreSQL server on this machine (Debian: apt-get install postgresql)")
    drop: list[str] = []
    if os.geteuid() == 0:
        if shutil.which("setpriv") is None:
            pytest.skip("PostgreSQL does not run as root, and setpriv is not here")
        drop = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
        # pytest's folders are for their owner only; the server runs as another.
        folder = Path("/tmp") / f"graphsvc-pg-{os.getpid()}"
        folder.mkdir(mode=0o700)
        shutil.chown(folder, "postgres")
    data, port = folder / "data", free_port()
    run = {"cwd": folder, "check": True, "capture_output": True}
    init = [f"{programs}/initdb", "-D", str(data), "-U", "postgres", "--auth=trust", "--no-sync", "-E", "UTF8"]
    subprocess.run([*drop, *init, "--locale=C.UTF-8"], **run)  # type: ignore[call-overload]
    options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1"
    start = [f"{programs}/pg_ctl", "-D", str(data), "-w", "-l", str(folder / "log"), "-o", options, "start"]
    subprocess.run([*drop, *start], cwd=folder, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield f"postgresql://postgres@127.0.0.1:{port}/postgres"
    finally:
        subprocess.run([*drop, f"{programs}/pg_ctl", "-D", str(data), "-m", "immediate", "stop"], **run)  # type: ignore[call-overload]
        shutil.rmtree(folder, ignore_errors=True)


def fresh_database(server: str, name: str) -> str:
    """A new empty database on a server; its URL."""
    engine = create_engine(server.replace("postgresql://", "postgresql+pg8000://"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    engine.dispose()
    return server.rpartition("/")[0] + "/" + name


@contextmanager
def object_store(folder: Path) -> Iterator[str]:
    """A private S3-compatible server (versitygw) on files below ``folder``; its URL. Credentials: see ``S3_LOGIN``."""
    go = Path(os.environ.get("GOBIN") or Path.home() / "go" / "bin") / "versitygw"
    program = shutil.which("versitygw") or (str(go) if go.exists() else None)
    if program is None:
        pytest.skip("no versitygw here (go install github.com/versity/versitygw/cmd/versitygw@v1.8.0)")
    (folder / "root").mkdir()
    port = free_port()
    login = {"ROOT_ACCESS_KEY": S3_LOGIN["AWS_ACCESS_KEY_ID"], "ROOT_SECRET_KEY": S3_LOGIN["AWS_SECRET_ACCESS_KEY"]}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [program, "--port", f"127.0.0.1:{port}", "posix", str(folder / "root")],
            env={**os.environ, **login},
            stdout=log,
            stderr=log,
        )
    try:
        _await_port(port)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(10)


S3_LOGIN = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test-secret",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}
"""The environment of an S3 client of :func:`object_store`."""


def _await_port(port: int, seconds: float = 15.0) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    pytest.fail("the object store did not start")
