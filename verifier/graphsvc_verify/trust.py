"""What a verifier pins outside the service: log key, organisations' root keys, perhaps witnesses and a checkpoint."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cryptography.x509 import Certificate

from graphsvc_verify.canonical import unb64u
from graphsvc_verify.cosignature import Cosignature, WitnessKey, parse_witnesses, read_cosignatures
from graphsvc_verify.ed25519 import check_public_key
from graphsvc_verify.errors import VerifyError
from graphsvc_verify.note import Checkpoint, NoteKey, parse_vkey, verify_checkpoint
from graphsvc_verify.timestamp import parse_certificates


@dataclass(frozen=True, slots=True)
class Trust:
    """Pinned keys. ``organisations`` maps slugs to raw root public keys; ``checkpoint`` was seen earlier, or None.

    Of the ``witnesses``, ``needed`` must have cosigned a checkpoint that evidence rests on. ``authorities`` are
    certificates of time-stamping authorities, or of who issued theirs.
    """

    origin: str
    log: NoteKey
    organisations: Mapping[str, bytes]
    checkpoint: Checkpoint | None = None
    witnesses: tuple[WitnessKey, ...] = ()
    needed: int = 0
    authorities: tuple[Certificate, ...] = ()


def check_witnessed(checkpoint: Checkpoint, trust: Trust) -> tuple[Cosignature, ...]:
    """The cosignatures of pinned witnesses on a checkpoint, oldest first.

    Raises VerifyError ``not_witnessed`` when there are fewer than needed, ``bad_signature`` when one does not hold.
    """
    found = read_cosignatures(checkpoint.note, trust.witnesses)
    if len(found) < trust.needed:
        raise VerifyError(
            "not_witnessed", f"{len(found)} pinned witnesses signed the checkpoint, {trust.needed} needed"
        )
    return found


def parse_trust(value: Any) -> Trust:
    """Trust from the value of a trust file. Raises VerifyError ``bad_trust`` and what its keys raise."""
    if not isinstance(value, dict) or value.get("v") != 1 or not isinstance(value.get("organisations"), dict):
        raise VerifyError("bad_trust", "not a trust file of version 1")
    key = parse_vkey(str(value.get("log")))
    if value.get("origin") != key.name:
        raise VerifyError("bad_trust", "origin and log key are of different logs")
    roots = {str(org): unb64u(str(text), 32) for org, text in value["organisations"].items()}
    for public in roots.values():
        check_public_key(public)
    note = value.get("checkpoint")
    pinned = None if note is None else verify_checkpoint(str(note), key)
    stamping = value.get("timestamping") or []
    if not isinstance(stamping, list):
        raise VerifyError("bad_trust", "timestamping is a list of certificates")
    authorities = parse_certificates([unb64u(str(text)) for text in stamping])
    return Trust(key.name, key, roots, pinned, *parse_witnesses(value.get("witnesses")), authorities)
