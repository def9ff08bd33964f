"""Organisations and their working keys, as entries have made them; kept in memory and replaced as a whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from sqlalchemy import Connection, select

from graphsvc.ledger.tables import departures, key_events, keys, organisations
from graphsvc.model.principals import Organisation
from graphsvc_verify.keychain import Key, Keychain
from graphsvc_verify.keyevents import ENROL, KeyEvent


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """A working key: raw public key, whose it is, and the entry indexes between which acts under it count.

    ``salt`` is that of the person's hash in the key event.
    """

    org: str
    kid: str
    use: str
    public: bytes
    person: str
    salt: bytes
    roles: tuple[str, ...]
    via: str
    enrolled: int
    revoked: int | None = None

    def as_key(self) -> Key:
        """The key in the form that the verifier makes from its enrolment."""
        named = {name: getattr(self, name) for name in ("org", "kid", "use", "public", "person", "roles", "via")}
        return Key(KeyEvent(kind=ENROL, prev=None, **named), self.enrolled, True, self.revoked)

    def valid(self, at: int | None) -> bool:
        """Whether an act in entry ``at`` may use the key; None asks about the next entry."""
        if at is None:
            return self.revoked is None
        return self.enrolled < at and (self.revoked is None or at < self.revoked)


@dataclass(frozen=True, slots=True)
class Registry:
    """One state of organisations, keys by (org, kid), pinned root keys and each organisation's last key event.

    ``departed``: organisations that have left, with the entry; what they hold is still theirs, so they stay listed.
    ``held`` are the keys as the verifier knows them.
    """

    organisations: Mapping[str, Organisation] = field(default_factory=dict)
    keys: Mapping[tuple[str, str], KeyRecord] = field(default_factory=dict)
    roots: Mapping[str, bytes] = field(default_factory=dict)
    events: Mapping[str, int] = field(default_factory=dict)
    departed: Mapping[str, int] = field(default_factory=dict)
    held: Mapping[tuple[str, str], Key] = field(default_factory=dict)

    def keychain(self) -> Keychain:
        """The keys in the form by which the verifier checks acts."""
        return Keychain(dict(self.held))

    def members(self) -> dict[str, Organisation]:
        """The organisations that have not left."""
        return {org: one for org, one in self.organisations.items() if org not in self.departed}

    def signing_key(self, org: str, kid: str, at: int | None = None) -> KeyRecord | None:
        """The signing key if acts under it count in entry ``at`` (None: in the next one)."""
        record = self.keys.get((org, kid))
        return record if record is not None and record.use == "sig" and record.valid(at) else None

    def recipients(self) -> dict[str, tuple[str, bytes]]:
        """Every organisation with the id and public key of its newest valid HPKE key, or ("", b"")."""
        found: dict[str, tuple[str, bytes]] = dict.fromkeys(self.organisations, ("", b""))
        for record in sorted(self.keys.values(), key=lambda record: record.enrolled):
            if record.use == "hpke" and record.revoked is None:
                found[record.org] = (record.kid, record.public)
        return found


def read_registry(connection: Connection) -> Registry:
    """Read the registry from the side tables."""
    members, roots = {}, {}
    for row in connection.execute(select(organisations)).mappings():
        members[row["org"]] = Organisation(row["org"], row["kind"], row["jurisdiction"], row["name"], row["contact"])
        roots[row["org"]] = row["root_key"]
    records = {}
    for row in connection.execute(select(keys)).mappings():
        record = KeyRecord(**{**row, "roles": tuple(row["roles"])})
        records[record.org, record.kid] = record
    events: dict[str, int] = {}
    for row in connection.execute(select(key_events).order_by(key_events.c["index"])).mappings():
        events[row["org"]] = row["index"]
    left = {row["org"]: row["index"] for row in connection.execute(select(departures)).mappings()}
    held = {at: record.as_key() for at, record in records.items()}
    return Registry(*(MappingProxyType(part) for part in (members, records, roots, events, left, held)))
