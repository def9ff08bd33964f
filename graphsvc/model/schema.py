"""The schema: kinds of entity, kinds of link and code lists, read from ``schema/`` and checked once at start.

Entity types are data: one YAML file for each kind. Whatever depends on kinds (constraints, JSON Schema, documentation)
is made from the object that :func:`load_schema` gives.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

import msgspec

from graphsvc.model.catalogues import Codelist, load_codelist
from graphsvc.model.couriers import Couriers, load_couriers
from graphsvc.model.datafiles import read_yaml
from graphsvc.model.errors import InvalidInput
from graphsvc.model.gradings import Gradings, load_gradings
from graphsvc.model.hints import hint
from graphsvc.model.keyeddigests import KeyedDigests, is_digest
from graphsvc.model.labels import GROUPS
from graphsvc.model.numbering import Numbering, load_numbering
from graphsvc.model.papers import Papers
from graphsvc.model.product import product_data
from graphsvc.model.scalars import MAX_SHORT, CleanContext, ValueProblem
from graphsvc.model.sites import Sites, load_sites
from graphsvc.model.spreadsheets import restored
from graphsvc.model.taxa import Taxa, load_taxa
from graphsvc.model.values import TYPES, ValueType

_WORD = re.compile(r"[a-z][A-Za-z0-9]{0,39}")
_KIND = re.compile(r"[A-Z][A-Za-z]{0,39}")
_LINK = re.compile(r"[A-Z][A-Z_]{0,39}")

Composers = Mapping[str, Callable[..., str]]
"""What makes the rest of a key from its clean parts, by the word for it in a kind's file."""


class _AttributeFile(msgspec.Struct, forbid_unknown_fields=True):
    type: str
    group: str
    title: str
    many: bool = False


class _KeyFile(msgspec.Struct, forbid_unknown_fields=True):
    scheme: str
    parts: dict[str, str]
    compose: Literal["", "waybill", "account", "advert", "document"] = ""
    shows: dict[str, str] = {}


