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
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import cedarpy

from graphsvc.model.errors import InvalidInput
from graphsvc.model.slugs import PATTERN
from graphsvc.model.yamlfiles import load_yaml
from graphsvc.policy.bounds import MAX_FILE, InvalidPolicy, bound_files
from graphsvc.policy.limits import LIMITS_FILE, Limits, parse_limits
from graphsvc.policy.telling import AT_ONCE, TELLING_FILE, Tellings, parse_tellings

SCHEMA_FILE = "schema.cedarschema"
SHARED_FILE = "shared.cedar"
STANDINGS_FILE = "standings.yaml"
OWNERS_FOLDER = "orgs"
RULEBOOKS_FOLDER = "rulebooks"
MAX_KINDS = 100
"""At most this many kinds of organisations may have a standing."""
RESERVED = frozenset({"default-deny", "evaluation-error"})
"""Names that the decider gives as the rule where no rule of a file decides."""

_NO_RULES = frozenset({SCHEMA_FILE, STANDINGS_FILE, LIMITS_FILE, TELLING_FILE})
_RULE_ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_OWNER_FILE = re.compile(rf"{OWNERS_FOLDER}/({PATTERN})\.cedar")
_RULEBOOK_FILE = re.compile(rf"{RULEBOOKS_FOLDER}/[a-z0-9][a-z0-9.-]*\.cedar")


@dataclass(frozen=True, slots=True, eq=False)
class Rule:
    """One rule: its ``@id``, the file it stands in, and its syntax tree (Cedar's JSON policy format)."""

    id: str
    file: str
    tree: Mapping[str, Any]

    @property
    def forbids(self) -> bool:
        """Whether it denies; otherwise it permits."""
        return bool(self.tree["effect"] == "forbid")

    @property
    def conditions(self) -> list[tuple[str, Any]]:
        """Its conditions as (``when`` or ``unless``, expression), all of which must be met, in order.

        The principal and the resource that the rule's head names come first, as conditions like the others.
        """
        heads = [("when", _head(part, self.tree[part])) for part in ("principal", "resource")]
        said = [(condition["kind"], condition["body"]) for condition in self.tree["conditions"]]
        return [(kind, body) for kind, body in heads if body is not None] + said


@dataclass(frozen=True, slots=True)
class Rulebook:
    """What decides over one owner's labels: a parsed policy set, and its rules in the order of the text.

    ``ids`` maps Cedar's positional policy id to the rule's ``@id``; ``own`` are the ids from the owner's file.
    """

    policies: Any
    ids: Mapping[str, str]
    own: frozenset[str]
    rules: tuple[Rule, ...]


@dataclass(frozen=True, slots=True)
class Policies:
    """All policies of the service, checked. Immutable; ``digest`` (``sha256:<hex>``) is over the bytes of all files.

    ``limits`` is how many identifiers may be asked for, where a file says so; ``tellings`` which hits are told late.
    ``files`` are the texts, by their path below the policies' folder; those in ``closed`` were not read, and allow
    nothing.
    """

    digest: str
    schema: Any
    shared: Rulebook
    owners: Mapping[str, Rulebook]
    standings: Mapping[str, str]
    limits: Limits | None
    tellings: Tellings
    files: Mapping[str, str]
    closed: frozenset[str] = frozenset()

    def rulebook(self, owner: str) -> Rulebook:
        """The rules for labels of ``owner``: the shared ones alone where it has no file of its own."""
        return self.owners.get(owner, self.shared)


def load_policies(directory: Path) -> Policies:
    """Read and check the policies in ``directory``.

    Raises InvalidPolicy when a file is missing or does not parse, a rule does not fit the schema, lacks an ``@id`` or
    has one that is taken, or when an organisation's rule is not named after it.
    """
    return policies_of(read_files(directory))


def read_files(directory: Path) -> dict[str, str]:
    """The texts of all files that decide something, by their path below ``directory``. Raises InvalidPolicy."""
    paths = [directory / name for name in (SCHEMA_FILE, SHARED_FILE, STANDINGS_FILE)]
    paths += [path for name in (LIMITS_FILE, TELLING_FILE) if (path := directory / name).exists()]
    for folder in (RULEBOOKS_FOLDER, OWNERS_FOLDER):
        paths += sorted((directory / folder).glob("*.cedar"))
    return {path.relative_to(directory).as_posix(): _read(path) for path in paths}


