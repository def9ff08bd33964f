"""Addresses of crypto-currency wallets, checked by their checksums and written as ``network:address``.

Base58Check and bech32 come from python-stdnum; Keccak-256 (EIP-55 capitals of EVM addresses) is written from
FIPS 202, section 3, with Keccak's own padding byte 0x01, because neither hashlib nor a dependency offers it.
"""

from __future__ import annotations

import hashlib
import re
from functools import lru_cache

from stdnum import bitcoin
from stdnum.exceptions import ValidationError

from graphsvc.model.scalars import ValueProblem, fold

_EVM = re.compile(r"0x[0-9a-fA-F]{40}")
_TRON = re.compile(r"T[1-9A-HJ-NP-Za-km-z]{33}")
_BITCOIN = re.compile(r"(?:bc1[0-9a-z]{8,87}|BC1[0-9A-Z]{8,87}|[13][1-9A-HJ-NP-Za-km-z]{25,34})")
_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_PREFIX = re.compile(r"^(?:btc|bitcoin|evm|eth|ethereum|tron|trx):(?://)?", re.I)
_MASK = (1 << 64) - 1
_ROTATIONS = (
    (0, 36, 3, 41, 18),
    (1, 44, 10, 45, 2),
    (62, 6, 43, 15, 61),
    (28, 55, 25, 21, 56),
    (27, 20, 39, 8, 14),
)


@lru_cache(maxsize=1 << 14)
def wallet(value: str) -> str:
    """``btc:…``, ``evm:0x…`` (lower case, one address on every EVM network) or ``tron:…``."""
    raw = _PREFIX.sub("", fold(value))
    if _EVM.fullmatch(raw):
        digits = raw[2:]
        if digits not in (digits.lower(), digits.upper()) and digits != _checksummed(digits.lower()):
            raise ValueProblem("wallet_checksum", "the capitals of this 0x address do not fit its checksum (EIP-55)")
        return f"evm:0x{digits.lower()}"
    if _TRON.fullmatch(raw):
        body = _base58(raw)
        if len(body) != 25 or body[0] != 0x41 or _double(body[:21])[:4] != body[21:]:
            raise ValueProblem("wallet_checksum", "the checksum of this TRON address is wrong")
        return f"tron:{raw}"
    if _BITCOIN.fullmatch(raw):
        try:
            return f"btc:{bitcoin.validate(raw.lower() if raw[:3].lower() == 'bc1' else raw)}"
        except ValidationError as error:
            raise ValueProblem("wallet_checksum", "the checksum of this Bitcoin address is wrong") from error
    raise ValueProblem("unknown_wallet", "only Bitcoin, EVM (0x…) and TRON (T…) addresses can be linked")


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


def _checksummed(digits: str) -> str:
    pattern = keccak256(digits.encode()).hex()
    return "".join(c.upper() if int(pattern[i], 16) >= 8 else c for i, c in enumerate(digits))


def _base58(value: str) -> bytes:
    number = 0
    for char in value:
        number = number * 58 + _BASE58.index(char)
    return number.to_bytes((number.bit_length() + 7) // 8, "big")


def _double(data: bytes) -> bytes:
    return hashlib.sha256(hashlib.sha256(data).digest()).digest()
