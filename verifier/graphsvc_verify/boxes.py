"""Boxes: the sealed parts of a ledger entry, and how one of them is opened or proved open.

::

    S     = HKDF-SHA-256(day key, salt = entry nonce, info = JCS[origin, role, tag, epoch])      32 bytes
    K ‖ C = HKDF-Expand-SHA-256(S, "graphsvc box v1")                                            32 bytes each
    box   = C ‖ AES-256-GCM(K, zero nonce, uint32 length ‖ content ‖ zeros)
    tag   = HMAC-SHA-256(tag key, role ‖ nonce)[:16]

C is compared first: GCM alone does not commit to its key, so a box could otherwise be made to open to two contents.
Giving away S opens one section of one entry and proves what is in it; the day key stays secret. The entry's header is
a box too, under a random S.
"""

from __future__ import annotations

import hmac

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF, HKDFExpand

from graphsvc_verify.canonical import b64u, quote
from graphsvc_verify.errors import VerifyError
from graphsvc_verify.keyed import Keyed

CLASSES = (512, 2048, 8192)
"""Sizes of boxes in bytes; larger ones are objects whose size is the next power of two."""
OVERHEAD = 32 + 16 + 4
KEY = 32
_ZERO = bytes(12)
_INFO = b"graphsvc box v1"


def size_class(content: int) -> int:
    """The size in bytes of the box around ``content`` bytes."""
    need = content + OVERHEAD
    for size in CLASSES:
        if need <= size:
            return size
    return 1 << (need - 1).bit_length()


def section_tag(tag_key: bytes, role: str, nonce: bytes) -> bytes:
    """The 16 bytes by which a recipient finds its section; all others see noise."""
    return tag_under(Keyed(tag_key), role, nonce)


def tag_under(tag_key: Keyed, role: str, nonce: bytes) -> bytes:
    """The same for who makes many tags under one key."""
    return tag_key.digest(role.encode() + nonce)[:16]


def section_info(origin: str, role: str, tag: bytes, epoch: int) -> bytes:
    """What a section key is bound to."""
    return f'[{quote(origin)},{quote(role)},"{b64u(tag)}",{epoch:d}]'.encode()


def section_key(day_key: bytes, nonce: bytes, info: bytes) -> bytes:
    """S of one section; ``info`` comes from :func:`section_info`."""
    return HKDF(algorithm=SHA256(), length=KEY, salt=nonce, info=info).derive(day_key)


def seal(key: bytes, content: bytes, size: int | None = None) -> bytes:
    """The box of ``content`` under S; it is ``size`` bytes long (default: its size class)."""
    size = size_class(len(content)) if size is None else size
    inner, commitment = _split(key)
    padded = (len(content).to_bytes(4, "big") + content).ljust(size - KEY - 16, b"\0")
    return commitment + AESGCM(inner).encrypt(_ZERO, padded, None)


def open_box(key: bytes, box: bytes) -> bytes:
    """The content of a box under S. Raises VerifyError ``bad_box`` when the key is not the one it was sealed with."""
    inner, commitment = _split(key)
    if len(key) != KEY or not hmac.compare_digest(box[:KEY], commitment):
        raise VerifyError("bad_box", "the box was sealed under another key")
    try:
        padded = AESGCM(inner).decrypt(_ZERO, box[KEY:], None)
    except InvalidTag:
        raise VerifyError("bad_box", "the box was altered") from None
    end = 4 + int.from_bytes(padded[:4], "big")
    if end > len(padded) or padded[end:].strip(b"\0"):
        raise VerifyError("bad_box", "the box's padding is wrong")
    return padded[4:end]


def _split(key: bytes) -> tuple[bytes, bytes]:
    both = HKDFExpand(algorithm=SHA256(), length=2 * KEY, info=_INFO).derive(key)
    return both[:KEY], both[KEY:]
