"""C2SP tlog-proof (c2sp.org/tlog-proof): an inclusion proof with its checkpoint, as text."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass

from graphsvc_verify.errors import VerifyError
from graphsvc_verify.merkle import leaf_hash, verify_inclusion
from graphsvc_verify.note import Checkpoint, NoteKey, is_number, verify_checkpoint

HEADER = "c2sp.org/tlog-proof@v1\n"


@dataclass(frozen=True, slots=True)
class Proof:
    """A parsed proof: the leaf's index, the path's hashes from the leaf upward, the checkpoint's signed note."""

    index: int
    path: list[bytes]
    note: str


def format_proof(index: int, path: Sequence[bytes], note: str) -> str:
    """The proof as text."""
    steps = "".join(base64.b64encode(step).decode("ascii") + "\n" for step in path)
    return f"{HEADER}index {index}\n{steps}\n{note}"


def parse_proof(text: str) -> Proof:
    """Parse a proof; ``extra`` data is taken and left unread. Raises VerifyError ``bad_proof``."""
    head, gap, note = text.partition("\n\n")
    lines = head.split("\n")
    if not gap or lines.pop(0) + "\n" != HEADER:
        raise VerifyError("bad_proof", "not a tlog-proof of version 1")
    if lines and lines[0].startswith("extra "):
        lines.pop(0)
    word, _, number = lines.pop(0).partition(" ") if lines else ("", "", "")
    if word != "index" or not is_number(number):
        raise VerifyError("bad_proof", "the index line is missing or malformed")
    if len(lines) > 63:
        raise VerifyError("bad_proof", "the path is too long")
    return Proof(int(number), [_step(line) for line in lines], note)


def verify_proof(text: str, leaf: bytes, key: NoteKey) -> tuple[int, Checkpoint]:
    """Check that ``leaf`` (entry bytes) is in the log of ``key``; returns its index and the checkpoint."""
    proof = parse_proof(text)
    checkpoint = verify_checkpoint(proof.note, key)
    verify_inclusion(leaf_hash(leaf), proof.index, checkpoint.size, proof.path, checkpoint.root)
    return proof.index, checkpoint


def _step(line: str) -> bytes:
    try:
        step = base64.b64decode(line, validate=True)
    except (binascii.Error, ValueError):
        raise VerifyError("bad_proof", "a path hash is not base64") from None
    if len(step) != 32:
        raise VerifyError("bad_proof", "a path hash is not 32 bytes long")
    return step
