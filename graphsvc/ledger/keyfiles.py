"""Secret keys in files: created once, readable by the owner only, durable before they are used."""

from __future__ import annotations

import os
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from graphsvc.model.errors import IntegrityError
from graphsvc.model.files import write_durably

SECRET = 32
"""Bytes of a secret key."""
HANDLES_KEY = "keys/handles.key"
"""Path, in the state directory, of the secret from which handles, marks and lots are derived."""


def secret(path: Path, create: bool) -> bytes:
    """The 32 secret bytes in ``path``; with ``create``, made when missing: only where nothing depends on them yet.

    Raises IntegrityError ``key_file`` when they are missing, or not 32 bytes; OSError.
    """
    if create and not path.exists():
        write_durably(path, os.urandom(SECRET))
    try:
        found = path.read_bytes()
    except FileNotFoundError:
        found = None
    if found is None or len(found) != SECRET:
        seen = "is missing" if found is None else f"has {len(found)} bytes, not {SECRET}"
        raise IntegrityError(
            f"a key file {seen}; put it back from the file of secrets: a new key would not fit what is stored",
            code="key_file",
            where=str(path),
        )
    return found


def signing_key(path: Path, create: bool) -> Ed25519PrivateKey:
    """The Ed25519 key whose secret is in ``path``; see :func:`secret`."""
    return Ed25519PrivateKey.from_private_bytes(secret(path, create))
