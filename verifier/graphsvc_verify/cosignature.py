"""C2SP cosignatures (c2sp.org/tlog-cosignature): other parties' word that they saw a log grow to a checkpoint.

A witness signs ``cosignature/v1 ⏎ time <seconds> ⏎`` and the checkpoint's body with Ed25519; its line in the signed
note holds key id ‖ uint64 time ‖ signature. Its key is of type 0x04, so a log's own signature never counts as one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar

from graphsvc_verify.ed25519 import check_public_key, verify_signature
from graphsvc_verify.errors import VerifyError
from graphsvc_verify.note import NoteKey, parse_key, signature_line, split_note

_LATEST = 253_402_300_799
"""The last second of the year 9999."""


@dataclass(frozen=True, slots=True)
class WitnessKey(NoteKey):
    """A witness's verifier key."""

    ALGORITHM: ClassVar[bytes] = b"\x04"


@dataclass(frozen=True, slots=True)
class Cosignature:
    """That the witness ``name`` saw the checkpoint at ``time`` (UTC)."""

    name: str
    time: datetime


def parse_witness(vkey: str) -> WitnessKey:
    """The witness behind a verifier key text. Raises VerifyError ``bad_vkey`` or ``bad_key``."""
    key = parse_key(vkey, WitnessKey)
    check_public_key(key.public)
    return key


def cosigned_message(time: int, body: str) -> bytes:
    """What a witness signs; ``time`` is seconds since 1970, ``body`` a checkpoint's with its last newline."""
    return f"cosignature/v1\ntime {time}\n{body}".encode()


def cosignature_line(key: WitnessKey, time: int, signature: bytes) -> str:
    """The signature line of a raw Ed25519 signature over :func:`cosigned_message`."""
    return signature_line(key, time.to_bytes(8, "big") + signature)


def read_cosignatures(note: str, witnesses: Sequence[WitnessKey]) -> tuple[Cosignature, ...]:
    """The cosignatures of ``witnesses`` on a checkpoint, at most one each; lines of others are passed over.

    Raises VerifyError ``bad_note``, or ``bad_signature`` for a line under a witness's key that does not hold.
    """
    body, lines = split_note(note)
    known = {(key.name, key.id): key for key in witnesses}
    found: dict[str, Cosignature] = {}
    for name, identifier, data in lines:
        key = known.get((name, identifier))
        if key is None:
            continue
        if len(data) != 8 + 64:
            raise VerifyError("bad_signature", "a cosignature is a time and 64 bytes")
        time = int.from_bytes(data[:8], "big")
        verify_signature(key.public, data[8:], cosigned_message(time, body))
        if not 0 < time <= _LATEST:
            raise VerifyError("bad_signature", "a cosignature's time is out of range")
        found[name] = Cosignature(name, datetime.fromtimestamp(time, UTC))
    return tuple(sorted(found.values(), key=lambda one: one.time))


def parse_witnesses(value: Any) -> tuple[tuple[WitnessKey, ...], int]:
    """Witnesses and how many of them are needed, from ``{needed, keys}`` or None.

    Raises VerifyError ``bad_trust``: a name or a key that is there twice would let one party count as two.
    """
    if value is None:
        return (), 0
    if not isinstance(value, Mapping) or set(value) != {"needed", "keys"} or not isinstance(value["keys"], list):
        raise VerifyError("bad_trust", "witnesses are {needed, keys}")
    keys = tuple(parse_witness(str(text)) for text in value["keys"])
    if len({key.name for key in keys}) != len(keys) or len({key.public for key in keys}) != len(keys):
        raise VerifyError("bad_trust", "one witness is named twice")
    needed = value["needed"]
    if type(needed) is not int or not 0 <= needed <= len(keys):
        raise VerifyError("bad_trust", "as many witnesses are needed as there are, at most")
    return keys, needed
