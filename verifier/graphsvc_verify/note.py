"""C2SP signed notes and checkpoints (c2sp.org/signed-note, c2sp.org/tlog-checkpoint): parsing and checking.

Only Ed25519 note signatures (type 0x01) are checked here; signatures of unknown keys are passed over, as the
specification asks.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass
from typing import ClassVar, TypeVar

from graphsvc_verify.ed25519 import verify_signature
from graphsvc_verify.errors import VerifyError

_DASH = "— "
MAX_NOTE = 100_000


@dataclass(frozen=True, slots=True)
class NoteKey:
    """A note verifier key: name and raw Ed25519 public key (32 bytes)."""

    name: str
    public: bytes
    ALGORITHM: ClassVar[bytes] = b"\x01"
    """The signature type of C2SP signed-note: a key of one type never counts as one of another."""

    @property
    def id(self) -> bytes:
        """The 4-byte key id: SHA-256(name ‖ 0x0A ‖ type ‖ public key)[:4]."""
        return hashlib.sha256(self.name.encode() + b"\n" + self.ALGORITHM + self.public).digest()[:4]

    @property
    def vkey(self) -> str:
        """``name+id+key``, the text form that verifiers pin."""
        return f"{self.name}+{self.id.hex()}+{_b64(self.ALGORITHM + self.public)}"


K = TypeVar("K", bound=NoteKey)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A tree head: log origin, number of leaves, root (32 bytes) and the signed note that it came in."""

    origin: str
    size: int
    root: bytes
    note: str


def parse_vkey(vkey: str) -> NoteKey:
    """The key behind a log's verifier key text. Raises VerifyError ``bad_vkey``."""
    return parse_key(vkey, NoteKey)


def parse_key(vkey: str, kind: type[K]) -> K:
    """The key of a kind behind a verifier key text. Raises VerifyError ``bad_vkey``, also for one of another type."""
    name, _, rest = vkey.partition("+")
    identifier, _, encoded = rest.partition("+")
    data = _unb64(encoded, "bad_vkey")
    if len(data) != 33 or data[:1] != kind.ALGORITHM or not is_name(name):
        raise VerifyError("bad_vkey", f"not an Ed25519 verifier key of type 0x{kind.ALGORITHM.hex()}")
    key = kind(name, data[1:])
    if key.id.hex() != identifier:
        raise VerifyError("bad_vkey", "the key id does not fit name and key")
    return key


def checkpoint_body(origin: str, size: int, root: bytes) -> str:
    """The text that a log signs: origin, size, root, one a line."""
    return f"{origin}\n{size}\n{_b64(root)}\n"


def signature_line(key: NoteKey, signature: bytes) -> str:
    """A note's signature line; ``signature`` is what follows the key id, by the key's type."""
    return f"{_DASH}{key.name} {_b64(key.id + signature)}\n"


def verify_checkpoint(note: str, key: NoteKey) -> Checkpoint:
    """Check the log's own signature on a checkpoint and parse it. Raises VerifyError ``bad_note``/``bad_signature``."""
    body, signatures = split_note(note)
    checked = 0
    for name, identifier, signature in signatures:
        if name == key.name and identifier == key.id:
            verify_signature(key.public, signature, body.encode())
            checked += 1
    if checked != 1:
        raise VerifyError("bad_note", "the checkpoint needs exactly one signature of the pinned log key")
    checkpoint = parse_checkpoint(body, note)
    if checkpoint.origin != key.name:
        raise VerifyError("bad_note", "the checkpoint is of another log")
    return checkpoint


def split_note(note: str) -> tuple[str, list[tuple[str, bytes, bytes]]]:
    """A note's body (with its last newline) and its signatures as (name, key id, signature). Raises VerifyError."""
    if len(note) > MAX_NOTE or any(ord(sign) < 32 and sign != "\n" for sign in note):
        raise VerifyError("bad_note", "a note is too long or holds control characters")
    body, gap, tail = note.rpartition("\n\n")
    if not gap or not tail.endswith("\n"):
        raise VerifyError("bad_note", "a note is text, an empty line and signature lines")
    signatures = []
    for line in tail[:-1].split("\n"):
        name, _, encoded = line.removeprefix(_DASH).partition(" ")
        data = _unb64(encoded, "bad_note")
        if not line.startswith(_DASH) or not is_name(name) or len(data) < 5:
            raise VerifyError("bad_note", "a signature line is malformed")
        signatures.append((name, data[:4], data[4:]))
    return body + "\n", signatures


def parse_checkpoint(body: str, note: str) -> Checkpoint:
    """The checkpoint in a note's body. Raises VerifyError ``bad_note``."""
    lines = body.split("\n")
    if len(lines) < 4 or not lines[0]:
        raise VerifyError("bad_note", "a checkpoint has at least three lines")
    size, root = lines[1], _unb64(lines[2], "bad_note")
    if not is_number(size) or len(root) != 32:
        raise VerifyError("bad_note", "a checkpoint's size or root is malformed")
    return Checkpoint(lines[0], int(size), root, note)


def is_number(text: str) -> bool:
    """Whether ``text`` is a decimal number below 2^63 without leading zeros."""
    return len(text) < 19 and text.isascii() and text.isdigit() and (text == "0" or text[0] != "0")


def is_name(name: str) -> bool:
    """Whether a key may have this name: no blanks, no plus sign."""
    return bool(name) and "+" not in name and not any(sign.isspace() for sign in name)


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _unb64(text: str, code: str) -> bytes:
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise VerifyError(code, "not standard base64") from None
    if _b64(data) != text:
        raise VerifyError(code, "not the canonical base64 spelling")
    return data