def policies_of(files: Mapping[str, str], closed: Collection[str] = ()) -> Policies:
    """Policies from the texts of their files, by path below the policies' folder. Raises InvalidPolicy.

    Files in ``closed`` are not read, though the digest covers them. Where one is an organisation's, nothing is allowed
    with its labels; where one is of the shared rulebook, nothing at all.
    """
    known = {name: text for name, text in files.items() if name not in closed}
    dark = any(not owner_of(name) for name in closed)
    schema = _schema(known, dark)
    # 1. Every file is parsed and checked once, however many organisations it decides for.
    read = {} if dark else {name: _read_rules(known[name], name, schema) for name in _rule_files(known)}
    shared = {name: rules for name, rules in read.items() if not owner_of(name)}
    # 2. One rulebook an owner: the shared one and its own file.
    own = {
        owner: _nothing() if dark or name in closed else _rulebook(known, shared, {name: read[name]})
        for name in sorted(files)
        if (owner := owner_of(name))
    }
    return Policies(
        digest=digest_of(files),
        schema=schema,
        shared=_nothing() if dark else _rulebook(known, shared, {}),
        owners=MappingProxyType(own),
        standings=MappingProxyType({} if dark else _standings(known[STANDINGS_FILE])),
        limits=None if dark else _limits(known),
        tellings=AT_ONCE if dark else _tellings(known),
        files=MappingProxyType(dict(files)),
        closed=frozenset(closed),
    )


def owner_of(name: str) -> str:
    """The organisation whose rules the file ``name`` holds; empty for a file of the shared rulebook."""
    found = _OWNER_FILE.fullmatch(name)
    return found[1] if found else ""


def is_rulebook(name: str) -> bool:
    """Whether the file ``name`` holds rules for every label."""
    return name == SHARED_FILE or _RULEBOOK_FILE.fullmatch(name) is not None


def digest_of(files: Mapping[str, str]) -> str:
    """``sha256:<hex>`` over the listing of all files, one ``<sha256>  <name>`` a line, sorted by name."""
    listing = "".join(f"{hashlib.sha256(text.encode()).hexdigest()}  {name}\n" for name, text in sorted(files.items()))
    return f"sha256:{hashlib.sha256(listing.encode()).hexdigest()}"


def _schema(files: Mapping[str, str], dark: bool) -> Any:
    for name in (SCHEMA_FILE,) if dark else (SCHEMA_FILE, SHARED_FILE, STANDINGS_FILE):
        if name not in files:
            raise InvalidPolicy("the file is missing", where=name)
    for name in files:
        if name not in _NO_RULES and not is_rulebook(name) and not owner_of(name):
            raise InvalidPolicy("not the name of a policy file", where=name)
    bound_files(files)
    try:
        return cedarpy.Schema.from_str(files[SCHEMA_FILE])
    except ValueError as error:
        raise InvalidPolicy(f"the schema does not parse: {error}", where=SCHEMA_FILE) from None


def _rule_files(files: Mapping[str, str]) -> list[str]:
    """The files with rules, those of the shared rulebook first."""
    books = sorted(filter(is_rulebook, files), key=lambda name: (name != SHARED_FILE, name))
    return [*books, *(name for name in sorted(files) if owner_of(name))]


def _read_rules(text: str, name: str, schema: Any) -> list[Rule]:
    """The rules of one file, checked by themselves."""
    rules, owner = list(_rules(text, name)), owner_of(name)
    for rule in rules:
        # So that nobody can pass a rule off as the rulebook's or as another organisation's.
        if owner and not rule.id.startswith(f"{owner}-"):
            raise InvalidPolicy(f"rules of this file must be named {owner}-…", where=f"{name} @id {rule.id}")
    result = cedarpy.validate_policies(text, schema)
    if not result.validation_passed:
        raise InvalidPolicy(f"the rule does not fit the schema: {result.errors[0].error}", where=name)
    return rules


def _rulebook(files: Mapping[str, str], shared: Mapping[str, list[Rule]], own: Mapping[str, list[Rule]]) -> Rulebook:
    """What decides for an owner: the rules of the shared files and of its ``own``, by file."""
    texts = [files[name] for name in (*shared, *own)]
    rules = [rule for listed in (*shared.values(), *own.values()) for rule in listed]
    seen: set[str] = set()
    for rule in rules:
        if rule.id in seen:
            raise InvalidPolicy("the rule's @id is taken", where=f"{rule.file} @id {rule.id}")
        seen.add(rule.id)
    # Cedar numbers policies in the order of the text, which is the order of the rules.
    return Rulebook(
        policies=cedarpy.PolicySet.from_str("\n".join(texts)),
        ids=MappingProxyType({f"policy{number}": rule.id for number, rule in enumerate(rules)}),
        own=frozenset(rule.id for listed in own.values() for rule in listed),
        rules=tuple(rules),
    )


