"""Where a Bolt server is and how it is spoken to, from its URL: as the official driver reads it."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from urllib.parse import urlsplit

PORT = 7687
"""The port where an URL has none."""

SCHEMES = ("bolt", "bolt+s", "bolt+ssc")
"""What is spoken to directly; ``neo4j`` URLs are routed, which the official driver does."""


@dataclass(frozen=True, slots=True)
class Address:
    """One server. ``tls`` None: in the clear."""

    host: str
    port: int
    tls: ssl.SSLContext | None = None


def read_address(uri: str) -> Address | None:
    """The server of a URL, or None where the official driver has to find servers first.

    ``bolt+s`` takes certificates that the system trusts, for that host; ``bolt+ssc`` any, self-signed ones too.
    """
    parts = urlsplit(uri)
    if parts.scheme not in SCHEMES or not parts.hostname:
        return None
    return Address(parts.hostname, parts.port or PORT, _tls(parts.scheme))


def _tls(scheme: str) -> ssl.SSLContext | None:
    if scheme == "bolt":
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if scheme == "bolt+s":
        context.load_default_certs()
    else:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
