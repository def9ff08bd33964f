"""The jars of Neo4j Community, fetched once into the user's cache directory and checked by hash at every use.

Neo4j is published as Maven artifacts. ``jars-5.26.30.txt`` beside this module is the resolved runtime class path of
``org.neo4j.assembly:neo4j-community-standalone:5.26.30``, one ``group:artifact:jar[:classifier]:version sha256:…`` a
line, so nothing is resolved here: each file is fetched by its coordinates through jgo and accepted only with its
hash. A mirror for ``central`` in the user's Maven settings is used; jars that Maven already holds are copied.

Every file is written under a temporary name and renamed, so two processes may fetch at once. What a crash leaves is
removed when it is a day old: until then another process may be fetching. After the first run no network is needed.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from graphsvc.model.errors import IntegrityError, Unavailable
from graphsvc.model.files import is_temporary, temporary

VERSION = "5.26.30"
"""The Neo4j release (long-term support) whose class path the list holds."""

_THREADS = 8
_TIMEOUT = 60
_NAMESPACE = "{*}"
_SCRATCH = "fetch-"
_ABANDONED = 86_400.0
"""Seconds after which nobody can be writing a file any more."""

Progress = Callable[[int, int], None]
"""Called as ``progress(done, total)``, counted in jars, from one thread at a time."""


@dataclass(frozen=True, slots=True)
class Jar:
    """One Maven artifact and the SHA-256 (hex) it must have."""

    group: str
    artifact: str
    classifier: str
    version: str
    sha256: str

    @property
    def filename(self) -> str:
        """The file's name as Maven gives it."""
        tail = f"-{self.classifier}" if self.classifier else ""
        return f"{self.artifact}-{self.version}{tail}.jar"


def jar_list() -> list[Jar]:
    """The class path of :data:`VERSION`, in the list's order."""
    lines = Path(__file__).with_name(f"jars-{VERSION}.txt").read_text(encoding="ascii").splitlines()
    return [_parse(line) for line in lines if line]


def user_cache(environment: Mapping[str, str] = os.environ) -> Path:
    """The user's cache directory for graphsvc, by the platform's custom; ``GRAPHSVC_CACHE`` wins."""
    if chosen := environment.get("GRAPHSVC_CACHE"):
        return Path(chosen)
    if sys.platform == "win32":
        return Path(environment.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "graphsvc" / "Cache"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "graphsvc"
    return Path(environment.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "graphsvc"


def fetch_jars(cache: Path | None = None, progress: Progress | None = None) -> list[Path]:
    """All jars of :data:`VERSION` on this machine, each one's hash checked; fetches what is missing.

    ``cache`` defaults to :func:`user_cache`. Raises Unavailable when a jar can't be fetched (no network, or the extra
    ``local`` is not installed) and IntegrityError when a fetched jar has another hash.
    """
    directory = (cache or user_cache()) / f"neo4j-{VERSION}"
    directory.mkdir(parents=True, exist_ok=True)
    _sweep(directory)
    jars = jar_list()
    with ThreadPoolExecutor(_THREADS) as pool:
        good = pool.map(lambda jar: _matches(directory / jar.filename, jar.sha256), jars)
        missing = [jar for jar, held in zip(jars, good, strict=True) if not held]
        if missing:
            _fetch(pool, directory, missing, progress)
    return [directory / jar.filename for jar in jars]


def _sweep(directory: Path) -> None:
    yesterday = time.time() - _ABANDONED
    for path in directory.iterdir():
        with suppress(OSError):
            if (is_temporary(path.name) or path.name.startswith(_SCRATCH)) and path.stat().st_mtime < yesterday:
                shutil.rmtree(path) if path.is_dir() else path.unlink()


def _fetch(pool: ThreadPoolExecutor, directory: Path, missing: list[Jar], progress: Progress | None) -> None:
    with tempfile.TemporaryDirectory(prefix=_SCRATCH, dir=directory) as scratch:
        context = _maven(Path(scratch))
        waiting = [pool.submit(_fetch_one, context, jar, directory) for jar in missing]
        try:
            for done, future in enumerate(as_completed(waiting), start=1):
                future.result()
                if progress is not None:
                    progress(done, len(missing))
        except BaseException:
            for future in waiting:
                future.cancel()
            # Wait for those in flight: they write into the scratch directory, which is removed next.
            for future in waiting:
                if not future.cancelled():
                    future.exception()
            raise


def _fetch_one(context: Any, jar: Jar, directory: Path) -> None:
    try:
        component = context.project(jar.group, jar.artifact).at_version(jar.version)
        source = Path(component.artifact(classifier=jar.classifier, packaging="jar").resolve())
    except Exception as error:  # jgo lets through whatever its HTTP library raises
        raise Unavailable(f"{jar.filename} can't be fetched: {type(error).__name__}", code="jars_missing") from error
    part = temporary(directory / jar.filename)
    shutil.copyfile(source, part)
    if not _matches(part, jar.sha256):
        part.unlink()
        raise IntegrityError(f"{jar.filename} came with another hash than the list's", code="jar_hash")
    part.replace(directory / jar.filename)


def _maven(scratch: Path) -> Any:
    try:
        from jgo.maven import MavenContext
    except ImportError:
        raise Unavailable("install graphsvc[local] to run a Neo4j of its own", code="local_missing") from None
    held = Path(os.environ.get("M2_REPO") or Path.home() / ".m2" / "repository")
    mirror = _mirror(Path.home() / ".m2" / "settings.xml")
    return MavenContext(
        repo_cache=scratch,
        local_repos=[held] if held.is_dir() else [],
        remote_repos={"central": mirror} if mirror else None,
        timeout=_TIMEOUT,
    )


def _mirror(settings: Path) -> str | None:
    """The address of a mirror for ``central`` in Maven's settings file, if one is set."""
    if not settings.is_file():
        return None
    root = ElementTree.parse(settings).getroot()  # noqa: S314 - the user's own file
    for mirror in root.iterfind(f".//{_NAMESPACE}mirror"):
        of = (mirror.findtext(f"{_NAMESPACE}mirrorOf") or "").replace(" ", "").split(",")
        address = (mirror.findtext(f"{_NAMESPACE}url") or "").strip().rstrip("/")
        if address and "!central" not in of and {"central", "*", "external:*"} & set(of):
            return address
    return None


def _parse(line: str) -> Jar:
    coordinates, _, digest = line.partition(" sha256:")
    group, artifact, _, *rest = coordinates.split(":")
    return Jar(group, artifact, rest[0] if len(rest) == 2 else "", rest[-1], digest)


def _matches(path: Path, sha256: str) -> bool:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == sha256
    except FileNotFoundError:
        return False
