"""Policies on disk: the shared rulebook, one file an organisation, and the schema that both must fit.

An organisation's file decides over that organisation's labels only. Cedar unites permits, so with all files in one set
an organisation could open another's data; therefore there is one policy set an owner: the shared rulebook and that
owner's file. Rules are Cedar policies (https://docs.cedarpolicy.com); each carries an ``@id``, which is the name that
is shown where the rule withholds something.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import cedarpy
import yaml

from graphsvc.model.errors import InvalidInput

SCHEMA_FILE = "schema.cedarschema"
SHARED_FILE = "shared.cedar"
STANDINGS_FILE = "standings.yaml"
OWNERS_FOLDER = "orgs"
RESERVED = frozenset({"default-deny", "evaluation-error"})
"""Names that the decider gives where no rule of a file does."""

_RULE_ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


class InvalidPolicy(InvalidInput):
    """A policy file that can't be used; ``where`` names the file and the rule."""

    code = "invalid_policy"


@dataclass(frozen=True, slots=True)
class Rulebook:
    """What decides over one owner's labels: a parsed policy set and its rules' ids in the order they are preferred.

    ``ids`` maps Cedar's positional policy id to the rule's ``@id``; ``own`` are the ids from the owner's file.
    """

    policies: Any
    ids: Mapping[str, str]
    own: frozenset[str]


@dataclass(frozen=True, slots=True)
class Policies:
    """All policies of the service, checked. Immutable; ``digest`` (``sha256:<hex>``) is over the bytes of all files."""

    digest: str
    schema: Any
    shared: Rulebook
    owners: Mapping[str, Rulebook]
    standings: Mapping[str, str]

    def rulebook(self, owner: str) -> Rulebook:
        """The rules for labels of ``owner``: the shared ones alone where it has no file of its own."""
        return self.owners.get(owner, self.shared)


def load_policies(directory: Path) -> Policies:
    """Read and check the policies in ``directory``.

    Raises InvalidPolicy when a file is missing or does not parse, a rule does not fit the schema, lacks an ``@id`` or
    has one that is taken, or when an organisation's rule is not named after it.
    """
    owner_files = sorted((directory / OWNERS_FOLDER).glob("*.cedar"))
    texts = {name: _read(directory / name) for name in (SCHEMA_FILE, SHARED_FILE, STANDINGS_FILE)}
    owner_texts = {path.stem: _read(path) for path in owner_files}
    return make_policies(texts[SCHEMA_FILE], texts[SHARED_FILE], owner_texts, texts[STANDINGS_FILE])


def make_policies(schema: str, shared: str, owners: Mapping[str, str], standings: str) -> Policies:
    """Policies from texts, as :func:`load_policies`; ``owners`` maps organisations' slugs to their files' texts."""
    try:
        parsed = cedarpy.Schema.from_str(schema)
    except ValueError as error:
        raise InvalidPolicy(f"the schema does not parse: {error}", where=SCHEMA_FILE) from None
    base = _rulebook(shared, "", parsed, owner=None)
    books = {owner: _rulebook(shared, text, parsed, owner=owner) for owner, text in sorted(owners.items())}
    return Policies(
        digest=_digest({SCHEMA_FILE: schema, SHARED_FILE: shared, STANDINGS_FILE: standings}, owners),
        schema=parsed,
        shared=base,
        owners=MappingProxyType(books),
        standings=MappingProxyType(_standings(standings)),
    )


def _rulebook(shared: str, own: str, schema: Any, owner: str | None) -> Rulebook:
    where = SHARED_FILE if owner is None else f"{OWNERS_FOLDER}/{owner}.cedar"
    shared_ids = list(_ids(shared, SHARED_FILE).values())
    own_ids = list(_ids(own, where).values()) if owner is not None else []
    for rule in own_ids:
        # So that nobody can pass a rule off as the rulebook's or as another organisation's.
        if owner is not None and not rule.startswith(f"{owner}-"):
            raise InvalidPolicy(f"rules of this file must be named {owner}-…", where=f"{where} @id {rule}")
    doubles = sorted({rule for rule in shared_ids + own_ids if (shared_ids + own_ids).count(rule) > 1})
    if doubles:
        raise InvalidPolicy("the rule's @id is taken", where=f"{where} @id {doubles[0]}")
    text = f"{shared}\n{own}"
    result = cedarpy.validate_policies(text, schema)
    if not result.validation_passed:
        first = result.errors[0]
        raise InvalidPolicy(f"the rule does not fit the schema: {first.error}", where=where)
    return Rulebook(cedarpy.PolicySet.from_str(text), MappingProxyType(_ids(text, where)), frozenset(own_ids))


def _ids(text: str, where: str) -> dict[str, str]:
    """Cedar's positional policy ids and the ``@id`` of each."""
    try:
        parsed = json.loads(cedarpy.policies_to_json_str(text))
    except ValueError as error:
        raise InvalidPolicy(f"the file does not parse: {error}", where=where) from None
    if parsed.get("templates"):
        raise InvalidPolicy("templates are not supported in policy files", where=where)
    ids: dict[str, str] = {}
    for position, policy in parsed.get("staticPolicies", {}).items():
        rule = policy.get("annotations", {}).get("id") or ""
        if not _RULE_ID.fullmatch(rule) or rule in RESERVED:
            raise InvalidPolicy('every rule needs an @id("…") of lower-case letters, digits and hyphens', where=where)
        ids[position] = rule
    return ids


def _standings(text: str) -> dict[str, str]:
    loaded = yaml.safe_load(text)
    if not isinstance(loaded, dict) or not all(isinstance(kinds, list) for kinds in loaded.values()):
        raise InvalidPolicy("must map each standing to a list of organisation kinds", where=STANDINGS_FILE)
    pairs = [(str(kind), str(standing)) for standing, kinds in loaded.items() for kind in kinds]
    if len({kind for kind, _ in pairs}) != len(pairs):
        raise InvalidPolicy("a kind of organisation has two standings", where=STANDINGS_FILE)
    return dict(pairs)


def _digest(texts: Mapping[str, str], owners: Mapping[str, str]) -> str:
    files = {**texts, **{f"{OWNERS_FOLDER}/{owner}.cedar": text for owner, text in owners.items()}}
    listing = "".join(f"{hashlib.sha256(text.encode()).hexdigest()}  {name}\n" for name, text in sorted(files.items()))
    return f"sha256:{hashlib.sha256(listing.encode()).hexdigest()}"


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise InvalidPolicy("the file is missing or is not UTF-8", where=path.name) from None
