"""A proposal written as a mapping file, with comments on what was found and what was left out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import MappingProxyType

from importers.proposing import Column, Proposal

_IDENTIFIERS = {
    "phone": ("Phone", "value"), "email": ("Email", "value"), "imei": ("Device", "imei"),
    "iban": ("PaymentAccount", "iban"), "wallet": ("PaymentAccount", "wallet"),
    "ip": ("IpAddress", "address"), "card": ("BankCard", "number"),
}  # fmt: skip
"""Columns that become entities of their own: kind, and part of its key."""
_ATTRIBUTES: Mapping[str, Mapping[str, str]] = {
    "Account": {"display_name": "displayName", "country": "registrationCountry", "profile": "profile",
                "person_name": "verifiedName", "note": "about", "date": "registeredAt"},
    "Listing": {"title": "title", "price": "price", "currency": "currency", "date": "postedAt", "note": "text"},
    "Parcel": {"sender_name": "senderName", "receiver_name": "receiverName", "title": "description",
               "price": "declaredValue", "currency": "currency", "country": "destinationCountry", "date": "acceptedAt"},
    "Seizure": {"country": "country", "date": "seizedOn", "address": "place", "note": "note"},
    "Person": {"country": "nationality", "note": "note", "person_name": "name"},
}  # fmt: skip
_CONSTANTS = frozenset(("null", "true", "false", "yes", "no", "on", "off", "y", "n"))
_USED = {"Account": "USES", "Person": "USES", "Listing": "MENTIONS", "Seizure": "INVOLVES"}


_NOTHING: Mapping[str, str] = MappingProxyType({})


def drafted(proposal: Proposal, answers: Mapping[str, str], said: Mapping[str, str] = _NOTHING) -> str:
    """The text of the mapping file; ``answers`` are those to the proposal's questions, by name.

    ``said`` is what else it must say so that the file is read: an encoding, a sheet.
    """
    given = {question.name: question.meanwhile for question in proposal.questions} | dict(answers)
    made = _Draft(proposal, given)
    handling = given["handling"].split()
    defaults: dict[str, object] = {"handling": {"scheme": handling[0], "code": handling[-1]}}
    head = ["# Proposed by graphsvc map from the headings and cells of the table: check each line.", "format: table"]
    head += [f"{name}: {value!r}" for name, value in said.items()]
    head += [f"header: {proposal.header}"] if proposal.header > 1 else []
    head += [f"region: {_word(given['region'])}"] if given.get("region") else []
    if given.get("legalBasis"):
        defaults["legalBasis"] = given["legalBasis"]
    head.append(f"defaults: {_flow(defaults)}")
    return "\n".join([*head, *made.lines()]) + "\n"


class _Draft:
    """The one rule of a proposal: a subject, and what it is joined to."""

    def __init__(self, proposal: Proposal, given: Mapping[str, str]) -> None:
        self._columns, self._roles, self._given = proposal.columns, proposal.roles(), given
        self._entities: list[str] = []
        self._links: list[str] = []
        self._read: set[str] = set()

    def lines(self) -> list[str]:
        subject = self._subject()
        for nth, column in enumerate(self._columns):
            if column.role in _IDENTIFIERS:
                self._identifier(subject, column, nth)
        if subject == "Parcel":
            self._party("sender_phone", "SENT_BY")
            self._party("receiver_phone", "SENT_TO")
        if "species" in self._roles and subject in ("Seizure", "Listing"):
            self._taxon(subject)
        lines = ["rows:", "  - entities:", *self._entities]
        lines += ["    links:", *self._links] if self._links else []
        left = [column.name for column in self._columns if column.name not in self._read]
        return [*lines, *(["# Not read: " + ", ".join(_comment(name) for name in left)] if left else [])]

    def _subject(self) -> str:
        roles = self._roles
        if "user_id" in roles:
            kind, key = "Account", f"{{site: {self._or('site')}, id: {self._of(roles['user_id'])}}}"
        elif "waybill" in roles:
            kind, key = "Parcel", f"{{courier: {self._or('courier')}, waybill: {self._of(roles['waybill'])}}}"
        elif "listing_id" in roles:
            kind, key = "Listing", f"{{site: {self._or('site')}, item: {self._of(roles['listing_id'])}}}"
        elif "seizure_no" in roles or "species" in roles:
            own = self._of(roles["seizure_no"]) if "seizure_no" in roles else '"#row"'
            kind, key = "Seizure", f"{{ref: {own}}}"
        else:
            own = self._of(roles["person_name"]) if "person_name" in roles else '"#row"'
            kind, key = "Person", f"{{ref: {own}}}"
        attributes = {}
        for role, name in _ATTRIBUTES[kind].items():
            if (column := roles.get(role)) is not None:
                attributes[name] = self._of(column)
        said = f"        attributes: {{{', '.join(f'{name}: {value}' for name, value in attributes.items())}}}"
        self._entities += ["      - ref: subject", f"        kind: {kind}", f"        key: {key}"]
        self._entities += [said] if attributes else []
        return kind

    def _identifier(self, subject: str, column: Column, nth: int) -> None:
        kind, part = _IDENTIFIERS[column.role]
        if subject == "Parcel":
            link = (
                f"{{kind: SENT_BY, from: subject, to: {column.role}{nth}}}" if column.role in ("phone", "email") else ""
            )
        else:
            link = f"{{kind: {_USED[subject]}, from: subject, to: {column.role}{nth}}}"
        if link:
            value = self._of(column)
            self._entities.append(
                f"      - {{ref: {column.role}{nth}, kind: {kind}, key: {{{part}: {value}}}, optional: true}}"
            )
            self._links.append(f"      - {link}")

    def _party(self, role: str, kind: str) -> None:
        if (column := self._roles.get(role)) is not None:
            self._entities.append(
                f"      - {{ref: {role}, kind: Phone, key: {{value: {self._of(column)}}}, optional: true}}"
            )
            self._links.append(f"      - {{kind: {kind}, from: subject, to: {role}}}")

    def _taxon(self, subject: str) -> None:
        value = self._of(self._roles["species"])
        self._entities.append(f"      - {{ref: species, kind: Taxon, key: {{name: {value}}}, optional: true}}")
        if subject == "Listing":
            self._links.append("      - {kind: OFFERS, from: subject, to: species}")
            return
        said = {name: self._of(self._roles[name]) for name in ("quantity", "unit") if name in self._roles}
        attributes = (
            f", attributes: {{{', '.join(f'{name}: {value}' for name, value in said.items())}}}" if said else ""
        )
        self._links.append(f"      - {{kind: SEIZED_IN, from: species, to: subject{attributes}}}")

    def _or(self, role: str) -> str:
        """The column of a role, or the answer as a constant."""
        column = self._roles.get(role)
        return self._of(column) if column is not None else f"{{const: {_word(self._given[role])}}}"

    def _of(self, column: Column) -> str:
        self._read.add(column.name)
        if column.role != "date":
            return _word(column.name)
        form = self._given.get("date", "dmy") if column.date == "?" else column.date
        parts = [f"column: {_word(column.name)}", *([f"date: {form}"] if form and form != "ymd" else [])]
        parts += [f"timezone: {_word(self._given['timezone'])}"] if column.clock else []
        return f"{{{', '.join(parts)}}}" if len(parts) > 1 else _word(column.name)


def _word(text: str) -> str:
    """A text as YAML, always in quotes where anything could be read into it."""
    plain = text.isascii() and text.replace("_", "").isalpha() and text.lower() not in _CONSTANTS
    if plain:
        return text
    # YAML takes no control characters as they stand, and some that JSON lets pass.
    return "".join(one if one.isprintable() else f"\\U{ord(one):08x}" for one in json.dumps(text, ensure_ascii=False))


def _flow(value: Mapping[str, object]) -> str:
    said = [f"{name}: {_flow(one) if isinstance(one, Mapping) else _word(str(one))}" for name, one in value.items()]
    return f"{{{', '.join(said)}}}"


def _comment(name: str) -> str:
    return "".join(char if char.isprintable() else " " for char in name[:60])
