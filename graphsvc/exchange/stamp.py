"""The stamp of an export: the highest handling code in it, who took it, when, why, and the log's head then."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from graphsvc.model.labels import Handling

ORDERS = {
    "tlp-2.0": ("CLEAR", "GREEN", "AMBER", "AMBER+STRICT", "RED"),
    "europol": ("H0", "H1", "H2", "H3"),
    "uk-3x5x2": ("P", "C"),
}
"""The codes of each scheme of handling, the strictest last. H3 stands for other restrictions: it may be any."""
PAPS = ("CLEAR", "GREEN", "AMBER", "RED")
"""Codes of the Permissible Actions Protocol, the strictest last."""


class LeftOut(msgspec.Struct, frozen=True):
    """Records of an owner that may be looked at and not exported, and by which rule."""

    owner: str
    rule: str
    records: int


class Stamp(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """What every exported file says of itself.

    ``handling`` has the strictest code of each scheme that occurs: schemes can't be compared. ``person`` is the salted
    hash by which the log names the caller. ``at`` is the time of the last entry, RFC 3339. ``entries`` are the ledger
    indexes of the answers; ``log``, ``size`` and ``root`` (base64url) name a head of the log that holds them all.
    """

    handling: tuple[Handling, ...]
    pap: str
    viewer: str
    person: str
    purpose: str
    legal_basis: str
    case: str
    at: str
    log: str
    size: int
    root: str
    entries: tuple[int, ...]
    withheld: tuple[LeftOut, ...] = ()
    cut: bool = False

    @property
    def codes(self) -> str:
        """The handling codes in words: ``TLP:AMBER, europol H1``; where nothing says one, that."""
        return ", ".join(map(spelled, self.handling)) or "no handling code: it holds no record"

    def lines(self) -> Iterator[tuple[str, str]]:
        """The stamp as names and texts, for formats that hold no more."""
        yield "handling", self.codes
        if self.pap:
            yield "pap", self.pap
        yield "viewer", self.viewer
        for name, value in (
            ("person", self.person), ("purpose", self.purpose), ("legalBasis", self.legal_basis), ("case", self.case),
        ):  # fmt: skip
            if value:
                yield name, value
        yield "at", self.at
        yield "logEntries", " ".join(map(str, self.entries))
        yield "logHead", f"{self.log} {self.size} {self.root}"
        for one in self.withheld:
            yield "leftOut", f"{one.records} records of {one.owner} ({one.rule})"
        if self.cut:
            yield "cut", "there is more than is here"

    def text(self) -> str:
        """The stamp as one text."""
        return "\n".join(f"{name}: {value}" for name, value in self.lines())


def spelled(handling: Handling) -> str:
    """A handling code in words."""
    return f"TLP:{handling.code}" if handling.scheme == "tlp-2.0" else f"{handling.scheme} {handling.code}"


def strictest(codes: Iterable[Handling]) -> tuple[Handling, ...]:
    """The strictest code of each scheme, TLP first. Of a scheme without a known order all codes are given."""
    found: dict[str, set[str]] = {}
    for one in codes:
        found.setdefault(one.scheme, set()).add(one.code)
    kept: list[Handling] = []
    for scheme in sorted(found, key=lambda scheme: (scheme != "tlp-2.0", scheme)):
        order = ORDERS.get(scheme, ())
        strange = sorted(found[scheme] - set(order))
        known = [max(found[scheme] & set(order), key=order.index)] if found[scheme] & set(order) else []
        kept += [Handling(scheme, code) for code in (*known, *strange)]
    return tuple(kept)


def strictest_pap(codes: Iterable[str | None]) -> str:
    """The strictest code of PAP, empty where none is said; an unknown one counts as RED."""
    said = {code if code in PAPS else "RED" for code in codes if code}
    return max(said, key=PAPS.index, default="")