class _KindFile(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    number: int
    scope: Literal["global", "contributor"]
    title: str
    keys: list[_KeyFile]
    label: str | None = None
    dated: bool = False
    common: bool = False
    attributes: dict[str, _AttributeFile] = {}


class _LinkFile(msgspec.Struct, rename={"source": "from", "target": "to"}, forbid_unknown_fields=True):
    title: str
    source: list[str]
    target: list[str]
    attributes: dict[str, _AttributeFile] = {}


class _LinksFile(msgspec.Struct, forbid_unknown_fields=True):
    links: dict[str, _LinkFile]
    sets: dict[str, list[str]] = {}


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute: its value type, its field group, whether it may hold several values."""

    name: str
    type: ValueType
    group: str
    many: bool
    title: str


@dataclass(frozen=True, slots=True)
class KeyForm:
    """One way to give an entity's key: its parts in order, and the scheme that the canonical key gets.

    ``scheme`` is a word (``e164``), ``<part>`` for that part's value, ``<org>`` for the contributor's slug, or ``*``
    where the last part's canonical value is ``scheme:value`` itself. ``shows`` maps attributes to the key parts that
    they are taken from, where a row doesn't give them: what may be shown of a number that the key has only a digest of.
    """

    scheme: str
    parts: tuple[tuple[str, ValueType], ...]
    compose: Callable[..., str] | None = None
    shows: Mapping[str, str] = field(default_factory=dict)

    @property
    def names(self) -> frozenset[str]:
        """The names of the parts."""
        return frozenset(name for name, _ in self.parts)


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of entity. ``number`` is the kind byte of handles, for ever; ``label`` names the attribute to show.

    ``dated``: such a thing is another's tomorrow, so that a link of it says when it held, or is none. ``common``: it is
    no wonder that very many rows of a file speak of one.
    """

    name: str
    number: int
    scope: str
    title: str
    keys: tuple[KeyForm, ...]
    forms: Mapping[frozenset[str], KeyForm]
    label: str | None
    attributes: Mapping[str, Attribute]
    dated: bool = False
    common: bool = False
    secret: bool = False
    """Whether a part of its keys is a number that is never kept."""


@dataclass(frozen=True, slots=True)
class LinkKind:
    """A kind of link: the pairs of kinds that it may join, and its attributes."""

    name: str
    title: str
    sources: tuple[str, ...]
    targets: tuple[str, ...]
    pairs: frozenset[tuple[str, str]]
    attributes: Mapping[str, Attribute]


@dataclass(frozen=True, slots=True, eq=False)
class Schema:
    """All kinds, links and lists. Immutable; equal only to itself, so it may serve as a cache key.

    ``digest`` is ``sha256:<hex>`` over the files' names and bytes: it tells two versions of the schema apart.
    """

    kinds: Mapping[str, Kind]
    links: Mapping[str, LinkKind]
    codelists: Mapping[str, Codelist]
    types: Mapping[str, ValueType]
    sites: Sites
    couriers: Couriers
    gradings: Gradings
    digest: str

    def key_of(self, kind: str, parts: Mapping[str, Any], org: str, region: str | None = None) -> str:
        """The canonical key of an entity, ``kind:scheme:value``.

        Raises ValueProblem: ``unknown_kind``, ``missing_key_part`` or ``unknown_key_part`` (these reject), or what the
        part's type says of its value.
        """
        found = self.kinds.get(kind)
        if found is None:
            raise ValueProblem("unknown_kind", f"there is no such kind; {hint(kind, self.kinds)}", rejects=True)
        return key_of(found, parts, CleanContext(region, org))

    def key_in_act(self, kind: str, parts: Mapping[str, Any], org: str) -> str:
        """The canonical key of an entity that a signed act names.

        Acts are kept verbatim, so raises ValueProblem ``number_in_act`` where one holds a number that is never kept; it
        says the digest to name it by. Else raises as :meth:`key_of` does.
        """
        key = self.key_of(kind, parts, org)
        if self.kinds[kind].secret and not any(is_digest(str(value).strip()) for value in parts.values()):
            digest = re.split("[:/]", key)[-1]
            message = f"an act is kept as it is signed: name the number by its digest, {digest}, and sign again"
            raise ValueProblem("number_in_act", message, rejects=True)
        return key

    def clean(self, type_name: str, value: Any, context: CleanContext) -> Any:
        """The canonical form of a value as any type of this schema, also of those that read its lists."""
        return self.types[type_name].clean(value, context)


def key_of(kind: Kind, parts: Mapping[str, Any], context: CleanContext) -> str:
    """The canonical key of one entity from its key parts; see :meth:`Schema.key_of` for the errors."""
    form = kind.forms.get(frozenset(parts)) or _form(kind, parts)
    clean = []
    for name, type_ in form.parts:
        value = parts[name]
        if value is None or value == "":
            raise ValueProblem("missing_key_part", f"the key part {name} is empty", rejects=True)
        clean.append(type_.clean(restored(value), context))
    scheme = form.scheme
    if form.compose is not None:
        rest = form.compose(*clean)
    elif scheme == "*":
        rest = clean[-1]
    elif scheme == "<org>":
        rest = f"{context.org}:{'/'.join(clean)}"
    elif scheme[0] == "<":
        rest = f"{clean[0].lower()}:{'/'.join(clean[1:])}"
    else:
        rest = f"{scheme}:{'/'.join(clean)}"
    if len(rest) > 2 * MAX_SHORT:
        raise ValueProblem("too_long", "the key is too long")
    return f"{kind.name.lower()}:{rest}"


def form_of(kind: Kind, parts: Mapping[str, Any]) -> KeyForm | None:
    """The key form that has exactly these parts."""
    return kind.forms.get(frozenset(parts))


def _form(kind: Kind, parts: Mapping[str, Any]) -> KeyForm:
    """The key form that fits once empty parts are left out; else raises ValueProblem, which says what to do."""
    given = frozenset(name for name, value in parts.items() if value is not None and value != "")
    if (form := kind.forms.get(given)) is not None:
        return form
    ways = " or ".join("{" + ", ".join(name for name, _ in form.parts) + "}" for form in kind.keys)
    known = frozenset().union(*kind.forms)
    code = "missing_key_part" if given <= known else "unknown_key_part"
    strange = sorted(given - known)
    meant = f"; {hint(strange[0], sorted(known))}" if strange else ""
    raise ValueProblem(code, f"the key of {kind.name} is {ways}{meant}", rejects=True)


def load_schema(directory: Path | None = None, digests: KeyedDigests | None = None) -> Schema:
    """Read and check ``entities/*.yaml``, ``codelists/*.yaml``, ``links.yaml`` and the lists beside it.

    ``digests`` are the service's, for numbers that are never kept; clients have none.
    Raises InvalidInput naming the file and what is wrong in it.
    """
    root = directory or product_data("schema")
    files = sorted([*root.glob("entities/*.yaml"), *root.glob("codelists/*.yaml"), *root.glob("*.yaml")])
    digest = hashlib.sha256()
    for path in files:
        digest.update(f"{path.relative_to(root).as_posix()}\0".encode() + hashlib.sha256(path.read_bytes()).digest())
    codelists = {path.stem: load_codelist(path) for path in files if path.parent.name == "codelists"}
    sites, couriers = load_sites(root / "sites.yaml"), load_couriers(root / "couriers.yaml")
    numbering, taxa = load_numbering(root / "numbering.yaml"), load_taxa(root / "taxa.yaml")
    papers = Papers(digests or KeyedDigests())
    types = dict(TYPES) | _listed_types(codelists, sites, couriers, numbering, taxa) | _secret_types(papers)
    composers: Composers = {
        "waybill": couriers.compose,
        "account": sites.account,
        "advert": sites.advert,
        "document": papers.document,
    }
    kinds = [_kind(path, types, composers) for path in files if path.parent.name == "entities"]
    if not kinds:
        raise InvalidInput(f"no entity files in {root.name}/entities", code="bad_file", where="entities")
    kinds.sort(key=lambda kind: kind.number)
    if len({kind.number for kind in kinds}) != len(kinds):
        raise InvalidInput("entities: two kinds have the same number", code="bad_file", where="entities")
    by_name = MappingProxyType({kind.name: kind for kind in kinds})
    links = _links(read_yaml(root / "links.yaml", _LinksFile), by_name, types)
    frozen = (MappingProxyType(links), MappingProxyType(codelists), MappingProxyType(types))
    gradings = load_gradings(root / "gradings.yaml", codelists)
    return Schema(by_name, *frozen, sites, couriers, gradings, f"sha256:{digest.hexdigest()}")


def _listed_types(
    codelists: Mapping[str, Codelist], sites: Sites, couriers: Couriers, numbering: Numbering, taxa: Taxa
) -> dict[str, ValueType]:
    text: Mapping[str, Any] = MappingProxyType({"type": "string"})
    digits: Mapping[str, Any] = MappingProxyType({"type": ["string", "integer"]})
    found = [
        ValueType("site", sites.clean, text, "A site, by name or host"),
        ValueType("listing-url", sites.listing, text, "The address of an advert"),
        ValueType("profile-url", sites.profile, text, "The address of a profile"),
        ValueType("courier", couriers.clean, text, "A courier, by name"),
        ValueType("waybill", TYPES["identifier"].clean, digits, "A waybill number"),
        ValueType("taxon", taxa.clean, text, "A species or higher taxon, best by its scientific name"),
        ValueType("phone", numbering.clean, digits, "A telephone number, any writing"),
    ]
    if "countries" in codelists:
        found.append(ValueType("country", codelists["countries"].clean, text, "A country, ISO 3166-1 alpha-2"))
    for name, codelist in codelists.items():
        shown: dict[str, Any] = {"$ref": f"#/$defs/code-{name}"}
        found.append(ValueType(f"code:{name}", codelist.clean, MappingProxyType(shown), codelist.title))
    return {type_.name: type_ for type_ in found}


def _secret_types(papers: Papers) -> dict[str, ValueType]:
    """The types of numbers that only keys have, as digests."""
    shown: Mapping[str, Any] = MappingProxyType({"type": ["string", "integer"]})
    card = ValueType("card-number", papers.card, shown, "A payment card's number, kept as a keyed digest")
    number = ValueType("document-number", papers.number, shown, "A document's number, kept as a keyed digest")
    return {card.name: card, number.name: number}


def _kind(path: Path, types: Mapping[str, ValueType], composers: Composers) -> Kind:
    read = read_yaml(path, _KindFile)
    where = path.name

    def refuse(what: str) -> InvalidInput:
        return InvalidInput(f"{where}: {what}", code="bad_file", where=where)

    if read.name != path.stem or not _KIND.fullmatch(read.name):
        raise refuse(f"the kind calls itself {read.name}; file and kind have one name, letters only")
    if not 1 <= read.number <= 250:
        raise refuse("number must be 1 to 250")
    attributes = _attributes(read.attributes, types, where)
    if read.label is not None and read.label not in attributes:
        raise refuse(f"label names the unknown attribute {read.label}")
    keys: list[KeyForm] = []
    for key in read.keys:
        unknown = [name for name, type_ in key.parts.items() if type_ not in types or not _WORD.fullmatch(name)]
        if unknown or not key.parts:
            raise refuse(f"key parts without a known type or with a bad name: {', '.join(unknown) or 'none given'}")
        first = next(iter(key.parts))
        if key.scheme.startswith("<") and key.scheme not in ("<org>", f"<{first}>"):
            raise refuse(f"scheme {key.scheme} must be <org> or the first part, <{first}>")
        if (key.scheme == "<org>") != (read.scope == "contributor"):
            raise refuse("kinds of scope contributor, and only they, have the scheme <org>")
        parts = tuple((name, types[type_]) for name, type_ in key.parts.items())
        if not (key.shows.keys() <= attributes.keys() and set(key.shows.values()) <= key.parts.keys()):
            raise refuse("shows maps attributes to key parts")
        keys.append(KeyForm(key.scheme, parts, composers.get(key.compose), MappingProxyType(key.shows)))
    forms = {form.names: form for form in keys}
    if not keys or len(forms) != len(keys):
        raise refuse("keys must be given, and no two may have the same part names")
    frozen = MappingProxyType(forms), read.label, MappingProxyType(attributes)
    secret = any(type_.digested for form in keys for _, type_ in form.parts)
    return Kind(read.name, read.number, read.scope, read.title, tuple(keys), *frozen, read.dated, read.common, secret)


def _attributes(read: Mapping[str, _AttributeFile], types: Mapping[str, ValueType], where: str) -> dict[str, Attribute]:
    found = {}
    for name, attribute in read.items():

        def refused(what: str, name: str = name) -> InvalidInput:
            return InvalidInput(f"{where}: attribute {name}: {what}", code="bad_file", where=where)

        if not _WORD.fullmatch(name):
            raise refused("write it in camelCase")
        if attribute.type not in types:
            raise refused(f"unknown type {attribute.type}")
        if types[attribute.type].digested:
            raise refused(f"only keys have the type {attribute.type}: an attribute would keep the number")
        if attribute.group not in GROUPS:
            raise refused(f"group must be one of {', '.join(GROUPS)}")
        found[name] = Attribute(name, types[attribute.type], attribute.group, attribute.many, attribute.title)
    return found


def _links(read: _LinksFile, kinds: Mapping[str, Kind], types: Mapping[str, ValueType]) -> dict[str, LinkKind]:
    def spread(names: list[str], link: str) -> tuple[str, ...]:
        out: dict[str, None] = {}
        for name in names:
            for kind in read.sets.get(name, [name]):
                if kind not in kinds:
                    raise InvalidInput(f"links.yaml: {link}: unknown kind {kind}", code="bad_file", where="links.yaml")
                out[kind] = None
        return tuple(out)

    found = {}
    for name, link in read.links.items():
        if not _LINK.fullmatch(name):
            raise InvalidInput(f"links.yaml: {name}: write it in capitals and _", code="bad_file", where="links.yaml")
        sources, targets = spread(link.source, name), spread(link.target, name)
        pairs = frozenset((a, b) for a in sources for b in targets)
        attributes = MappingProxyType(_attributes(link.attributes, types, f"links.yaml: {name}"))
        found[name] = LinkKind(name, link.title, sources, targets, pairs, attributes)
    return found
