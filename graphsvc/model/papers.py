"""Bank cards and identity documents as keys: their numbers are checked, then only a keyed digest of them is left."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import stdnum.luhn

from graphsvc.model.documents import national_id
from graphsvc.model.keyeddigests import KeyedDigests, is_digest
from graphsvc.model.scalars import CleanContext, ValueProblem, as_text, fold

NATIONAL_ID = "national-id"
"""The kind of document whose number is the resident number, checked by its country's rule."""

_LENGTHS = range(12, 20)
_PUBLISHED = frozenset(
    (
        "4111111111111111", "4242424242424242", "4012888888881881", "4222222222222", "4000056655665556",
        "5555555555554444", "5105105105105100", "5200828282828210", "2223003122003222", "378282246310005",
        "371449635398431", "378734493671000", "6011111111111117", "6011000990139424", "3530111333300000",
        "3566002020360505", "30569309025904", "38520000023237", "6200000000000005",
    )
)  # fmt: skip
"""Numbers that payment services publish for tests: whoever writes one has no card."""
_MASK = re.compile(r"[*xX•·#]{2}")
_ENDING = re.compile(r"\*{3}([A-Z0-9]{3})")
_LABEL = re.compile(
    r"(?:PASSPORT|DOCUMENT|IDENTITY|ID|CARD|LICEN[CS]E|PASAPORTE|PASSEPORT|PASPOR|护照号?码?|證件|证件号?码?"
    r"|NUMBER|NUMERO|NUMÉRO|NO|NR|N°|Nº|№)(?![A-Z0-9])[\s.:#°/\-]*"
)
_FEWEST_DIFFERENT = 3


def card_number(value: str) -> str:
    """The digits of a whole payment card number, ISO/IEC 7812: 12 to 19 with Luhn's check digit.

    Raises ValueProblem ``masked_card``, ``published_card`` or ``invalid_card``: such a number links nothing.
    """
    digits = re.sub(r"[\s\-.]", "", fold(value))
    if _MASK.search(digits) is not None:
        message = "many cards share the digits that a mask leaves: give them as the attribute masked; kept, not linked"
        raise ValueProblem("masked_card", message)
    if not re.fullmatch(r"[0-9]+", digits) or len(digits) not in _LENGTHS or digits[0] in "078":
        raise ValueProblem("invalid_card", "this is no number of a payment card: it is kept masked, not linked")
    if not stdnum.luhn.is_valid(digits) or len(set(digits)) < _FEWEST_DIFFERENT:
        raise ValueProblem(
            "invalid_card", "the check digit of this card number is wrong: it is kept masked, not linked"
        )
    if digits in _PUBLISHED:
        raise ValueProblem("published_card", "this number is published for tests and no card: it is kept, not linked")
    return digits


def document_number(value: str) -> str:
    """A document's number in capitals and digits alone, without words before it and separators.

    Raises ValueProblem ``invalid_document``.
    """
    raw = fold(value).upper()
    for _ in range(4):
        raw = _LABEL.sub("", raw, count=1) if _LABEL.match(raw) else raw
    number = re.sub(r"[\s\-./()]", "", raw)
    if not re.fullmatch(r"[A-Z0-9]{4,24}", number) or not re.search(r"[0-9]", number):
        message = (
            "a document's number has 4 to 24 letters and digits, none of them covered: it is kept masked, not linked"
        )
        raise ValueProblem("invalid_document", message)
    if len(set(number)) < _FEWEST_DIFFERENT or number in "0123456789" or number in "9876543210":
        raise ValueProblem("invalid_document", "this stands in for a number that nobody knows: it is kept, not linked")
    return number


def ending(value: Any, context: CleanContext | None = None) -> str:
    """The last three characters of a document's number, ``***678``: people tell papers apart by them, keys don't."""
    raw = fold(as_text(value))
    if (shown := _ENDING.fullmatch(raw.upper())) is not None:
        return f"***{shown[1]}"
    return f"***{document_number(raw)[-3:]}"


@dataclass(frozen=True, slots=True, eq=False)
class Papers:
    """The cleaners of such numbers, bound to the digests of one service."""

    digests: KeyedDigests

    def card(self, value: Any, context: CleanContext | None = None) -> str:
        """The digest of a card's number; one that is given is checked."""
        raw = fold(as_text(value))
        return self.digests.checked("card", raw) if is_digest(raw) else self.digests.of("card", card_number(raw))

    def number(self, value: Any, context: CleanContext | None = None) -> str:
        """A document's number as :meth:`document` takes it: normalised, or a digest as given."""
        raw = fold(as_text(value))
        return raw if is_digest(raw) else document_number(raw)

    def document(self, country: str, kind: str, number: str) -> str:
        """``country:kind/digest`` of a document; a resident number must pass its country's check."""
        domain = f"document|{country}|{kind}"
        if is_digest(number):
            digest = self.digests.checked(domain, number)
        else:
            plain = national_id(f"{country}:{number}", None).partition(":")[2] if kind == NATIONAL_ID else number
            digest = self.digests.of(domain, plain)
        return f"{country.lower()}:{kind}/{digest}"
