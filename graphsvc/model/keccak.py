"""Keccak-256 as Ethereum and Monero use it, written from FIPS 202, section 3, with Keccak's own padding byte 0x01.

Neither hashlib nor a dependency offers it.
"""

from __future__ import annotations

_MASK = (1 << 64) - 1
_ROTATIONS = (
    (0, 36, 3, 41, 18),
    (1, 44, 10, 45, 2),
    (62, 6, 43, 15, 61),
    (28, 55, 25, 21, 56),
    (27, 20, 39, 8, 14),
)


def keccak256(message: bytes) -> bytes:
    """Keccak-256 as Ethereum uses it (padding 0x01, not SHA-3's 0x06); for short messages."""
    rate = 136
    padded = bytearray(message + b"\x01" + bytes(-(len(message) + 1) % rate))
    padded[-1] |= 0x80
    state = [[0] * 5 for _ in range(5)]
    for start in range(0, len(padded), rate):
        for lane in range(rate // 8):
            word = int.from_bytes(padded[start + 8 * lane : start + 8 * lane + 8], "little")
            state[lane % 5][lane // 5] ^= word
        state = _permute(state)
    return b"".join(state[i % 5][i // 5].to_bytes(8, "little") for i in range(4))


def _permute(state: list[list[int]]) -> list[list[int]]:
    """Keccak-f[1600] on lanes ``state[x][y]``: steps theta, rho, pi, chi, iota of FIPS 202, 24 rounds."""
    lfsr = 1
    for _ in range(24):
        column = [state[x][0] ^ state[x][1] ^ state[x][2] ^ state[x][3] ^ state[x][4] for x in range(5)]
        mixed = [column[(x - 1) % 5] ^ _rotated(column[(x + 1) % 5], 1) for x in range(5)]
        moved = [[0] * 5 for _ in range(5)]
        for x in range(5):
            for y in range(5):
                moved[y][(2 * x + 3 * y) % 5] = _rotated(state[x][y] ^ mixed[x], _ROTATIONS[x][y])
        state = [
            [moved[x][y] ^ (~moved[(x + 1) % 5][y] & moved[(x + 2) % 5][y] & _MASK) for y in range(5)] for x in range(5)
        ]
        for bit in range(7):
            if lfsr & 1:
                state[0][0] ^= 1 << ((1 << bit) - 1)
            lfsr = (lfsr << 1) ^ (0x171 if lfsr & 0x80 else 0)
    return state


def _rotated(word: int, places: int) -> int:
    return ((word << places) | (word >> (64 - places))) & _MASK
