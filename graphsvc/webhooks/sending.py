"""One signed POST to an address outside: never to one inside, never elsewhere than it was meant for.

The name is resolved once, every address that it has must be public, and the connection goes to one of those, so that no
second answer of a name server leads it elsewhere. Redirects are answers like others, and no proxy of the environment is
asked. A receiver can be slow for so long and no longer.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from http.client import HTTPConnection, HTTPException

from graphsvc.webhooks.receivers import Receiver

SECONDS = 15.0
"""A receiver has so long to answer, from the first byte to the end of its headers."""
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_TRANSLATED = ipaddress.ip_network("64:ff9b::/96")
"""Addresses that a gateway translates to IPv4, private ones among them."""


class NotSent(Exception):
    """Nothing was delivered; the text says why, and holds no address."""


def is_public(address: Address) -> bool:
    """Whether an address is one of the public internet."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return is_public(address.ipv4_mapped)
        if address.sixtofour is not None or address.teredo is not None or address in _TRANSLATED:
            return False
    return address.is_global and not address.is_multicast


def signature(secret: bytes, name: str, seconds: int, body: bytes) -> str:
    """The value of ``webhook-signature`` (Standard Webhooks): HMAC-SHA256 over id, time and body."""
    signed = f"{name}.{seconds}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(secret, signed, hashlib.sha256)).decode()


class _Pinned(HTTPConnection):
    """A connection to the first of some addresses that answers, under the name that its certificate must have."""

    def __init__(self, receiver: Receiver, addresses: list[str], context: ssl.SSLContext) -> None:
        super().__init__(receiver.host, receiver.port, timeout=SECONDS)
        self._addresses = addresses
        self._context = context

    def connect(self) -> None:
        """Connect to an address, whatever the name means by now."""
        *others, last = self._addresses
        for address in others:
            try:
                plain = socket.create_connection((address, self.port), self.timeout)
                break
            except OSError:
                continue
        else:
            plain = socket.create_connection((last, self.port), self.timeout)
        try:
            self.sock = self._context.wrap_socket(plain, server_hostname=self.host)
        except BaseException:
            plain.close()
            raise


class Sender:
    """Sends; ``allowed`` says which addresses may be spoken to, ``context`` whose certificates are taken."""

    def __init__(self, allowed: Callable[[Address], bool] = is_public, context: ssl.SSLContext | None = None) -> None:
        self._allowed = allowed
        self._context = context or ssl.create_default_context()

    def send(self, receiver: Receiver, name: str, seconds: int, body: bytes) -> None:
        """Deliver ``body`` under the id ``name``, signed at ``seconds``. Raises NotSent unless the answer is a 2xx."""
        headers = {
            "content-type": "application/json",
            "user-agent": "graphsvc",
            "webhook-id": name,
            "webhook-timestamp": str(seconds),
            "webhook-signature": signature(receiver.secret, name, seconds, body),
        }
        connection = _Pinned(receiver, self._look_up(receiver), self._context)
        # Each read may take as long as its time-out: all of them together may, too.
        watchdog = threading.Timer(SECONDS, _end, (connection,))
        watchdog.daemon = True
        watchdog.start()
        try:
            connection.request("POST", receiver.path, body, headers)
            status = connection.getresponse().status
        except (OSError, HTTPException, ValueError) as error:
            raise NotSent(type(error).__name__) from None
        finally:
            watchdog.cancel()
            connection.close()
        if not 200 <= status < 300:
            raise NotSent(f"status {status}")

    def _look_up(self, receiver: Receiver) -> list[str]:
        try:
            found = socket.getaddrinfo(receiver.host, receiver.port, type=socket.SOCK_STREAM)
        except OSError:
            raise NotSent("its name is not known") from None
        addresses = list(dict.fromkeys(str(one[4][0]) for one in found))
        if not addresses or not all(self._allowed(ipaddress.ip_address(one.partition("%")[0])) for one in addresses):
            raise NotSent("its name leads to an address that is not public")
        return addresses


def _end(connection: HTTPConnection) -> None:
    with suppress(OSError, AttributeError):
        connection.sock.shutdown(socket.SHUT_RDWR)
