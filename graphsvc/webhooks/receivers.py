"""Who is told, where, and under which secret: a file of the operator's, as each organisation asked for it."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from graphsvc.model.errors import InvalidInput
from graphsvc.model.yamlfiles import load_yaml

PREFIX = "whsec_"
SECRET_BYTES = range(24, 65)
"""How long a secret may be, after Standard Webhooks."""
CODE = "webhooks"


class _Said(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    org: str
    url: str
    secret_file: str


class _File(msgspec.Struct, forbid_unknown_fields=True):
    receivers: list[_Said]


@dataclass(frozen=True, slots=True)
class Receiver:
    """Where one organisation is told: an https URL, and the secret that signs."""

    org: str
    host: str
    port: int
    path: str
    secret: bytes

    @property
    def name(self) -> str:
        """By which the place in the log is kept: another address begins anew."""
        return f"{self.org} {self.host}:{self.port}{self.path}"


def read_receivers(path: Path) -> tuple[Receiver, ...]:
    """The receivers in a YAML or JSON file; files of secrets are beside it. Raises InvalidInput."""
    try:
        said = msgspec.convert(load_yaml(path.read_bytes(), where=str(path)), _File)
    except OSError as error:
        raise InvalidInput(f"can't be read: {error.strerror}", code=CODE, where=str(path)) from None
    except msgspec.ValidationError as error:
        raise InvalidInput(f"no list of receivers: {error}", code=CODE, where=str(path)) from None
    found = tuple(_receiver(one, path) for one in said.receivers)
    if len({one.org for one in found}) < len(found):
        raise InvalidInput("an organisation has one receiver", code=CODE, where=str(path))
    return found


def _receiver(said: _Said, path: Path) -> Receiver:
    where = f"{path}: {said.org}"
    url = urlsplit(said.url)
    try:
        port = url.port or 443
    except ValueError:
        port = 0
    if url.scheme != "https" or not url.hostname or not port or url.username or url.fragment or not said.url.isascii():
        raise InvalidInput("an https URL is needed, without user or fragment", code=CODE, where=where)
    target = (url.path or "/") + (f"?{url.query}" if url.query else "")
    if not all(33 <= ord(sign) < 127 for sign in target):
        raise InvalidInput("the URL has signs that no URL has", code=CODE, where=where)
    return Receiver(said.org, url.hostname, port, target, _secret(path.parent / said.secret_file, where))


def _secret(path: Path, where: str) -> bytes:
    try:
        text = path.read_text(encoding="ascii").strip()
        secret = base64.b64decode(text.removeprefix(PREFIX), validate=True)
    except (OSError, ValueError, binascii.Error):
        secret = b""
    if len(secret) not in SECRET_BYTES:
        message = f"the file of its secret must hold {PREFIX} and 24 to 64 random bytes in base64"
        raise InvalidInput(message, code=CODE, where=where)
    return secret
