"""Pinned checkpoints of the log, known from elsewhere: a ledger that does not extend all of them is a fork.

They lie below the ledger's directory, one signed note per file, put there by a restore or by an operator who got one
from a witness or a client; every start checks all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from graphsvc.model.errors import IntegrityError
from graphsvc.model.files import write_durably
from graphsvc_verify.canonical import digest
from graphsvc_verify.errors import VerifyError
from graphsvc_verify.note import NoteKey, verify_checkpoint


def pin(directory: Path, notes: Iterable[str]) -> None:
    """Keep signed notes below a ledger's directory, durably. Raises OSError."""
    for note in notes:
        write_durably(
            directory / "pinned" / f"{digest(note.encode()).removeprefix('sha256:')[:16]}.note", note.encode()
        )


def check_pinned(directory: Path, size: int, root: Callable[[int], bytes], key: NoteKey) -> None:
    """Check a ledger of ``size`` entries against all notes kept; ``root(n)`` is the root of its first n entries.

    Raises IntegrityError when a note is not of this log, is ahead of the ledger, or is of another tree.
    """
    for path in sorted((directory / "pinned").glob("*.note")):
        try:
            known = verify_checkpoint(path.read_text(encoding="utf-8"), key)
        except (VerifyError, UnicodeDecodeError):
            raise IntegrityError("a pinned checkpoint is not of this log", code="fork", where=path.name) from None
        if known.size > size:
            raise IntegrityError(
                f"the ledger has {size} entries, a checkpoint of {known.size} is known: a restored backup is a fork",
                code="fork",
            )
        if root(known.size) != known.root:
            raise IntegrityError("the ledger's tree is not the one of a checkpoint that is known", code="fork")
