"""Sites: what an address of an advert or a profile names, read from ``schema/sites.yaml``.

A page that is no user's profile makes one account of all who ever linked to it, so pages are known too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import unquote, urlsplit

import msgspec

from graphsvc.model import identifiers
from graphsvc.model.catalogues import bad_file, slug
from graphsvc.model.datafiles import read_yaml
from graphsvc.model.scalars import CleanContext, ValueProblem, as_text, fold, user_id

ANY_SITE = "*"
"""The entry of ``sites.yaml`` that holds for every site."""

_SAME_HOST = re.compile(r"^(?:www\d?|m|mobile|web|touch|mbasic|old|new|[a-z]{2}(?:-[a-z]{2})?)\.(?=[^.]+\.)")
"""Host names under which a site shows the same pages: for small screens, in a language, as they were."""
_LANGUAGE = re.compile(r"[a-z]{2}(?:[-_][a-z]{2,4})?", re.I)
_NO_PROFILE = frozenset(
    (
        "login", "signin", "sign-in", "signup", "sign-up", "register", "logout", "search", "help", "faq", "cart",
        "checkout", "share", "password", "reset",
    )
)  # fmt: skip
_HOLDERS = frozenset(
    (
        "account", "accounts", "author", "channel", "member", "members", "people", "profile", "seller", "shop", "store",
        "user", "users",
    )
)  # fmt: skip
"""First steps of a path behind which sites keep their users."""
_USER_QUERY = re.compile(r"(?:^|&)(?:id|uid|u|user|userid|user_id|username|member|memberid|profile)=[^&]", re.I)
_SEARCHES = re.compile(r"(?:^|&)(?:q|query|keyword|keywords|search|search_query|s)=", re.I)


class _SiteFile(msgspec.Struct, forbid_unknown_fields=True):
    source: str = ""
    domains: list[str] = []
    aliases: list[str] = []
    item: str | list[str] = ""
    user: str | list[str] = ""
    handle: str | list[str] = ""
    ids: str = ""
    folds: bool = False
    ignores: str = ""
    pages: list[str] = []
    short: list[str] = []


@dataclass(frozen=True, slots=True)
class Form:
    """One form of address: a pattern whose groups are the identifier, and what of an address it is matched with."""

    pattern: re.Pattern[str]
    hosted: bool
    queried: bool

    def found(self, host: str, path: str, query: str) -> str | None:
        """The identifier in an address of this form: its groups with a slash between; else None."""
        address = (host if self.hosted else "") + path + (f"?{query}" if self.queried and query else "")
        match = self.pattern.fullmatch(address)
        return None if match is None else "/".join(group for group in match.groups() if group)


@dataclass(frozen=True, slots=True)
class Site:
    """One site. ``users`` keep their case, ``handles`` have none; ``ids`` are given ids that keep theirs.

    ``folds``: its names have no case, though no address of the site shows them.
    """

    name: str
    items: tuple[Form, ...]
    users: tuple[Form, ...]
    handles: tuple[Form, ...]
    ids: re.Pattern[str]
    ignores: str
    pages: frozenset[str]
    folds: bool = False

    def folded(self, name: str) -> str:
        """A public name without case, and without what the site ignores in it."""
        if not (self.handles or self.folds) or self.ids.fullmatch(name):
            return name
        plain = fold(name.casefold())
        return user_id(plain.translate(dict.fromkeys(map(ord, self.ignores))) or plain)


@dataclass(frozen=True, slots=True, eq=False)
class Sites:
    """Sites by name, alias and domain. Equal only to itself, so that it may be part of a cache's key."""

    names: Mapping[str, str]
    domains: Mapping[str, str]
    sites: Mapping[str, Site]
    pages: frozenset[str]
    """First path segments, on any site, of addresses that lead to a page of the site and to no profile."""
    short: frozenset[str]
    """Hosts of addresses that only lead on to others."""

    def clean(self, value: Any, context: CleanContext | None = None) -> str:
        """The canonical name of a site, from a name in any language, a host or an address."""
        return _site(self, as_text(value))

    def listing(self, value: Any, context: CleanContext | None = None) -> str:
        """``site:item`` from an advert's address; an unlisted site gives ``host:path?query``."""
        return _listing(self, as_text(value))

    def profile(self, value: Any, context: CleanContext | None = None) -> str:
        """``site:user`` from a profile's address; an unlisted site gives ``host:path?query``."""
        return _profile(self, as_text(value))

    def account(self, site: str, user: str) -> str:
        """``site:user`` from a site's name and a user's id, public name or address there."""
        known = self.sites.get(site)
        if known is None:
            return f"{site}:{user}"
        if "://" in user:
            return self._same(site, self.profile(user), "profile_url")
        name = known.folded(user)
        if known.handles and not known.pages.isdisjoint((name, user.casefold())):
            raise ValueProblem("profile_url", "this names a page of the site, not a user: it is kept, not linked")
        return f"{site}:{name}"

    def advert(self, site: str, item: str) -> str:
        """``site:item`` from a site's name and an item's id or address there."""
        if "://" in item and site in self.sites:
            return self._same(site, self.listing(item), "listing_url")
        return f"{site}:{item}"

    def _same(self, site: str, key: str, code: str) -> str:
        if key.partition(":")[0] != site:
            raise ValueProblem(code, "this address is on another site than the one given: it is kept, not linked")
        return key

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
    return slug(word.removeprefix("www."), "site")


