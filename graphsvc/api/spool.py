"""Receives a multipart body into the spool, chunk by chunk; memory is bounded whatever is sent.

The body goes straight to a file of its own while its SHA-256 and size are taken; the other parts are small and stay in
memory. A receiver that is not finished leaves nothing behind once :meth:`Receiver.discard` was called; what a killed
process left is removed by :func:`sweep` at the next start.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
from base64 import b64decode, urlsafe_b64decode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from graphsvc.model.errors import InvalidInput, TooLarge

SMALL = {"manifest": 64 << 10, "seed": 64, "mapping": 1 << 20, "upload": 64}
"""The parts beside ``body`` and their largest sizes in bytes."""
OVERHEAD = 2 << 20
"""At most this many bytes of a request besides its body: the other parts and the boundaries."""
SEED = 32
_SUFFIX = ".part"
_DIGEST = re.compile(r"(sha-256|sha-512)=:([A-Za-z0-9+/]+={0,2}):")
_MEDIA_TYPE = re.compile(r"[a-z0-9!#$&^_.+-]+/[a-z0-9!#$&^_.+-]+")


@dataclass(frozen=True, slots=True)
class Received:
    """A complete form: the body in the file ``path`` with its size in bytes and raw SHA-256, and the small parts.

    ``upload`` names the upload that holds the body; then ``path`` is an empty file.
    """

    path: Path
    size: int
    sha256: bytes
    media_type: str
    manifest: str
    seed: bytes
    mapping: bytes | None
    upload: str = ""


def boundary_of(content_type: str) -> bytes:
    """The boundary of a ``multipart/form-data`` content type; raises InvalidInput."""
    kind, options = parse_options_header(content_type)
    boundary = options.get(b"boundary", b"")
    if kind != b"multipart/form-data" or not 1 <= len(boundary) <= 70:
        message = "multipart/form-data with a boundary is needed"
        raise InvalidInput(message, code="invalid_form", where="header content-type")
    return boundary


def sweep(spool: Path) -> int:
    """Make the spool directory and remove what an earlier process left in it; returns how many files that were."""
    spool.mkdir(parents=True, exist_ok=True, mode=0o700)
    left = list(spool.glob(f"*{_SUFFIX}"))
    for path in left:
        path.unlink(missing_ok=True)
    return len(left)


@contextmanager
def scratch(spool: Path) -> Iterator[Path]:
    """An empty file in the spool, which is gone at the end of the block. Raises OSError."""
    path = _name(spool)
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


class Receiver:
    """Takes one form's bytes. Feed it, finish it, and discard it whatever happened. Not for several threads at once."""

    def __init__(self, spool: Path, boundary: bytes, max_body: int, content_digest: str = "") -> None:
        """Raises OSError when the spool can't be written, InvalidInput on a content digest that isn't one."""
        self._digests = _stated(content_digest)
        self._max_body = max_body
        self._path = _name(spool)
        self._file: BinaryIO = os.fdopen(os.open(self._path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb")
        self._sha256 = hashlib.sha256()
        self._size = 0
        self._media_type = ""
        self._small: dict[str, bytearray] = {}
        self._seen: set[str] = set()
        self._part = ""
        self._field, self._value = bytearray(), bytearray()
        self._headers: dict[bytes, bytes] = {}
        self._ended = False
        self._parser = MultipartParser(boundary, callbacks=self._callbacks())  # type: ignore[arg-type]

    def feed(self, chunk: bytes) -> None:
        """Take some bytes. Raises InvalidInput, TooLarge, or OSError (disk full)."""
        for digest, _ in self._digests:
            digest.update(chunk)
        try:
            self._parser.write(chunk)
        except FormParserError:
            raise InvalidInput("the multipart form is malformed", code="invalid_form", where="body") from None

    def finish(self) -> Received:
        """The complete form; raises InvalidInput when parts are missing or the content digest does not hold."""
        if not self._ended:
            raise InvalidInput("the multipart form ends too early", code="invalid_form", where="body")
        for digest, stated in self._digests:
            if digest.digest() != stated:
                message = "the content does not have the digest stated"
                raise InvalidInput(message, code="content_digest", where="header content-digest")
        one = "upload" if "upload" in self._seen else "body"
        if {"body", "upload"} <= self._seen:
            raise InvalidInput("give the body or its upload, not both", code="invalid_form", where="part upload")
        for name in (one, "manifest", "seed"):
            if name not in self._seen:
                raise InvalidInput("a part is missing", code="invalid_form", where=f"part {name}")
        self._file.close()
        mapping = bytes(self._small["mapping"]) if "mapping" in self._small else None
        seed, manifest = _seed(bytes(self._small["seed"])), _ascii(bytes(self._small["manifest"]))
        sha256, upload = self._sha256.digest(), _ascii(bytes(self._small.get("upload", b"")))
        return Received(self._path, self._size, sha256, self._media_type, manifest, seed, mapping, upload)

    def discard(self) -> None:
        """Close and remove the spool file; fine to call when it was moved away."""
        try:
            self._file.close()
        except OSError:
            pass  # what could not be flushed is thrown away anyhow
        finally:
            self._path.unlink(missing_ok=True)

    def _callbacks(self) -> dict[str, Callable[..., None]]:
        return {
            "on_part_begin": self._headers.clear,
            "on_header_field": lambda data, start, end: self._field.extend(data[start:end]),
            "on_header_value": lambda data, start, end: self._value.extend(data[start:end]),
            "on_header_end": self._on_header_end,
            "on_headers_finished": self._on_headers_finished,
            "on_part_data": self._on_part_data,
            "on_end": self._on_end,
        }

    def _on_header_end(self) -> None:
        self._headers[bytes(self._field).lower()] = bytes(self._value)
        self._field.clear()
        self._value.clear()

    def _on_headers_finished(self) -> None:
        kind, options = parse_options_header(self._headers.get(b"content-disposition", b""))
        name = options.get(b"name", b"").decode("ascii", "replace")
        if kind != b"form-data" or (name not in SMALL and name != "body"):
            known = "manifest, seed, mapping, and body or upload"
            raise InvalidInput(f"the form's parts are {known}", code="invalid_form", where="body")
        if name in self._seen:
            raise InvalidInput("a part comes twice", code="invalid_form", where=f"part {name}")
        self._seen.add(name)
        self._part = name
        if name == "body":
            self._media_type = media_type_of(self._headers.get(b"content-type", b""), "part body")
        else:
            self._small[name] = bytearray()

    def _on_part_data(self, data: bytes, start: int, end: int) -> None:
        if self._part == "body":
            self._size += end - start
            if self._size > self._max_body:
                raise TooLarge(f"the body passes the limit of {self._max_body} bytes", where="part body")
            view = memoryview(data)[start:end]
            self._sha256.update(view)
            self._file.write(view)
            return
        part = self._small[self._part]
        part += data[start:end]
        if len(part) > SMALL[self._part]:
            limit = SMALL[self._part]
            raise TooLarge(f"the part passes the limit of {limit} bytes", where=f"part {self._part}")

    def _on_end(self) -> None:
        self._ended = True


def _name(spool: Path) -> Path:
    return spool / f"{secrets.token_hex(16)}{_SUFFIX}"


def _stated(header: str) -> list[tuple[hashlib._Hash, bytes]]:
    """The digests of a ``Content-Digest`` header whose algorithms we know; others are ignored, as RFC 9530 says."""
    found: list[tuple[hashlib._Hash, bytes]] = []
    for name, value in _DIGEST.findall(header):
        try:
            found.append((hashlib.new(name.replace("-", "")), b64decode(value, validate=True)))
        except ValueError:
            message = "a digest is not base64"
            raise InvalidInput(message, code="content_digest", where="header content-digest") from None
    return found


def media_type_of(header: bytes, where: str) -> str:
    """A media type in lower case, without parameters. Raises InvalidInput."""
    essence = header.decode("ascii", "replace").split(";")[0].strip().lower()
    if len(essence) > 100 or not _MEDIA_TYPE.fullmatch(essence):
        raise InvalidInput("the body needs a content type", code="invalid_form", where=where)
    return essence


def _seed(part: bytes) -> bytes:
    if len(part) == SEED:
        return part
    if re.fullmatch(rb"[A-Za-z0-9_-]{43}", part):
        return urlsafe_b64decode(part + b"=")
    raise InvalidInput(f"{SEED} bytes are needed, raw or as base64url", code="invalid_form", where="part seed")


def _ascii(part: bytes) -> str:
    try:
        return part.decode("ascii").strip()
    except UnicodeDecodeError:
        raise InvalidInput("a compact JWS is ASCII", code="invalid_form", where="part manifest") from None
