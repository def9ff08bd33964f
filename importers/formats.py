"""What an importer says of itself, and the registry where all of them are found.

An importer is a module with one :class:`Format`. It is found by an entry point of the group ``graphsvc.importers``, so
a package of somebody else adds one by naming it there. Nothing is read until a body is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import entry_points
from types import MappingProxyType
from typing import BinaryIO, Literal, Protocol

from graphsvc.model.drafts import Defaults, Draft, RowProblem
from graphsvc.model.errors import InvalidInput
from importers.rows import Readable, Row
from importers.rules import Mapping as TableMapping

GROUP = "graphsvc.importers"
"""The entry points' group; an entry point's name is the format's name."""
HEAD = 1 << 16
"""Bytes of a file's beginning that a format is recognised by."""

Salt = Callable[[int], bytes] | None
Found = Iterator[tuple[int, Draft | RowProblem | None]]


class Importer(Protocol):
    """Makes drafts of the rows of one body.

    ``defaults`` apply where row and manifest say nothing else. ``charset`` is how the text was read. ``losses`` counts
    what the rows read so far say and the model can't hold, by what it is.
    """

    defaults: Defaults
    charset: str
    losses: Counter[str]

    def drafts(self, rows: Iterable[Row]) -> Found:
        """For every row its number and its draft, its problem, or None (header, blank line, nothing to draw on)."""
        ...


@dataclass(frozen=True, slots=True)
class Format:
    """One format: how it is recognised, cut into rows and read, and what of it is lost.

    ``recognises`` gets the first :data:`HEAD` bytes of a file and its name's ending in lower case. ``cut`` reads a body
    from its start, by ``read`` alone, and gives the same rows whatever the mapping is: client and service commit to
    them. ``open`` gets the checked mapping, if there is one, and the body, seekable and at its start, where it leaves
    it. ``row``, ``read`` and ``lost`` are sentences for ``docs/formats-read.md``.
    """

    name: str
    title: str
    media_type: str
    endings: tuple[str, ...]
    mapping: Literal["needed", "possible", "none"]
    recognises: Callable[[bytes, str], bool]
    cut: Callable[[Readable, int, Salt], Iterator[Row]]
    open: Callable[[TableMapping | None, BinaryIO], Importer]
    row: str
    read: tuple[str, ...]
    lost: tuple[str, ...]
    lines: bool = False
    """Whether a row is a piece of the file as it stands, so that rows can be written to another file of the form."""
    rank: int = 0
    """Where several formats recognise a file, the highest rank wins: the more a format asks of a file, the higher."""


@lru_cache(maxsize=1)
def formats() -> Mapping[str, Format]:
    """All formats by name, those of other packages too. Raises InvalidInput where two have a name or media type."""
    found: dict[str, Format] = {}
    types: dict[str, str] = {}
    for point in sorted(entry_points(group=GROUP), key=lambda point: (point.name, point.value)):
        try:
            made = point.load()
        except Exception as error:  # another package's fault, whatever it is, must be told as such
            message = (
                f"the importer {point.name} ({point.value}) can't be loaded ({type(error).__name__}): uninstall it"
            )
            raise InvalidInput(message, code="bad_importer", where=GROUP) from error
        if not isinstance(made, Format) or made.name != point.name:
            message = f"the importer {point.name} ({point.value}) is no Format of that name: correct its package"
            raise InvalidInput(message, code="bad_importer", where=GROUP)
        other = point.name if point.name in found else types.get(made.media_type)
        if other is not None:
            message = f"two importers read {made.media_type} or are named {point.name}: uninstall one"
            raise InvalidInput(message, code="bad_importer", where=GROUP)
        found[made.name] = made
        types[made.media_type] = made.name
    return MappingProxyType(found)


def format_of(media_type: str) -> Format:
    """The format of a media type, whatever its parameters. Raises InvalidInput for a media type that none reads."""
    wanted = media_type.partition(";")[0].strip().lower()
    for one in formats().values():
        if one.media_type == wanted:
            return one
    known = ", ".join(sorted(one.media_type for one in formats().values()))
    raise InvalidInput(f"the media type is one of {known}", code="unknown_media_type", where="mediaType")


def recognise(head: bytes, name: str) -> Format:
    """The format of a file by its first :data:`HEAD` bytes and its name. Raises InvalidInput where none fits."""
    ending = name[name.rfind(".") :].lower() if "." in name else ""
    fitting = [one for one in formats().values() if one.recognises(head, ending)]
    if not fitting:
        known = ", ".join(sorted({ending for one in formats().values() for ending in one.endings}))
        message = f"no importer knows this file by its content; those there are read {known}"
        raise InvalidInput(message, code="unknown_format", where="file")
    return max(fitting, key=lambda one: one.rank)
