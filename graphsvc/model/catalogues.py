"""Lists of the schema that cleaning reads: code lists, sites and couriers."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

import msgspec

from graphsvc.model import identifiers
from graphsvc.model.datafiles import read_yaml
from graphsvc.model.errors import InvalidInput
from graphsvc.model.scalars import CleanContext, ValueProblem, as_text, fold, user_id

ANY_SITE = "*"
"""The entry of ``sites.yaml`` that holds for every site."""
RESERVED = frozenset(("s10",))
"""Words that no courier may be called, because they are key schemes."""


class _CodelistFile(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    title: str
    source: str
    codes: dict[str, str]
    verified: bool = True
    prefix: str = ""
    aliases: dict[str, str] = {}
    spelledOut: bool = False  # noqa: N815 - as the file writes it


class _SiteFile(msgspec.Struct, forbid_unknown_fields=True):
    domains: list[str] = []
    aliases: list[str] = []
    item: str = ""
    user: str = ""
    pages: list[str] = []


class _CourierFile(msgspec.Struct, forbid_unknown_fields=True):
    waybill: str
    aliases: list[str] = []
    check: str = ""


@dataclass(frozen=True, slots=True)
class Codelist:
    """A controlled vocabulary: code → meaning, in the list's order. ``verified``: the source itself was seen."""

    name: str
    title: str
    source: str
    verified: bool
    codes: Mapping[str, str]
    folded: Mapping[str, str]
    prefix: str = ""

    def clean(self, value: Any, context: CleanContext | None = None) -> str:
        """The code as the list writes it, in upper or lower case. Raises ValueProblem ``not_in_list``."""
        word = as_text(value).strip()
        if word in self.codes:
            return word
        found = self.folded.get(word.casefold().removeprefix(self.prefix))
        if found is None:
            raise ValueProblem("not_in_list", f"this code is not in the list {self.name}; {self.hint(word)}")
        return found

    def hint(self, word: str) -> str:
        """Advice on an unknown word: the code that was probably meant, or the first few of the list."""
        near = difflib.get_close_matches(word.casefold(), self.folded, 1, 0.7)
        return f"did you mean {self.folded[near[0]]}?" if near else f"take one of: {self._some()}"

    def _some(self) -> str:
        shown = list(self.codes)
        return ", ".join(shown[:12]) + (f", … (schema/codelists/{self.name}.yaml)" if len(shown) > 12 else "")


def load_codelist(path: Path) -> Codelist:
    """One file of ``codelists/``; InvalidInput where it contradicts itself."""
    read = read_yaml(path, _CodelistFile)
    if read.name != path.stem:
        raise _bad(path, f"the list calls itself {read.name}")
    folded: dict[str, str] = {}
    meanings = {meaning: code for code, meaning in read.codes.items()} if read.spelledOut else {}
    for written, code in [*((code, code) for code in read.codes), *read.aliases.items(), *meanings.items()]:
        if code not in read.codes:
            raise _bad(path, f"alias {written} names the unknown code {code}")
        if folded.setdefault(written.casefold(), code) != code:
            raise _bad(path, f"{written} differs from another code by case only")
    codes = MappingProxyType(read.codes)
    return Codelist(
        read.name, read.title, read.source, read.verified, codes, MappingProxyType(folded), read.prefix.casefold()
    )


@dataclass(frozen=True, slots=True, eq=False)
class Sites:
    """Sites by name, alias and domain, and the patterns that find items and users in their addresses."""

    names: Mapping[str, str]
    domains: Mapping[str, str]
    items: Mapping[str, re.Pattern[str]]
    users: Mapping[str, re.Pattern[str]]
    pages: Mapping[str, frozenset[str]]
    """First path segments of addresses that lead to a page of the site, and not to a user's profile."""

    def clean(self, value: Any, context: CleanContext | None = None) -> str:
        """The canonical name of a site, from a name in any language, a host or an address."""
        return _site(self, as_text(value))

    def listing(self, value: Any, context: CleanContext | None = None) -> str:
        """``site:item`` from an advert's address; an unlisted site gives ``host:path?query``."""
        site, found = self._identified(as_text(value), self.items, "listing_url")
        return f"{site}:{found}"

    def profile(self, value: Any, context: CleanContext | None = None) -> str:
        """``site:user`` from a profile's address; an unlisted site gives ``host:path?query``."""
        site, found = self._identified(as_text(value), self.users, "profile_url")
        if found.partition("/")[0].casefold() in self.pages[ANY_SITE] | self.pages.get(site, frozenset()):
            raise ValueProblem(
                "profile_url", "this is a page of the site, not a user's profile: it is kept, not linked"
            )
        return f"{site}:{found}"

    def _identified(self, value: str, patterns: Mapping[str, re.Pattern[str]], code: str) -> tuple[str, str]:
        parts = urlsplit(identifiers.url(value))
        site = self.by_host(parts.netloc)
        address = parts.netloc + parts.path + (f"?{parts.query}" if parts.query else "")
        if site is None:
            rest = address[len(parts.netloc) :].strip("/")
            if not rest:
                raise ValueProblem(code, "this address names a site, not a page on it")
            return parts.netloc.removeprefix("www."), user_id(rest)
        pattern = patterns.get(site)
        found = pattern.search(address) if pattern else None
        if found is None:
            raise ValueProblem(code, "this form of address is not known for its site: give site and id instead of url")
        return site, user_id(found[1])

    def by_host(self, host: str) -> str | None:
        """The site that a host belongs to, by its longest listed domain."""
        labels = host.partition(":")[0].split(".")
        for start in range(len(labels) - 1):
            if (site := self.domains.get(".".join(labels[start:]))) is not None:
                return site
        return None


