"""Decision tables: what policies are meant to decide, written by those who answer for them, run on every change.

A table is YAML: ``readers`` (name → organisation, kind, jurisdiction, roles, groups), ``footings`` (name → purpose,
legalBasis, signed; a footing named is taken as stated, with a registered case) and ``cases``, each with a reader, a
footing or none, a label, ``allow`` (the exact actions and field groups allowed) and, where wanted, ``granted``
(disclosures in force for the reader: grant → the actions and field groups covered, or ``all``) and ``rules`` (field
group → the rule shown as withholding it). ``label`` names owner, ownerKind, jurisdiction and handling as ``<scheme>
<code>``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec

from graphsvc.model.errors import InvalidInput
from graphsvc.model.labels import GROUPS, Handling, Label
from graphsvc.model.yamlfiles import load_yaml
from graphsvc.policy.bounds import MAX_FILE, InvalidPolicy
from graphsvc.policy.decide import Verdict, decide
from graphsvc.policy.evaluate import Profile
from graphsvc.policy.rules import Policies
from graphsvc.policy.scope import ACTIONS

MAX_CASES = 500
"""At most this many cases in one table."""


class TableReader(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A reader in a table."""

    org: str
    kind: str
    jurisdiction: str
    roles: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()


class TableFooting(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """A stated footing in a table."""

    purpose: str
    legal_basis: str
    signed: bool = False


class TableLabel(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """A label in a table; ``handling`` is ``<scheme> <code>``, as ``tlp-2.0 AMBER``."""

    owner: str
    owner_kind: str
    jurisdiction: str
    handling: str
    pap: str = "GREEN"
    legal_basis: str = "legitimate-interest"
    purposes: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    grants: tuple[str, ...] = ()

    def label(self) -> Label:
        """The label that is decided over."""
        scheme, _, code = self.handling.partition(" ")
        return Label(
            owner=self.owner,
            owner_kind=self.owner_kind,
            jurisdiction=self.jurisdiction,
            handling=Handling(scheme, code),
            pap=self.pap,
            legal_basis=self.legal_basis,
            purposes=tuple(sorted(self.purposes)),
            groups=tuple(sorted(self.groups)),
            grants=tuple(sorted(self.grants)),
        )


class TableCase(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One line of a table. ``footing`` empty: none stated."""

    name: str
    reader: str
    label: TableLabel
    allow: tuple[str, ...]
    footing: str = ""
    granted: dict[str, tuple[str, ...] | Literal["all"]] = {}
    rules: dict[str, str] = {}


class Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A decision table."""

    readers: dict[str, TableReader]
    footings: dict[str, TableFooting]
    cases: tuple[TableCase, ...]


@dataclass(frozen=True, slots=True)
class Mismatch:
    """A case whose decision is not the one in its table."""

    case: str
    message: str


def read_table(path: Path) -> Table:
    """Read a decision table; raises InvalidPolicy with the place of the first mistake."""
    try:
        return parse_table(path.read_text(encoding="utf-8"), path.name)
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidPolicy(f"the decision table can't be read: {error}", where=path.name) from None


def parse_table(text: str, name: str) -> Table:
    """A decision table from its text; raises InvalidPolicy with the place of the first mistake."""
    try:
        table = msgspec.convert(load_yaml(text, where=name, max_bytes=MAX_FILE), Table)
    except InvalidInput as error:
        raise InvalidPolicy(error.message, where=name) from None
    except msgspec.ValidationError as error:
        raise InvalidPolicy(f"the decision table can't be read: {error}", where=name) from None
    if len(table.cases) > MAX_CASES:
        raise InvalidPolicy(f"more than {MAX_CASES} cases: make several tables", where=name)
    for case in table.cases:
        if case.reader not in table.readers or (case.footing and case.footing not in table.footings):
            raise InvalidPolicy("a case names a reader or a footing that is not there", where=f"{name} {case.name}")
        covered = {action for actions in case.granted.values() if actions != "all" for action in actions}
        if unknown := sorted({*case.allow, *case.rules, *covered} - set(_ACTIONS)):
            raise InvalidPolicy(f"there is no action {unknown[0]}", where=f"{name} {case.name}")
    return table


def run_table(policies: Policies, table: Table) -> list[Mismatch]:
    """Every case of ``table`` that the policies decide differently; empty when all hold."""
    mismatches: list[Mismatch] = []
    for case in table.cases:
        profile = profile_from(table.readers[case.reader], table.footings.get(case.footing), case.granted)
        verdict = decide(policies, profile, [case.label.label()])[0]
        mismatches += [Mismatch(case.name, message) for message in _differences(case, verdict)]
    return mismatches


def _differences(case: TableCase, verdict: Verdict) -> list[str]:
    wanted, got = set(case.allow), {action.removeprefix("view:") for action in verdict.allowed}
    differences: list[str] = []
    if got - wanted:
        differences.append(f"allows also {', '.join(sorted(got - wanted))}")
    if wanted - got:
        differences.append(f"does not allow {', '.join(sorted(wanted - got))}")
    wrong: Mapping[str, str | None] = {
        group: verdict.rules.get(group) for group, rule in case.rules.items() if verdict.rules.get(group) != rule
    }
    differences += [
        f"{group} is withheld by {rule or 'no rule'}, not {case.rules[group]}" for group, rule in wrong.items()
    ]
    return differences


def profile_from(
    reader: TableReader, footing: TableFooting | None, granted: Mapping[str, tuple[str, ...] | Literal["all"]]
) -> Profile:
    """The profile of a reader on a stated footing or none, with the disclosures ``granted`` to it."""
    grants = {grant: _ACTIONS if actions == "all" else actions for grant, actions in granted.items()}
    return Profile(
        org=reader.org,
        kind=reader.kind,
        jurisdiction=reader.jurisdiction,
        roles=tuple(sorted(reader.roles)),
        groups=tuple(sorted(reader.groups)),
        purpose=footing.purpose if footing else "",
        legal_basis=footing.legal_basis if footing else "",
        stated=footing is not None,
        signed=footing.signed if footing else False,
        grants=tuple((grant, tuple(map(_full, actions))) for grant, actions in sorted(grants.items()))
        if footing
        else (),
    )


_ACTIONS = (*ACTIONS, *GROUPS)


def _full(action: str) -> str:
    return f"view:{action}" if action in GROUPS else action
