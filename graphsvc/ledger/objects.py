"""Where sealed payloads lie: objects addressed by the digest of their bytes, in files or in an S3-compatible store."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from graphsvc.model.errors import IntegrityError
from graphsvc.model.files import sweep, sync_directory, write_durably
from graphsvc_verify.canonical import digest

_PREFIX = "sha256:"


class PayloadStore(ABC):
    """Objects by digest. Thread-safe."""

    @abstractmethod
    def put(self, data: bytes) -> str:
        """Store ``data`` durably and return its digest; storing it again changes nothing.

        Raises OSError (no room, I/O error, no answer) with nothing left behind under the digest.
        """

    @abstractmethod
    def remove(self, name: str) -> None:
        """Remove what nothing refers to; fine when it is absent."""

    @abstractmethod
    def names(self) -> Iterator[str]:
        """The digests of all objects, in no order."""

    @abstractmethod
    def sweep(self) -> None:
        """Remove what killed processes left half written. Only safe while no other process writes here."""

    @abstractmethod
    def _read(self, name: str) -> bytes | None: ...

    def get(self, name: str) -> bytes:
        """The bytes behind a digest; raises IntegrityError when absent or altered."""
        data = self._read(name)
        if data is None:
            raise IntegrityError("a payload object is missing", where=name)
        if digest(data) != name:
            raise IntegrityError("a payload object was altered", where=name)
        return data

    @contextmanager
    def or_removed(self, names: list[str]) -> Iterator[None]:
        """Remove the objects in ``names`` if the ``with`` block fails, also those that the block has added to it."""
        try:
            yield
        except BaseException:
            for name in names:
                self.remove(name)
            raise


class FilePayloadStore(PayloadStore):
    """Files below one directory."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)

    def put(self, data: bytes) -> str:
        """Write under a temporary name, sync, rename, and sync the directory."""
        name = digest(data)
        target = self._path(name)
        if target.exists():
            return name
        if not target.parent.exists():
            target.parent.mkdir(exist_ok=True, mode=0o700)
            sync_directory(self._directory)
        write_durably(target, data)
        return name

    def remove(self, name: str) -> None:
        """Unlink the file."""
        self._path(name).unlink(missing_ok=True)

    def names(self) -> Iterator[str]:
        """The digests of all files; half-written ones have names of another form."""
        for folder in self._directory.iterdir():
            for path in folder.iterdir() if folder.is_dir() else ():
                if len(path.name) == 64:
                    yield _PREFIX + path.name

    def sweep(self) -> None:
        """Remove temporary files."""
        sweep(self._directory)

    def _read(self, name: str) -> bytes | None:
        try:
            return self._path(name).read_bytes()
        except FileNotFoundError:
            return None

    def _path(self, name: str) -> Path:
        plain = name.removeprefix(_PREFIX)
        return self._directory / plain[:2] / plain