@lru_cache(maxsize=1 << 14)
def _listing(sites: Sites, value: str) -> str:
    host, path, query = _address(sites, value, "listing_url")
    site = sites.by_host(host)
    if site is None:
        return _unlisted(host, path, query, "listing_url")
    known = sites.sites[site]
    for form in known.items:
        if (found := form.found(_SAME_HOST.sub("", host), path, query)) is not None:
            return f"{site}:{user_id(unquote(found))}"
    raise ValueProblem(
        "listing_url", "this form of address is not known for its site: give site and item instead of url"
    )


@lru_cache(maxsize=1 << 14)
def _profile(sites: Sites, value: str) -> str:
    host, path, query = _address(sites, value, "profile_url")
    site = sites.by_host(host)
    if site is None:
        _check_profile(sites, path, query)
        return _unlisted(host, path, query, "profile_url")
    known, plain = sites.sites[site], _SAME_HOST.sub("", host)
    own = plain in sites.domains  # help.x.com/en is no user of x
    for form in known.users:
        if (own or form.hosted) and (found := form.found(plain, path, query)) is not None:
            return f"{site}:{user_id(unquote(found))}"
    for form in known.handles:
        if (own or form.hosted) and (found := form.found(plain, path, query)) is not None:
            name = known.folded(user_id(unquote(found)))
            if name in known.pages or found.casefold() in known.pages or name in sites.pages:
                raise _page()
            return f"{site}:{name}"
    raise ValueProblem("profile_url", "this form of address is not known for its site: give site and id instead of url")


def _address(sites: Sites, value: str, code: str) -> tuple[str, str, str]:
    """Host, path without a slash at its end, and query of an address."""
    parts = urlsplit(identifiers.url(value))
    if parts.netloc in sites.short:
        message = "this is a short link that leads on: open it and give the address that it leads to"
        raise ValueProblem(code, message)
    return parts.netloc, parts.path.rstrip("/"), parts.query


def _unlisted(host: str, path: str, query: str, code: str) -> str:
    rest = (path + (f"?{query}" if query else "")).strip("/")
    if not rest:
        raise ValueProblem(code, "this address names a site, not a page on it")
    return f"{host.removeprefix('www.')}:{user_id(rest)}"


def _check_profile(sites: Sites, path: str, query: str) -> None:
    """Refuse an address on an unlisted site that leads to a page of the site."""
    steps = [step.casefold() for step in path.split("/") if step]
    if len(steps) > 1 and _LANGUAGE.fullmatch(steps[0]):
        steps = steps[1:]
    if _SEARCHES.search(query) or any(step.partition(".")[0] in _NO_PROFILE for step in steps):
        raise _page()
    if steps and steps[0] in sites.pages:
        holds = len(steps) > 1 and steps[0] in _HOLDERS and steps[1] not in sites.pages
        if not holds and not (len(steps) == 1 and _USER_QUERY.search(query)):
            raise _page()


def _page() -> ValueProblem:
    return ValueProblem("profile_url", "this is a page of the site, not a user's profile: it is kept, not linked")


def load_sites(path: Path) -> Sites:
    """``sites.yaml``; InvalidInput where two sites claim one name or domain or a pattern has no group."""
    names: dict[str, str] = {}
    domains: dict[str, str] = {}
    sites: dict[str, Site] = {}
    pages, short = frozenset[str](), frozenset[str]()
    for name, read in read_yaml(path, dict[str, _SiteFile]).items():
        if name == ANY_SITE:
            pages, short = frozenset(page.casefold() for page in read.pages), frozenset(read.short)
            continue
        for table, words in ((names, [slug(name, "site"), *read.aliases]), (domains, read.domains)):
            for word in words:
                if table.setdefault(fold(word).casefold(), name) != name:
                    raise bad_file(path, f"{word} names two sites")
        items, users, handles = (_forms(written, path) for written in (read.item, read.user, read.handle))
        own = frozenset(page.casefold() for page in read.pages)
        sites[name] = Site(name, items, users, handles, re.compile(read.ids or "(?!)"), read.ignores, own, read.folds)
    return Sites(MappingProxyType(names), MappingProxyType(domains), MappingProxyType(sites), pages, short)


def _forms(written: str | list[str], path: Path) -> tuple[Form, ...]:
    forms = []
    for one in [written] if isinstance(written, str) else written:
        if not one:
            continue
        try:
            pattern = re.compile(one)
        except re.error as error:
            raise bad_file(path, f"bad pattern {one}: {error}") from error
        if not pattern.groups:
            raise bad_file(path, f"{one} must have a group")
        forms.append(Form(pattern, not one.startswith("/"), r"\?" in one))
    return tuple(forms)
