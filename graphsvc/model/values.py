"""The value types that schema files may name: one cleaner and one JSON Schema fragment each.

Types that read lists of the schema (``code:<list>``, ``site``, ``courier``, ``phone``, ``listing-url``, …) are added
when a schema is loaded; see :mod:`graphsvc.model.schema`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from graphsvc.model import addresses, documents, identifiers, papers, scalars
from graphsvc.model.positions import coordinates
from graphsvc.model.scalars import CleanContext, ValueProblem, as_text
from graphsvc.model.wallets import wallet

__all__ = ["TYPES", "CleanContext", "ValueProblem", "ValueType", "clean"]

Cleaner = Callable[[Any, CleanContext], Any]

_TEXT: Mapping[str, Any] = MappingProxyType({"type": ["string", "integer"]})
_ONLY_TEXT: Mapping[str, Any] = MappingProxyType({"type": "string"})
_NUMBER: Mapping[str, Any] = MappingProxyType({"type": ["string", "number"]})
_PLAIN = frozenset(("text", "name", "address", "boolean", "integer", "decimal", "date", "datetime"))


@dataclass(frozen=True, slots=True)
class ValueType:
    """A type of value: its name, how it is cleaned, what JSON may hold it, and a line for people."""

    name: str
    clean: Cleaner
    json: Mapping[str, Any]
    title: str

    @property
    def identifies(self) -> bool:
        """Whether values identify something, and are not text, a quantity, a time or a code."""
        return self.name not in _PLAIN and not self.name.startswith("code:")

    @property
    def secret(self) -> bool:
        """Whether a value is never kept whole, not even where it is wrong."""
        return self.name in ("card", "document-ending") or self.digested

    @property
    def digested(self) -> bool:
        """Whether a value stands in keys as a digest under the service's key, and nowhere else."""
        return self.name in ("card-number", "document-number")

    @property
    def counts(self) -> bool:
        """Whether values are quantities."""
        return self.name in ("integer", "decimal")


def clean(name: str, value: Any, context: CleanContext) -> Any:
    """The canonical form of ``value`` as type ``name``.

    Raises ValueProblem where the value has no such form, KeyError for a type that is not in :data:`TYPES`.
    """
    return TYPES[name].clean(value, context)


def _plain(rule: Callable[[str], str]) -> Cleaner:
    return lambda value, _: rule(value if isinstance(value, str) else as_text(value))


def _scalar(rule: Callable[[Any], Any]) -> Cleaner:
    return lambda value, _: rule(value)


def _own(value: Any, context: CleanContext) -> str:
    return f"{context.org}/{scalars.reference(value)}"


def _types() -> dict[str, ValueType]:
    rows: list[tuple[str, Cleaner, Mapping[str, Any], str]] = [
        ("text", _scalar(scalars.text), _TEXT, "Free text"),
        ("name", _scalar(scalars.name), _TEXT, "A name on one line"),
        ("reference", _scalar(scalars.reference), _TEXT, "The contributor's own reference"),
        ("own-ref", _own, _TEXT, "A reference that holds for its contributor only"),
        ("identifier", _scalar(scalars.identifier), _TEXT, "A number given out by an office"),
        ("user-id", _scalar(scalars.user_id), _TEXT, "A user or item id on a site"),
        ("handle", _scalar(scalars.handle), _TEXT, "A public handle"),
        ("plate", _scalar(scalars.plate), _TEXT, "A registration plate"),
        ("address", _scalar(scalars.address), _TEXT, "A postal address"),
        ("boolean", _scalar(scalars.boolean), {"type": ["boolean", "string"]}, "True or false"),
        ("integer", _scalar(scalars.integer), {"type": ["integer", "string"]}, "A whole number"),
        ("decimal", _scalar(scalars.decimal), _NUMBER, "An exact number, best written as a string"),
        ("date", _scalar(scalars.day), _TEXT, "YYYY-MM-DD, YYYY-MM or YYYY"),
        ("datetime", _scalar(scalars.moment), _ONLY_TEXT, "RFC 3339 with offset, or a date"),
        ("national-id", lambda v, c: documents.national_id(as_text(v), c.region), _TEXT, "Resident number, CC:…"),
        ("email", _plain(identifiers.email), _ONLY_TEXT, "An e-mail address"),
        ("url", _plain(identifiers.url), _ONLY_TEXT, "A web address"),
        ("iban", _plain(identifiers.IBAN), _ONLY_TEXT, "An IBAN"),
        ("imei", _plain(identifiers.imei), _TEXT, "An IMEI, 14 to 16 digits"),
        ("imsi", _plain(identifiers.IMSI), _TEXT, "An IMSI"),
        ("iccid", _plain(identifiers.iccid), _TEXT, "A SIM card number"),
        ("mac", _plain(identifiers.mac), _ONLY_TEXT, "A hardware address"),
        ("ip", _plain(identifiers.ip), _ONLY_TEXT, "An IP address"),
        ("public-ip", _plain(addresses.public_ip), _ONLY_TEXT, "An IP address of the internet, with or without port"),
        ("iso6346", _plain(identifiers.ISO6346), _ONLY_TEXT, "A container number"),
        ("imo", _plain(identifiers.IMO), _TEXT, "An IMO ship number"),
        ("vin", _plain(identifiers.vin), _ONLY_TEXT, "A vehicle identification number"),
        ("lei", _plain(identifiers.LEI), _ONLY_TEXT, "A legal entity identifier"),
        ("uscc", _plain(identifiers.USCC), _ONLY_TEXT, "A Chinese unified social credit code"),
        ("wallet", _plain(wallet), _ONLY_TEXT, "A Bitcoin, EVM, TRON, Litecoin or Monero address"),
        ("card", _plain(documents.card), _TEXT, "A payment card, kept masked"),
        ("document-ending", papers.ending, _TEXT, "A document's number, of which three characters are kept"),
        ("permit", _plain(documents.permit), _TEXT, "A permit number"),
        ("s10", _plain(identifiers.s10), _ONLY_TEXT, "A postal item number, UPU S10"),
        ("coordinates", _plain(coordinates), _ONLY_TEXT, "lat,lon in degrees"),
        ("sha256", _plain(identifiers.digest(256)), _ONLY_TEXT, "SHA-256, 64 hexadecimal digits"),
        ("pdq", _plain(identifiers.digest(256)), _ONLY_TEXT, "PDQ hash, 64 hexadecimal digits"),
        ("phash", _plain(identifiers.digest(64)), _ONLY_TEXT, "Perceptual hash, 16 hexadecimal digits"),
    ]
    return {name: ValueType(name, rule, json, title) for name, rule, json, title in rows}


TYPES: Mapping[str, ValueType] = MappingProxyType(_types())
"""Every type that needs no list of the schema."""