@lru_cache(maxsize=1 << 12)
def _site(sites: Sites, value: str) -> str:
    word = fold(value).casefold()
    if (known := sites.names.get(word)) is not None:
        return known
    if "://" in word or "/" in word:
        word = urlsplit(identifiers.url(word)).netloc
    if (known := sites.by_host(word)) is not None:
        return known
    return _slug(word.removeprefix("www."), "site")


def load_sites(path: Path) -> Sites:
    """``sites.yaml``; InvalidInput where two sites claim one name or domain or a pattern has no group."""
    names: dict[str, str] = {}
    domains: dict[str, str] = {}
    items: dict[str, re.Pattern[str]] = {}
    users: dict[str, re.Pattern[str]] = {}
    pages: dict[str, frozenset[str]] = {ANY_SITE: frozenset()}
    for site, read in read_yaml(path, dict[str, _SiteFile]).items():
        pages[site] = frozenset(page.casefold() for page in read.pages)
        if site == ANY_SITE:
            continue
        for table, words in ((names, [_slug(site, "site"), *read.aliases]), (domains, read.domains)):
            for word in words:
                if table.setdefault(fold(word).casefold(), site) != site:
                    raise _bad(path, f"{word} names two sites")
        for patterns, written in ((items, read.item), (users, read.user)):
            if written:
                patterns[site] = _pattern(written, path, groups=1)
    return Sites(*(MappingProxyType(table) for table in (names, domains, items, users, pages)))  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True, eq=False)
class Couriers:
    """Couriers by name, the forms of their waybills, and the check-digit rule of each."""

    names: Mapping[str, str]
    waybills: Mapping[str, re.Pattern[str]]
    checks: Mapping[str, str]

    def clean(self, value: Any, context: CleanContext | None = None) -> str:
        """The canonical name of a courier; for an unlisted one, its name in lower case."""
        word = fold(as_text(value)).casefold()
        return self.names.get(word) or _slug(word, "courier")

    def compose(self, courier: str, waybill: str) -> str:
        """``courier:waybill``, or ``s10:item`` for a valid postal item number, which is the same at every post."""
        raw = re.sub(r"[^A-Z0-9]", "", waybill)
        if identifiers.is_s10(raw):
            return f"s10:{raw}"
        pattern = self.waybills.get(courier)
        if pattern is None and identifiers.looks_s10(raw):
            raise ValueProblem("invalid_s10", "the check digit of this postal item number is wrong (UPU S10)")
        if not 6 <= len(raw) <= 40 or not re.search(r"[0-9]", raw):
            raise ValueProblem("invalid_waybill", "a waybill has 6 to 40 letters and digits: it is kept, not linked")
        if pattern is not None and not pattern.fullmatch(raw):
            raise ValueProblem("invalid_waybill", "this is no waybill of that courier: it is kept, not linked")
        if not _CHECKS[self.checks.get(courier, "")](raw):
            raise ValueProblem("invalid_waybill", "the check digit of this waybill is wrong: it is kept, not linked")
        return f"{courier}:{raw}"


def load_couriers(path: Path) -> Couriers:
    """``couriers.yaml``; InvalidInput where two couriers claim one name or a check-digit rule is not known."""
    names: dict[str, str] = {}
    waybills: dict[str, re.Pattern[str]] = {}
    checks: dict[str, str] = {}
    for courier, read in read_yaml(path, dict[str, _CourierFile]).items():
        for word in [_slug(courier, "courier"), *read.aliases]:
            if names.setdefault(fold(word).casefold(), courier) != courier:
                raise _bad(path, f"{word} names two couriers")
        if read.check not in _CHECKS:
            raise _bad(path, f"{courier}: unknown check {read.check}")
        waybills[courier] = _pattern(read.waybill, path, groups=0)
        checks[courier] = read.check
    return Couriers(MappingProxyType(names), MappingProxyType(waybills), MappingProxyType(checks))


def _bad(path: Path, what: str) -> InvalidInput:
    return InvalidInput(f"{path.name}: {what}", code="bad_file", where=path.name)


def _pattern(written: str, path: Path, groups: int) -> re.Pattern[str]:
    try:
        pattern = re.compile(written)
    except re.error as error:
        raise _bad(path, f"bad pattern {written}: {error}") from error
    if pattern.groups != groups:
        raise _bad(path, f"{written} must have {groups} groups")
    return pattern


def _slug(word: str, what: str) -> str:
    slug = re.sub(r"[\s_]+", "-", fold(word).casefold())
    if not re.fullmatch(r"[\w](?:[\w.&-]{0,98}[\w])?", slug) or slug in RESERVED:
        raise ValueProblem(f"invalid_{what}", f"write the {what}'s name or host: letters, digits, dots and hyphens")
    return slug


def _ups(raw: str) -> bool:
    """UPS 1Z: letters count (code - 63) modulo 10, every second character twice, check digit completes to ten."""
    digits = [int(c) if c.isdigit() else (ord(c) - 63) % 10 for c in raw[2:]]
    total = sum(digits[0:15:2]) + 2 * sum(digits[1:15:2])
    return -total % 10 == digits[15]


_CHECKS = MappingProxyType({"": lambda raw: True, "mod7": lambda raw: int(raw[:-1]) % 7 == int(raw[-1]), "ups": _ups})
