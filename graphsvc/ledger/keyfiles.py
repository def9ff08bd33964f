"""Secret keys in files: created once, readable by the owner only, durable before they are used."""

from __future__ import annotations

import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

HANDLES_KEY = "keys/handles.key"
"""Where in the state directory the secret lies that handles, marks and lots are drawn under."""

_SIDE_BY_SIDE = 8


def write_durably(path: Path, data: bytes, mode: int = 0o600) -> None:
    """Put ``data`` under ``path`` so that after a crash there is either all of it or what was there before.

    Raises OSError with no half file left under ``path``.
    """
    _put(path, data, mode)
    sync_directory(path.parent)


def write_together(files: Mapping[Path, bytes], mode: int) -> None:
    """The same for many files, in no order. Flushed side by side, for then the file system commits them together.

    Raises OSError; some of the files may be there then, each whole.
    """
    with ThreadPoolExecutor(_SIDE_BY_SIDE) as pool:
        for done in [pool.submit(_put, path, data, mode) for path, data in files.items()]:
            done.result()
    for directory in {path.parent for path in files}:
        sync_directory(directory)


def _put(path: Path, data: bytes, mode: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700 if mode == 0o600 else 0o755)
    temporary = path.with_name(f".{path.name}.{os.urandom(4).hex()}.tmp")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.rename(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def sync_directory(directory: Path) -> None:
    """Make a directory's entries durable. Raises OSError."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def secret_of(path: Path) -> bytes:
    """32 bytes from a file that is made at first. Raises OSError."""
    if not path.exists():
        write_durably(path, os.urandom(32))
    return path.read_bytes()


def signing_key(path: Path, create: bool) -> Ed25519PrivateKey:
    """The Ed25519 key in ``path`` (32 raw bytes); made anew if absent and ``create``. Raises OSError, ValueError."""
    if create and not path.exists():
        write_durably(path, os.urandom(32))
    return Ed25519PrivateKey.from_private_bytes(path.read_bytes())