def _nothing() -> Rulebook:
    """A rulebook without a rule: it allows nothing."""
    return Rulebook(cedarpy.PolicySet.from_str(""), MappingProxyType({}), frozenset(), ())


def _rules(text: str, where: str) -> Iterator[Rule]:
    """The rules of one file, in the order of the text."""
    try:
        parsed = json.loads(cedarpy.policies_to_json_str(text))
    except (ValueError, RecursionError) as error:
        raise InvalidPolicy(f"the file does not parse: {error}", where=where) from None
    if parsed.get("templates"):
        raise InvalidPolicy("templates are not supported in policy files", where=where)
    policies = parsed.get("staticPolicies", {})
    for number in range(len(policies)):
        tree = policies[f"policy{number}"]
        rule = tree.get("annotations", {}).get("id") or ""
        if not _RULE_ID.fullmatch(rule) or rule in RESERVED:
            raise InvalidPolicy('every rule needs an @id("…") of lower-case letters, digits and hyphens', where=where)
        texts = json.dumps(tree)
        if '"type": "Reader"' in texts or '"type": "Label"' in texts or '"op": "is"' in texts:
            raise InvalidPolicy(
                "a rule is about attributes, not about one reader or label", where=f"{where} @id {rule}"
            )
        if _has(tree["conditions"], "like") or _has(tree["conditions"], "Var", "action"):
            # All decisions can be enumerated (policy.grid) because words are only ever compared.
            message = "a condition names values, not patterns (like), and actions stand in the rule's head"
            raise InvalidPolicy(message, where=f"{where} @id {rule}")
        yield Rule(rule, where, tree)


def _head(variable: str, constraint: Mapping[str, Any]) -> Any | None:
    """A head's ``principal in Standing::"…"`` as an expression; None where it names nobody."""
    if constraint.get("op") != "in":
        return None
    return {"in": {"left": {"Var": variable}, "right": {"Value": {"__entity": constraint["entity"]}}}}


def _has(tree: Any, name: str, value: str | None = None) -> bool:
    """Whether a member of this name (and value) is anywhere in a syntax tree, however deep."""
    left = [tree]
    while left:
        node = left.pop()
        if isinstance(node, dict):
            if name in node and value in (None, node[name]):
                return True
            left += node.values()
        elif isinstance(node, list):
            left += node
    return False


def _standings(text: str) -> dict[str, str]:
    try:
        loaded = load_yaml(text, where=STANDINGS_FILE, max_bytes=MAX_FILE)
    except InvalidInput as error:
        raise InvalidPolicy(error.message, where=STANDINGS_FILE) from None
    lists = loaded.values() if isinstance(loaded, dict) else [None]
    if not all(isinstance(kinds, list) and all(isinstance(kind, str) for kind in kinds) for kinds in lists):
        raise InvalidPolicy("must map each standing to a list of organisation kinds", where=STANDINGS_FILE)
    pairs = [(kind, standing) for standing, kinds in loaded.items() for kind in kinds]
    if len({kind for kind, _ in pairs}) != len(pairs):
        raise InvalidPolicy("a kind of organisation has two standings", where=STANDINGS_FILE)
    if len(pairs) > MAX_KINDS:
        raise InvalidPolicy(f"there are more than {MAX_KINDS} kinds of organisations", where=STANDINGS_FILE)
    return dict(pairs)


def _limits(files: Mapping[str, str]) -> Limits | None:
    try:
        return parse_limits(files[LIMITS_FILE]) if LIMITS_FILE in files else None
    except InvalidInput as error:
        raise InvalidPolicy(error.message, where=LIMITS_FILE) from None


def _tellings(files: Mapping[str, str]) -> Tellings:
    try:
        return parse_tellings(files[TELLING_FILE]) if TELLING_FILE in files else AT_ONCE
    except InvalidInput as error:
        raise InvalidPolicy(error.message, where=TELLING_FILE) from None


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise InvalidPolicy("the file is missing or is not UTF-8", where=path.name) from None
