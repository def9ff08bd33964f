r"""Files of a backup, sealed as a stream in bounded memory: chunks that are reordered or missing are detected.

Form::

    "graphsvc sealed 1\n" ‖ month (7 ASCII bytes) ‖ salt (16 bytes) ‖ chunks

    chunk i = AES-256-GCM(key, 1 MiB of the file; the last one has the rest, which may be nothing)
    nonce   = uint64 i ‖ 00 00 00 ‖ (01 for the last chunk, else 00);  associated data = all before the chunks
    key     = HKDF-SHA256(key-encryption key of the month, salt, "graphsvc backup v1|" ‖ what the file holds)

After Hoang, Reyhanitabar, Rogaway, Vizár, "Online Authenticated-Encryption and its Nonce-Reuse Misuse-Resistance"
(STREAM): no chunk can be moved, left out or taken from another file, and no file can be cut off.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from graphsvc.model.errors import IntegrityError
from graphsvc.model.files import publish, temporary

MAGIC = b"graphsvc sealed 1\n"
CHUNK = 1 << 20
_MONTH, _SALT, _TAG = 7, 16, 16


def seal_file(source: BinaryIO, target: Path, what: str, keks: Mapping[str, bytes]) -> None:
    """Write ``source`` sealed under the newest of ``keks`` (month → key) to ``target``, durably. Raises OSError."""
    month = max(keks)
    head = MAGIC + month.encode() + os.urandom(_SALT)
    cipher = _cipher(keks[month], head, what)
    part = temporary(target)
    try:
        with _private(part) as file:
            file.write(head)
            number, chunk = 0, source.read(CHUNK)
            while True:
                following = source.read(CHUNK) if len(chunk) == CHUNK else b""
                file.write(cipher.encrypt(_nonce(number, last=not following), chunk, head))
                if not following:
                    break
                number, chunk = number + 1, following
        publish(part, target)
    finally:
        part.unlink(missing_ok=True)


def unseal_file(source: Path, target: Path, what: str, keks: Mapping[str, bytes]) -> None:
    """Write what is sealed in ``source`` into the new file ``target``, mode 0600.

    Raises IntegrityError when it is no sealed file, or (``secrets``) when no key of ``keks`` opens it or it was altered
    or cut off; OSError. After an error ``target`` is incomplete and must not be used.
    """
    with source.open("rb") as file, _private(target) as plain:
        head = file.read(len(MAGIC) + _MONTH + _SALT)
        if not head.startswith(MAGIC) or len(head) != len(MAGIC) + _MONTH + _SALT:
            raise IntegrityError("this is no sealed file of a backup", where=source.name)
        month = head[len(MAGIC) : -_SALT].decode("ascii", "replace")
        if month not in keks:
            raise other_secrets()
        cipher = _cipher(keks[month], head, what)
        number, chunk = 0, file.read(CHUNK + _TAG)
        while True:
            following = file.read(CHUNK + _TAG)
            try:
                plain.write(cipher.decrypt(_nonce(number, last=not following), chunk, head))
            except InvalidTag:
                if not number and following:
                    # The first chunk is not cut off: altered, or under another key, which can't be told apart.
                    raise other_secrets() from None
                message = "the backup was altered or cut off, or these secrets are of another service"
                raise IntegrityError(message, code="secrets", where=source.name) from None
            if not following:
                break
            number, chunk = number + 1, following
        plain.flush()
        os.fsync(plain.fileno())


def other_secrets() -> IntegrityError:
    """The error for a file of secrets that does not open a backup."""
    message = "these secrets don't open this backup: they are of another month or another service"
    return IntegrityError(message, code="secrets")


def _private(path: Path) -> BinaryIO:
    """A new file that its owner alone may read."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")


def _nonce(number: int, *, last: bool) -> bytes:
    return number.to_bytes(8, "big") + bytes((0, 0, 0, last))


def _cipher(kek: bytes, head: bytes, what: str) -> AESGCM:
    info = b"graphsvc backup v1|" + what.encode()
    return AESGCM(HKDF(algorithm=SHA256(), length=32, salt=head[-_SALT:], info=info).derive(kek))
