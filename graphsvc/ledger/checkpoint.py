"""Signing of checkpoints (c2sp.org/tlog-checkpoint) with the log's key."""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from graphsvc_verify.note import NoteKey, checkpoint_body, signature_line


class LogSigner:
    """Signs tree heads of one origin."""

    def __init__(self, origin: str, key: Ed25519PrivateKey) -> None:
        self._key = key
        self.public = NoteKey(origin, key.public_key().public_bytes_raw())

    def sign(self, size: int, root: bytes) -> str:
        """The signed note of a tree head; ``root`` is 32 bytes."""
        body = checkpoint_body(self.public.name, size, root)
        return f"{body}\n{signature_line(self.public, self._key.sign(body.encode()))}"
