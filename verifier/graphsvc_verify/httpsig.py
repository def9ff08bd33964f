"""HTTP Message Signatures (RFC 9421), as far as signed reads need them: the signature base, made and read.

A signature covers components: header fields by their lower-case names, and derived ones as ``@method``. Components with
parameters (``;req``, ``;sf`` …) are refused, and so are signature parameters that are neither texts nor integers.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass

from graphsvc_verify.errors import VerifyError

PARAMS = "@signature-params"
_STRING = re.compile(r'"((?:[ !#-\[\]-~]|\\["\\])*)"')
_INTEGER = re.compile(r"-?\d{1,15}")
_KEY = re.compile(r"[a-z*][a-z0-9_.*-]*")
_COMPONENT = re.compile(r"@?[a-z0-9!#$%&'*+.^_`|~-]+")
_BYTES = re.compile(r":([A-Za-z0-9+/]*={0,2}):")
_DIGEST = re.compile(r"\s*([a-z*][a-z0-9_.*-]*)=:([A-Za-z0-9+/]*={0,2}):\s*")


@dataclass(frozen=True, slots=True)
class Covered:
    """What a signature covers, in its order, and its parameters in theirs."""

    components: tuple[str, ...]
    parameters: Mapping[str, int | str]

    @property
    def text(self) -> str:
        """The one serialisation, as the last line of a signature base holds it."""
        listed = " ".join(f'"{name}"' for name in self.components)
        return f"({listed})" + "".join(f";{name}={_item(value)}" for name, value in self.parameters.items())

    def number(self, name: str) -> int | None:
        """An integer parameter, or None."""
        value = self.parameters.get(name)
        return value if isinstance(value, int) else None

    def word(self, name: str) -> str:
        """A text parameter; empty when it is not there."""
        value = self.parameters.get(name)
        return value if isinstance(value, str) else ""


def signature_base(covered: Covered, values: Mapping[str, str]) -> bytes:
    """What is signed (RFC 9421 section 2.5). Raises VerifyError ``bad_http_signature`` when a component is missing."""
    lines = []
    for name in covered.components:
        if name not in values:
            raise VerifyError("bad_http_signature", f"the signature covers {name}, which the request lacks")
        if not (values[name].isascii() and values[name].isprintable()) and values[name]:
            raise VerifyError("bad_http_signature", f"{name} is not printable ASCII")
        lines.append(f'"{name}": {values[name].strip()}')
    return "\n".join([*lines, f'"{PARAMS}": {covered.text}']).encode("ascii")


def read_base(base: str) -> tuple[Covered, dict[str, str]]:
    """The components of a signature base with their values, in order, and what it says that it covers.

    Raises VerifyError ``bad_http_signature`` unless it is exactly what :func:`signature_base` makes of these.
    """
    values: dict[str, str] = {}
    *lines, last = base.split("\n")
    for line in lines:
        name, colon, value = line.partition(": ")
        if not colon or len(name) < 3 or name[1:-1] in values:
            raise VerifyError("bad_http_signature", "a line of the signature base is malformed")
        values[name[1:-1]] = value
    prefix = f'"{PARAMS}": '
    if not last.startswith(prefix):
        raise VerifyError("bad_http_signature", "a signature base ends in its parameters")
    covered = _Reader(last.removeprefix(prefix)).whole()
    if covered.components != tuple(values) or signature_base(covered, values) != base.encode():
        raise VerifyError("bad_http_signature", "the signature base is not the one of what it covers")
    return covered, values


def read_signature_input(field: str) -> dict[str, Covered]:
    """What each signature in a ``Signature-Input`` field covers, by label. Raises VerifyError."""
    return _Reader(field).dictionary()


def read_signatures(field: str) -> dict[str, bytes]:
    """The signatures of a ``Signature`` field by label. Raises VerifyError."""
    found: dict[str, bytes] = {}
    for member in field.split(","):
        label, equals, value = member.strip().partition("=")
        matched = _BYTES.fullmatch(value)
        if not equals or not _KEY.fullmatch(label) or matched is None:
            raise VerifyError("bad_http_signature", "the field Signature is malformed")
        found[label] = _decoded(matched[1])
    return found


def byte_sequence(value: bytes) -> str:
    """Bytes as a structured field has them (RFC 9651)."""
    return f":{base64.b64encode(value).decode()}:"


def sha256_of(field: str) -> bytes:
    """The SHA-256 in a ``Content-Digest`` field (RFC 9530); others beside it are passed over. Raises VerifyError."""
    found = [
        _decoded(matched[2])
        for matched in map(_DIGEST.fullmatch, field.split(","))
        if matched is not None and matched[1] == "sha-256"
    ]
    if len(found) != 1 or len(found[0]) != 32:
        raise VerifyError("bad_http_signature", "a digest with sha-256 is needed, as sha-256=:…:")
    return found[0]


class _Reader:
    """A structured field, read from left to right."""

    def __init__(self, text: str) -> None:
        self._text, self._at = text.strip(" "), 0

    def whole(self) -> Covered:
        """One inner list with parameters, and nothing else."""
        covered = self._covered()
        self._expect(self._at == len(self._text))
        return covered

    def dictionary(self) -> dict[str, Covered]:
        """Inner lists by label."""
        found: dict[str, Covered] = {}
        while True:
            label = self._match(_KEY)[0]
            self._take("=")
            found[label] = self._covered()
            self._spaces("\t ")
            if self._at == len(self._text):
                return found
            self._take(",")
            self._spaces("\t ")

    def _covered(self) -> Covered:
        self._take("(")
        components: list[str] = []
        while not self._skip(")"):
            self._spaces(" ")
            if self._skip(")"):
                break
            name = self._match(_STRING)[1]
            self._expect(_COMPONENT.fullmatch(name) is not None and name not in components and name != PARAMS)
            components.append(name)
            self._expect(self._text[self._at : self._at + 1] in (" ", ")"))
        parameters: dict[str, int | str] = {}
        while self._skip(";"):
            self._spaces(" ")
            name = self._match(_KEY)[0]
            self._take("=")
            self._expect(name not in parameters)
            if self._text[self._at : self._at + 1] == '"':
                parameters[name] = re.sub(r"\\(.)", r"\1", self._match(_STRING)[1])
            else:
                parameters[name] = int(self._match(_INTEGER)[0])
        return Covered(tuple(components), parameters)

    def _match(self, pattern: re.Pattern[str]) -> re.Match[str]:
        found = pattern.match(self._text, self._at)
        if found is None:
            raise VerifyError("bad_http_signature", f"what a signature covers is malformed at character {self._at}")
        self._at = found.end()
        return found

    def _skip(self, character: str) -> bool:
        here = self._text[self._at : self._at + 1] == character
        self._at += here
        return here

    def _take(self, character: str) -> None:
        self._expect(self._skip(character))

    def _spaces(self, which: str) -> None:
        while self._at < len(self._text) and self._text[self._at] in which:
            self._at += 1

    def _expect(self, holds: bool) -> None:
        if not holds:
            raise VerifyError("bad_http_signature", f"what a signature covers is malformed at character {self._at}")


def _item(value: int | str) -> str:
    if isinstance(value, int):
        return str(value)
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise VerifyError("bad_http_signature", "a byte sequence is malformed") from None
