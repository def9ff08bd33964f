"""Addresses of the internet as keys: one form for each, and none for those that many networks have at once."""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from graphsvc.model.scalars import ValueProblem, fold

_PORT4 = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,3}){3}):[0-9]{1,5}")
_PORT6 = re.compile(r"\[([0-9A-Fa-f:.]+)\](?::[0-9]{1,5})?")
_WHOLE = re.compile(r"/(?:32|128)")
_SHARED = IPv4Network("100.64.0.0/10")
"""Addresses behind a carrier's translation, RFC 6598."""
_PRIVATE: tuple[IPv4Network | IPv6Network, ...] = (
    IPv4Network("10.0.0.0/8"),
    IPv4Network("172.16.0.0/12"),
    IPv4Network("192.168.0.0/16"),
    IPv6Network("fc00::/7"),
)
"""RFC 1918 and RFC 4193."""
_TRANSLATED = IPv6Network("64:ff9b::/96")
"""IPv4 addresses as IPv6 networks write them, RFC 6052."""
_MULTICAST_AND_UP = IPv4Address("224.0.0.0")


@lru_cache(maxsize=1 << 14)
def public_ip(value: str) -> str:
    """An IPv4 or IPv6 address of the internet in its shortest form; a port behind it is left out.

    Raises ValueProblem: ``invalid_ip``, or the reason why the address stands for no one network: ``private_ip``,
    ``loopback_ip``, ``link_local_ip``, ``carrier_ip`` (shared by a carrier's customers) or ``reserved_ip``.
    """
    raw = fold(value)
    for form in (_PORT4, _PORT6):
        if (found := form.fullmatch(raw)) is not None:
            raw = found[1]
    address = _plain(raw)
    if (why := _unlinked(address)) is not None:
        code, said = why
        raise ValueProblem(code, f"{said}: it is kept, not linked")
    return str(address)


def _plain(raw: str) -> IPv4Address | IPv6Address:
    host, slash, length = raw.partition("/")
    try:
        if slash and not _WHOLE.fullmatch(f"/{length}"):
            raise ValueError
        found = ip_address(host)
    except ValueError:
        raise ValueProblem("invalid_ip", "this is no IP address, or a network of several") from None
    if isinstance(found, IPv6Address):
        if found.ipv4_mapped is not None:
            return found.ipv4_mapped
        if found in _TRANSLATED:
            return IPv4Address(int(found) & 0xFFFFFFFF)
    return found


def _unlinked(address: IPv4Address | IPv6Address) -> tuple[str, str] | None:
    """Code and reason where an address stands for no one network of the internet."""
    if address.is_loopback:
        return "loopback_ip", "this address means the machine itself, on every machine"
    if address.is_link_local:
        return "link_local_ip", "this address holds within one cable or radio only"
    if isinstance(address, IPv4Address) and address in _SHARED:
        return "carrier_ip", "this address is a carrier's own: the customers of many carriers have it at once"
    if isinstance(address, IPv4Address) and address >= _MULTICAST_AND_UP:
        return "reserved_ip", "this address is for groups or reserved"
    if address.is_multicast or address.is_reserved or address.is_unspecified:
        return "reserved_ip", "this address is for groups, reserved, or none"
    if isinstance(address, IPv6Address) and address.sixtofour is not None and _unlinked(address.sixtofour) is not None:
        return "reserved_ip", "this address stands for one that is not of the internet"
    if not address.is_global:
        if any(address in network for network in _PRIVATE):
            return "private_ip", "many networks use this address inside at once"
        return "reserved_ip", "this address is kept for documents, tests or protocols"
    return None
