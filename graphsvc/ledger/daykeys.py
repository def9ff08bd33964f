"""Day keys: one pair per recipient and UTC day, wrapped for the recipient once, used for all its sections of the day.

A ``keys`` entry starts an *epoch* (its index). Its object, public, holds every recipient's pair under HPKE
(MLKEM768_X25519, HKDF-SHA-256, AES-256-GCM; info = JCS[origin, recipient, epoch])::

    {v, day, epoch, recipients: [{recipient, kid, sealed}]}        sealed opens to JCS{day, key, tagKey}

The service is a recipient too, ``oversight``: its pairs stay under ``keys/oversight`` for ever, so it can open every
header again. All other pairs stay under ``keys/day`` only while their epoch is in force.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from graphsvc.model.errors import IntegrityError
from graphsvc.model.files import write_durably
from graphsvc_verify.boxes import section_info, section_key, tag_under
from graphsvc_verify.canonical import b64u, decode, encode, unb64u
from graphsvc_verify.entry import Leaf, open_section
from graphsvc_verify.errors import VerifyError
from graphsvc_verify.hpkekeys import SUITE, public_key, sealing_info
from graphsvc_verify.keyed import Keyed

LATER, OVERSIGHT = "later", "oversight"
_EPOCH = re.compile(r"[0-9]+\.json")


def later_role(owner: str) -> str:
    """The role of the section that holds what ``owner`` is told late; oversight's keys find and open it."""
    return f"{LATER} {owner}"


@dataclass(frozen=True, slots=True)
class DayKey:
    """One recipient's pair for an epoch, 32 bytes each: sections are sealed under ``key``, found by ``tag_key``."""

    key: bytes
    tag_key: bytes
    tagging: Keyed = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Prepare the tag key once for all sections of the day."""
        object.__setattr__(self, "tagging", Keyed(self.tag_key))


@dataclass(frozen=True, slots=True)
class Epoch:
    """The keys in force since entry ``index``; ``keys`` maps recipients, :data:`OVERSIGHT` among them, to their pair.

    ``covers`` names each recipient with the id of its HPKE key, or an empty string where it has enrolled none.
    """

    index: int
    day: str
    keys: Mapping[str, DayKey]
    covers: Mapping[str, str]


class DayKeys:
    """The files of day keys below the directory of secret keys."""

    def __init__(self, directory: Path, origin: str) -> None:
        self._origin = origin
        self._current = directory / "day"
        self._oversight = directory / OVERSIGHT
        for folder in (self._current, self._oversight):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.oversight = lru_cache(maxsize=64)(self._read_oversight)

    def create(self, index: int, day: str, recipients: Mapping[str, tuple[str, bytes]]) -> tuple[Epoch, bytes]:
        """Draw the keys of a new epoch; returns it and the bytes of its public object.

        ``recipients`` maps slugs to (kid, raw HPKE public key), or to ("", b"") where none is enrolled: sections
        are sealed for such an organisation as well, but it can't open them later. Durable when it returns;
        raises OSError.
        """
        keys = {name: DayKey(os.urandom(32), os.urandom(32)) for name in sorted(recipients)}
        sealed = [
            {"recipient": name, "kid": kid, "sealed": b64u(self._wrap(name, index, day, keys[name], public))}
            for name, (kid, public) in sorted(recipients.items())
            if kid
        ]
        keys[OVERSIGHT] = DayKey(os.urandom(32), os.urandom(32))
        covers = {name: kid for name, (kid, _) in sorted(recipients.items())}
        stored = {"day": day, "covers": covers, "keys": {name: _text(pair) for name, pair in keys.items()}}
        write_durably(self._oversight / f"{index}.json", encode(_text(keys[OVERSIGHT])))
        write_durably(self._current / f"{index}.json", encode(stored))
        self.oversight.cache_clear()
        return Epoch(index, day, keys, covers), encode({"v": 1, "day": day, "epoch": index, "recipients": sealed})

    def load(self, index: int) -> Epoch | None:
        """The epoch that a ``keys`` entry started; None when its keys are no longer kept. Raises IntegrityError."""
        path = self._current / f"{index}.json"
        if not path.exists():
            return None
        with _whole(index):
            stored = decode(path.read_bytes())
            keys = {name: _pair(pair) for name, pair in stored["keys"].items()}
            return Epoch(index, stored["day"], keys, stored["covers"])

    def forget_all_but(self, index: int) -> None:
        """Remove the day keys of all other epochs; the pairs of oversight stay."""
        for path in self._current.iterdir():
            if _EPOCH.fullmatch(path.name) and path.name != f"{index}.json":
                path.unlink(missing_ok=True)

    def header_key(self, leaf: Leaf, objects: Mapping[str, bytes]) -> bytes:
        """The key of an entry's header, from the section for oversight. Raises IntegrityError, VerifyError."""
        pair = self.oversight(leaf.epoch)
        tag = tag_under(pair.tagging, OVERSIGHT, leaf.nonce)
        key = section_key(pair.key, leaf.nonce, section_info(self._origin, OVERSIGHT, tag, leaf.epoch))
        return unb64u(open_section(leaf, b64u(tag), key, objects)["headerKey"], 32)

    def later_key(self, leaf: Leaf, owner: str) -> tuple[str, bytes]:
        """Tag (base64url) and key of the section that tells an owner late. Raises IntegrityError."""
        pair = self.oversight(leaf.epoch)
        role = later_role(owner)
        tag = tag_under(pair.tagging, role, leaf.nonce)
        key = section_key(pair.key, leaf.nonce, section_info(self._origin, role, tag, leaf.epoch))
        return b64u(tag), key

    def _read_oversight(self, index: int) -> DayKey:
        try:
            with _whole(index):
                return _pair(decode((self._oversight / f"{index}.json").read_bytes()))
        except FileNotFoundError:
            raise IntegrityError("the oversight key of an epoch is missing", where=f"epoch {index}") from None

    def _wrap(self, recipient: str, index: int, day: str, pair: DayKey, public: bytes) -> bytes:
        content = encode({"day": day, **_text(pair)})
        return SUITE.encrypt(content, public_key(public), info=sealing_info(self._origin, recipient, index))


@contextmanager
def _whole(index: int) -> Iterator[None]:
    try:
        yield
    except (VerifyError, KeyError, TypeError, AttributeError):
        message = "a file of day keys is damaged; put it back from a backup"
        raise IntegrityError(message, code="key_file", where=f"epoch {index}") from None


def _text(pair: DayKey) -> dict[str, str]:
    return {"key": b64u(pair.key), "tagKey": b64u(pair.tag_key)}


def _pair(value: dict[str, Any]) -> DayKey:
    return DayKey(unb64u(value["key"], 32), unb64u(value["tagKey"], 32))
