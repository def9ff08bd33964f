"""Strict Ed25519: which public keys are good, and signatures under them.

The library underneath takes public keys of low order and in non-canonical encodings; under such a key one signature
can fit many messages. They are refused here, as are keys with a component of low order when a key is enrolled.
Curve arithmetic follows RFC 8032 section 5.1; it runs on public values only, so it need not be constant in time.
"""

from __future__ import annotations

from functools import lru_cache

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from graphsvc_verify.errors import VerifyError

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
_D = -121665 * pow(121666, P - 2, P) % P
_SQRT_M1 = pow(2, (P - 1) // 4, P)
_Point = tuple[int, int, int, int]
_IDENTITY: _Point = (0, 1, 1, 0)


def check_public_key(raw: bytes) -> None:
    """Refuse a key that is not the canonical encoding of a point of prime order. Raises VerifyError ``bad_key``."""
    point = _decompress(raw)
    if point is None:
        raise VerifyError("bad_key", "not the canonical encoding of a point on the curve")
    if _is_identity(_multiply(8, point)):
        raise VerifyError("bad_key", "the public key is of low order")
    if not _is_identity(_multiply(L, point)):
        raise VerifyError("bad_key", "the public key has a component of low order")


def verify_signature(raw: bytes, signature: bytes, message: bytes) -> None:
    """Check one signature under a good public key. Raises VerifyError ``bad_key`` or ``bad_signature``."""
    key = _good_key(raw)
    if len(signature) != 64:
        raise VerifyError("bad_signature", "an Ed25519 signature is 64 bytes long")
    try:
        key.verify(signature, message)
    except InvalidSignature:
        raise VerifyError("bad_signature", "the signature does not hold") from None


@lru_cache(maxsize=4096)
def _good_key(raw: bytes) -> Ed25519PublicKey:
    check_public_key(raw)
    return Ed25519PublicKey.from_public_bytes(raw)


def _decompress(raw: bytes) -> _Point | None:
    if len(raw) != 32:
        return None
    y = int.from_bytes(raw, "little")
    sign = y >> 255
    y &= (1 << 255) - 1
    if y >= P:
        return None
    square = (y * y - 1) * pow(_D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * _SQRT_M1 % P
    if (x * x - square) % P or (x == 0 and sign):
        return None
    if x & 1 != sign:
        x = P - x
    return (x, y, 1, x * y % P)


def _add(p: _Point, q: _Point) -> _Point:
    a = (p[1] - p[0]) * (q[1] - q[0]) % P
    b = (p[1] + p[0]) * (q[1] + q[0]) % P
    c = 2 * p[3] * q[3] * _D % P
    d = 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return (e * f % P, g * h % P, f * g % P, e * h % P)


def _multiply(scalar: int, point: _Point) -> _Point:
    result = _IDENTITY
    while scalar:
        if scalar & 1:
            result = _add(result, point)
        point = _add(point, point)
        scalar >>= 1
    return result


def _is_identity(point: _Point) -> bool:
    return point[0] % P == 0 and (point[1] - point[2]) % P == 0
