"""Keys on disk: signing keys as PEM (PKCS #8), recipients' HPKE keys as JSON; files that only their owner can read.

A signing key is Ed25519; its id is the first 16 characters of base64url(SHA-256(raw public key)). An HPKE key is the
hybrid MLKEM768-X25519: the public key is the ML-KEM encapsulation key (1,184 bytes) ‖ the X25519 key (32 bytes), the
private key the ML-KEM seed (64 bytes) ‖ the X25519 key (32 bytes).
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from graphsvc.model.errors import InvalidInput
from graphsvc_verify.canonical import b64u, encode, unb64u
from graphsvc_verify.errors import VerifyError
from graphsvc_verify.hpkekeys import PRIVATE, generate_private, public_of
from graphsvc_verify.jws import kid_of, signing_input


@dataclass(frozen=True, slots=True)
class SigningKey:
    """An Ed25519 key with its id."""

    private: Ed25519PrivateKey

    @classmethod
    def new(cls) -> SigningKey:
        """A fresh key."""
        return cls(Ed25519PrivateKey.generate())

    @property
    def public(self) -> bytes:
        """The raw public key, 32 bytes."""
        return self.private.public_key().public_bytes_raw()

    @property
    def kid(self) -> str:
        """The key's id."""
        return kid_of(self.public)

    def sign_act(self, typ: str, payload: dict[str, Any]) -> str:
        """A compact JWS (RFC 7515, ``alg`` Ed25519 of RFC 9864) over the canonical JSON of ``payload``."""
        header = encode({"alg": "Ed25519", "kid": self.kid, "typ": typ})
        signed = signing_input(header, encode(payload))
        return f"{signed.decode()}.{b64u(self.private.sign(signed))}"


@dataclass(frozen=True, slots=True)
class HpkeKey:
    """The key pair under which an organisation's day keys are wrapped for it; ``private`` is raw, 96 bytes."""

    private: bytes = field(repr=False)

    @classmethod
    def new(cls) -> HpkeKey:
        """A fresh pair."""
        return cls(generate_private())

    @property
    def public(self) -> bytes:
        """The public key as it is enrolled, 1,216 bytes."""
        return public_of(self.private)

    @property
    def kid(self) -> str:
        """The key's id."""
        return kid_of(self.public)


def save_signing_key(path: Path, key: SigningKey) -> None:
    """Write the private key; raises FileExistsError rather than write over one."""
    pem = key.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    write_private(path, pem)


def load_signing_key(path: Path) -> SigningKey:
    """A private key from PEM (PKCS #8) or a JWK (RFC 8037). Raises InvalidInput that names the file only."""
    data = _read(path)
    try:
        if data.lstrip().startswith(b"{"):
            jwk = json.loads(data)
            if jwk.get("crv") != "Ed25519":
                raise ValueError("not Ed25519")
            return SigningKey(Ed25519PrivateKey.from_private_bytes(unb64u(str(jwk["d"]), 32)))
        key = load_pem_private_key(data, None)
    except (ValueError, TypeError, LookupError, VerifyError):
        raise InvalidInput("not an Ed25519 private key in PEM or JWK form", code="bad_key", where=str(path)) from None
    if not isinstance(key, Ed25519PrivateKey):
        raise InvalidInput("the key must be Ed25519", code="bad_key", where=str(path))
    return SigningKey(key)


def save_hpke_key(path: Path, key: HpkeKey) -> None:
    """Write the private HPKE key; raises FileExistsError rather than write over one."""
    value = {"v": 1, "kem": "MLKEM768_X25519", "private": b64u(key.private), "public": b64u(key.public)}
    write_private(path, encode(value) + b"\n")


def load_hpke_key(path: Path) -> HpkeKey:
    """A private HPKE key from its file. Raises InvalidInput that names the file, never its content."""
    try:
        value = json.loads(_read(path))
        if value["v"] != 1 or value["kem"] != "MLKEM768_X25519":
            raise ValueError("another kind of key")
        return HpkeKey(unb64u(str(value["private"]), PRIVATE))
    except (ValueError, TypeError, LookupError, VerifyError):
        raise InvalidInput("not an HPKE private key of this service's form", code="bad_key", where=str(path)) from None


def write_private(path: Path, data: bytes) -> None:
    """Write a new file that only its owner can read; raises FileExistsError."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(data)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InvalidInput(f"the key can't be read: {error.strerror}", code="bad_key", where=str(path)) from None
