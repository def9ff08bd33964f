"""Which hits owners are told of late, or never, because a law asks for it: a file beside the rules, part of them.

Owners are told at once of every other hit, and of every record that is shown. A rule lists the askings that it is about
(who asks, for what purpose, on which legal basis), and no two rules may be about one asking: where two laws ask for
different things, people decide, not the order of a file. That some hits are told late is no secret: readers of the
access log are shown these rules.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from itertools import combinations
from typing import Annotated

import msgspec

from graphsvc.model.catalogues import load_codelist
from graphsvc.model.datafiles import parse_yaml
from graphsvc.model.errors import InvalidInput
from graphsvc.model.principals import Footing
from graphsvc.model.product import product_data
from graphsvc_verify.telling import MOST_DAYS

TELLING_FILE = "telling.yaml"
MAX_RULES = 50
"""At most this many rules in the file."""
MAX_LAW = 200
"""At most this many bytes in a rule's law: it stands in every entry that the rule is about, and must not enlarge it."""
KINDS = "organisation-kinds"
LISTS = {"purposes": "purposes", "legal_bases": "legal-bases", "askers": KINDS, "owners": KINDS}
"""The members that say which askings a rule is about, and the code list of each."""

Name = Annotated[str, msgspec.Meta(pattern=r"\A[a-z0-9]+(-[a-z0-9]+)*\Z", max_length=40)]
Codes = Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]


class Telling(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """A rule: hits of these askings are told ``delay`` days late, or never (``silent``), as ``law`` asks.

    ``askers`` and ``owners`` are kinds of organisations; without ``owners`` it is about hits on anybody's records.
    """

    name: Name
    law: str
    purposes: Codes
    legal_bases: Codes
    askers: Codes
    owners: Codes | None = None
    delay: Annotated[int, msgspec.Meta(ge=1, le=MOST_DAYS)] | None = None
    silent: bool = False

    def meets(self, footing: Footing, asker: str, owner: str) -> bool:
        """Whether it is about a hit of an asker, on records of an owner, of these kinds."""
        asked = footing.purpose in self.purposes and footing.legal_basis in self.legal_bases
        return footing.stated and asked and asker in self.askers and (self.owners is None or owner in self.owners)

    def overlaps(self, other: Telling) -> bool:
        """Whether there is an asking that both are about."""
        for name in LISTS:
            mine, its = getattr(self, name), getattr(other, name)
            if mine is not None and its is not None and not set(mine) & set(its):
                return False
        return True

    def said(self) -> str:
        """The rule in one line, for people."""
        when = "never" if self.silent else f"{self.delay} days late"
        whose = "all" if self.owners is None else ", ".join(self.owners)
        asked = f"{', '.join(self.askers)} for {', '.join(self.purposes)} on {', '.join(self.legal_bases)}"
        return f"{self.name}: {when}; asked by {asked}; owners: {whose}; law: {self.law}"


class Tellings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All rules of a version; without any, everything is told at once."""

    rules: tuple[Telling, ...] = ()

    def of(self, footing: Footing, asker: str, owner: str) -> Telling | None:
        """The one rule about a hit of an asker, on records of an owner, of these kinds; None: it is told at once."""
        return next((rule for rule in self.rules if rule.meets(footing, asker, owner)), None)


AT_ONCE = Tellings()


def parse_tellings(text: str) -> Tellings:
    """The rules in a file's text; InvalidInput says where it is wrong."""
    found = parse_yaml(text.encode(), Tellings, TELLING_FILE)
    if len(found.rules) > MAX_RULES:
        raise _bad(f"more than {MAX_RULES} rules")
    for rule in found.rules:
        _check(rule)
    for one, other in combinations(found.rules, 2):
        if one.name == other.name:
            raise _bad(f"two rules are called {one.name}")
        if one.overlaps(other):
            message = f"{one.name} and {other.name} are about one and the same asking: say in one of them what holds"
            raise _bad(message)
    return found


def changed_tellings(old: Tellings, new: Tellings) -> Iterator[str]:
    """The rules that differ between ``old`` and ``new``, a line each."""
    before, after = ({rule.name: rule for rule in rules.rules} for rules in (old, new))
    for name in sorted({*before, *after}):
        if before.get(name) == after.get(name):
            continue
        if name in before:
            yield f"- {TELLING_FILE} {before[name].said()}"
        if name in after:
            yield f"+ {TELLING_FILE} {after[name].said()}"


def _check(rule: Telling) -> None:
    if rule.silent is (rule.delay is not None):
        raise _bad(f"{rule.name}: say either delay, in days, or silent: true")
    if not rule.law.strip() or rule.law != rule.law.strip() or not rule.law.isprintable():
        raise _bad(f"{rule.name}: law names the law that asks for it, in one line")
    if len(rule.law.encode()) > MAX_LAW:
        raise _bad(f"{rule.name}: law has more than {MAX_LAW} bytes: name it, and do not quote it")
    for member, listing in LISTS.items():
        codes = _codes(listing)
        named = getattr(rule, member) or ()
        for code in named:
            if code not in codes:
                raise _bad(f"{rule.name}: there is no {code} in schema/codelists/{listing}.yaml")
        if len(set(named)) != len(named):
            raise _bad(f"{rule.name}: a word stands twice among its {member.replace('_', ' ')}")


@cache
def _codes(listing: str) -> frozenset[str]:
    return frozenset(load_codelist(product_data("schema") / "codelists" / f"{listing}.yaml").codes)


def _bad(message: str) -> InvalidInput:
    return InvalidInput(message, code="bad_file", where=TELLING_FILE)
