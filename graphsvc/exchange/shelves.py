"""Exported bundles as a TAXII collection holds them: each version of each object once, in the order in which they came.

A collection is a folder; each ``*.stix.json`` in it is a bundle. Files are read when they are new or have changed. An
object's version was added when the first file that has it was written, and order among those of one time is by id.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import Any
from uuid import UUID, uuid5

import msgspec

from graphsvc.model.errors import InvalidInput

_NAMES = UUID("7b6a0b53-9b3f-5a55-8a4c-3d8b1f9f2c11")
ENDING = ".stix.json"
MAX_FILE = 256 << 20
"""A bundle has at most so many bytes."""
OLDEST, NEWEST = "first", "last"


class _Bundle(msgspec.Struct):
    objects: list[dict[str, Any]] = []


@dataclass(frozen=True, slots=True)
class Kept:
    """One version of an object, and when it was added, RFC 3339 with microseconds."""

    id: str
    type: str
    version: str
    added: str
    object: Mapping[str, Any]

    @property
    def order(self) -> tuple[str, str, str]:
        """By what a collection is ordered."""
        return self.added, self.id, self.version


@dataclass(frozen=True, slots=True)
class Wanted:
    """Filters of TAXII: what all must hold. ``versions`` are ``first``, ``last``, ``all`` or times."""

    after: str = ""
    ids: frozenset[str] = frozenset()
    types: frozenset[str] = frozenset()
    specs: frozenset[str] = frozenset()
    versions: frozenset[str] = frozenset((NEWEST,))


@dataclass(slots=True)
class Shelf:
    """A collection."""

    folder: Path
    id: str = field(init=False)
    _seen: dict[Path, tuple[int, int]] = field(default_factory=dict)
    _kept: dict[tuple[str, str], Kept] = field(default_factory=dict)
    _sorted: list[Kept] = field(default_factory=list)
    _lock: Lock = field(default_factory=Lock)

    def __post_init__(self) -> None:
        if not self.folder.is_dir():
            raise InvalidInput("there is no such folder", code="no_folder", where=str(self.folder))
        self.id = str(uuid5(_NAMES, self.folder.resolve().name))

    @property
    def title(self) -> str:
        """The folder's name."""
        return self.folder.resolve().name

    def all(self) -> list[Kept]:
        """Every version of every object, in order. Raises InvalidInput for a file that is no bundle."""
        with self._lock:
            found = {path: (stat.st_mtime_ns, stat.st_size) for path in sorted(self.folder.glob(f"*{ENDING}"))
                     if (stat := path.stat())}  # fmt: skip
            if found != self._seen:
                self._kept = {}
                for path, (when, size) in sorted(found.items(), key=lambda one: (one[1][0], one[0])):
                    self._take(path, when, size)
                self._seen = found
                self._sorted = sorted(self._kept.values(), key=lambda one: one.order)
            return self._sorted

    def _take(self, path: Path, when: int, size: int) -> None:
        if size > MAX_FILE:
            raise InvalidInput("the bundle is too large to be served", code="too_large", where=path.name)
        try:
            bundle = msgspec.json.decode(path.read_bytes(), type=_Bundle)
        except msgspec.DecodeError:
            raise InvalidInput("this is no STIX bundle", code="bad_document", where=path.name) from None
        added = datetime.fromtimestamp(when // 1_000 / 1e6, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        for one in bundle.objects:
            name, kind = one.get("id"), one.get("type")
            if isinstance(name, str) and isinstance(kind, str):
                # What has no version of its own has the time at which it was added (TAXII 2.1, 3.4.1).
                version = one.get("modified") or one.get("created")
                known = next((v for (i, v) in self._kept if i == name), None) if version is None else None
                named = str(version or known or added)
                self._kept.setdefault((name, named), Kept(name, kind, named, added, one))

    def select(self, wanted: Wanted, start: tuple[str, str, str] | None = None) -> Iterator[Kept]:
        """The versions that ``wanted`` asks for, in order, beyond ``start``."""
        every = self.all()
        ends: dict[str, list[str]] = {}
        for one in every:
            ends.setdefault(one.id, []).append(one.version)
        for one in every:
            if start is not None and one.order <= start:
                continue
            if one.added <= wanted.after or (wanted.ids and one.id not in wanted.ids):
                continue
            if wanted.types and one.type not in wanted.types:
                continue
            if wanted.specs and str(one.object.get("spec_version", "2.1")) not in wanted.specs:
                continue
            if _is_wanted(one.version, ends[one.id], wanted.versions):
                yield one


def _is_wanted(version: str, versions: list[str], wanted: frozenset[str]) -> bool:
    return (
        "all" in wanted
        or version in wanted
        or (NEWEST in wanted and version == max(versions))
        or (OLDEST in wanted and version == min(versions))
    )
