"""Who holds a key: in a key event only as a salted hash, opened by name and salt to those whom it concerns.

Everybody's evidence holds the whole chain of key events; so that it does not name the staff of all members, an event
has ``person: digest(JCS["graphsvc person v1", b64u(salt), name])``. With the act travels its opening, as
``compact~b64u(JCS{name, salt})`` when it is handed in, and beside the act in evidence.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from graphsvc_verify.canonical import b64u, digest, encode, parse, unb64u
from graphsvc_verify.errors import VerifyError

SALT = 16
"""Bytes of a salt."""
FORM = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Opening:
    """The name behind a salted hash."""

    name: str
    salt: bytes

    @property
    def hash(self) -> str:
        """What stands in the key event."""
        return digest(encode(["graphsvc person v1", b64u(self.salt), self.name]))

    def value(self) -> dict[str, str]:
        """As JSON."""
        return {"name": self.name, "salt": b64u(self.salt)}

    @classmethod
    def of(cls, value: Any) -> Opening:
        """From JSON. Raises VerifyError ``bad_person``."""
        if not isinstance(value, Mapping) or value.keys() != {"name", "salt"} or not isinstance(value["name"], str):
            raise VerifyError("bad_person", "a person is opened by name and salt")
        return cls(value["name"], unb64u(str(value["salt"]), SALT))


def named(person: str, opening: Opening | None) -> str:
    """The name that a hash is opened to, or the hash itself. Raises VerifyError ``bad_person`` for another name."""
    if opening is None:
        return person
    if opening.hash != person:
        raise VerifyError("bad_person", "a person's name is not the one that the key event holds")
    return opening.name


def with_opening(compact: str, opening: Opening | None) -> str:
    """A key event as it is handed in."""
    return compact if opening is None else f"{compact}~{b64u(encode(opening.value()))}"


def split_opening(text: str) -> tuple[str, Opening | None]:
    """The act and the opening that travels with it. Raises VerifyError ``bad_person``, ``not_canonical`` …"""
    compact, tilde, told = text.partition("~")
    return compact, Opening.of(parse(unb64u(told))) if tilde else None
