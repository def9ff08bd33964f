"""Addresses of crypto-currency wallets, checked by their checksums and written as ``network:address``.

Base58Check is Bitcoin's own (double SHA-256); bech32 and bech32m are BIP 173 and BIP 350; Monero's base 58 and its
checksum are those of CryptoNote. Keccak-256 (EIP-55 capitals of EVM addresses, Monero) is in :mod:`keccak`.
"""

from __future__ import annotations

import hashlib
import re
from functools import lru_cache
from types import MappingProxyType

from graphsvc.model.keccak import keccak256
from graphsvc.model.scalars import ValueProblem, fold

_EVM = re.compile(r"0[xX][0-9a-fA-F]{40}")
_BASE58 = re.compile(r"[1-9A-HJ-NP-Za-km-z]{26,36}")
_MONERO = re.compile(r"[48][1-9A-HJ-NP-Za-km-z]{94}(?:[1-9A-HJ-NP-Za-km-z]{11})?")
_SEGWIT = re.compile(r"(bc|ltc)1[02-9ac-hj-np-z]{8,87}")
_DIGITS58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_DIGITS32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_NETWORKS = MappingProxyType(
    {
        "btc": "btc", "bitcoin": "btc", "evm": "evm", "eth": "evm", "ethereum": "evm", "bsc": "evm", "bnb": "evm",
        "polygon": "evm", "matic": "evm", "erc20": "evm", "bep20": "evm", "tron": "tron", "trx": "tron",
        "trc20": "tron",
        "ltc": "ltc", "litecoin": "ltc", "xmr": "xmr", "monero": "xmr",
    }
)  # fmt: skip
_PREFIX = re.compile(rf"({'|'.join(_NETWORKS)})\s*(?::(?://)?|\s)\s*(?:pay-)?", re.I)
_EXPLORER = re.compile(
    r"https?://(?:[\w-]+\.)*(?:etherscan\.io|bscscan\.com|polygonscan\.com|tronscan\.org|blockchair\.com"
    r"|blockchain\.com|mempool\.space|blockstream\.info)/(?:[^?]*/)?address/(\w+)(?:[/?#].*)?"
)
_VERSIONS = MappingProxyType({0x00: "btc", 0x05: "btc", 0x41: "tron", 0x30: "ltc", 0x32: "ltc"})
"""Base58Check version bytes: Bitcoin's two, TRON, Litecoin's two."""


@lru_cache(maxsize=1 << 14)
def wallet(value: str) -> str:
    """``btc:…``, ``evm:0x…`` (lower case, one address on every EVM network), ``tron:…``, ``ltc:…`` or ``xmr:…``.

    Payment URIs and a network's name before the address are read too; they must name the network of the address.
    """
    raw = fold(value)
    if (page := _EXPLORER.fullmatch(raw)) is not None:
        raw = page[1]
    named = None
    if (prefix := _PREFIX.match(raw)) is not None:
        named, raw = _NETWORKS[prefix[1].lower()], raw[prefix.end() :]
    raw = raw.partition("?")[0]
    if named == "evm":
        raw = re.sub(r"@\d+$", "", raw)
    network, address = _known(raw, named)
    if named not in (None, network):
        raise ValueProblem("wallet_network", "this address is not one of the network that stands before it")
    return f"{network}:{address}"


def _known(raw: str, named: str | None) -> tuple[str, str]:
    """Network and canonical address. Raises ValueProblem."""
    if _EVM.fullmatch(raw):
        digits = raw[2:]
        if digits not in (digits.lower(), digits.upper()) and digits != _checksummed(digits.lower()):
            raise ValueProblem("wallet_checksum", "the capitals of this 0x address do not fit its checksum (EIP-55)")
        return "evm", f"0x{digits.lower()}"
    lower = raw.lower()
    if raw in (lower, raw.upper()) and (segwit := _SEGWIT.fullmatch(lower)) is not None:
        if not _is_segwit(segwit[1], lower):
            raise ValueProblem("wallet_checksum", "the checksum of this Bitcoin or Litecoin address is wrong")
        return ("btc" if segwit[1] == "bc" else "ltc"), lower
    if _MONERO.fullmatch(raw):
        data = _monero(raw)
        if data is None or data[0] not in (18, 19, 42) or keccak256(data[:-4])[:4] != data[-4:]:
            raise ValueProblem("wallet_checksum", "the checksum of this Monero address is wrong")
        return "xmr", raw
    if _BASE58.fullmatch(raw):
        return _base58check(raw, named)
    raise ValueProblem("unknown_wallet", "only Bitcoin, EVM (0x…), TRON, Litecoin and Monero addresses can be linked")


def _base58check(raw: str, named: str | None) -> tuple[str, str]:
    data = _bytes58(raw)
    if len(data) != 25 or data[0] not in _VERSIONS:
        raise ValueProblem(
            "unknown_wallet", "only Bitcoin, EVM (0x…), TRON, Litecoin and Monero addresses can be linked"
        )
    if _double(data[:21])[:4] != data[21:]:
        raise ValueProblem("wallet_checksum", "the checksum of this address is wrong")
    if named == "ltc" and data[0] == 0x05:  # as Litecoin wrote its script addresses before they began with M
        moved = bytes([0x32]) + data[1:21]
        return "ltc", _text58(moved + _double(moved)[:4])
    return _VERSIONS[data[0]], raw


def _is_segwit(prefix: str, address: str) -> bool:
    """BIP 173 for witness version 0, BIP 350 for the later ones."""
    values = [_DIGITS32.index(char) for char in address[len(prefix) + 1 :]]
    check = 1
    for value in [*(ord(c) >> 5 for c in prefix), 0, *(ord(c) & 31 for c in prefix), *values]:
        top = check >> 25
        check = (check & 0x1FFFFFF) << 5 ^ value
        for bit, generator in enumerate((0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)):
            check ^= generator if top >> bit & 1 else 0
    version, program = values[0], values[1:-6]
    size, spare = divmod(5 * len(program), 8)
    if check != (1 if version == 0 else 0x2BC830A3) or version > 16 or not program or spare >= 5:
        return False
    if program[-1] & ((1 << spare) - 1):
        return False
    return size in (20, 32) if version == 0 else 2 <= size <= 40


def _checksummed(digits: str) -> str:
    pattern = keccak256(digits.encode()).hex()
    return "".join(c.upper() if int(pattern[i], 16) >= 8 else c for i, c in enumerate(digits))


def _bytes58(value: str) -> bytes:
    number = 0
    for char in value:
        number = number * 58 + _DIGITS58.index(char)
    zeros = len(value) - len(value.lstrip("1"))
    return bytes(zeros) + number.to_bytes((number.bit_length() + 7) // 8, "big")


def _text58(data: bytes) -> str:
    number, out = int.from_bytes(data, "big"), ""
    while number:
        number, digit = divmod(number, 58)
        out = _DIGITS58[digit] + out
    return "1" * (len(data) - len(data.lstrip(b"\0"))) + out


def _monero(value: str) -> bytes | None:
    """CryptoNote's base 58: blocks of 11 characters for 8 bytes, the last one of 7 for 5."""
    out = b""
    for start in range(0, len(value), 11):
        block = value[start : start + 11]
        size = {11: 8, 7: 5}.get(len(block))
        number = 0
        for char in block:
            number = number * 58 + _DIGITS58.index(char)
        if size is None or number >> 8 * size:
            return None
        out += number.to_bytes(size, "big")
    return out


def _double(data: bytes) -> bytes:
    return hashlib.sha256(hashlib.sha256(data).digest()).digest()
