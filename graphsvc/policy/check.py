"""The policy author's check: do the files parse, fit the schema, keep their format, and decide as their tables say."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cedarpy

from graphsvc.policy.invariants import SOMEBODY, breaches, labels, readers
from graphsvc.policy.rules import OWNERS_FOLDER, SHARED_FILE, InvalidPolicy, Policies, load_policies
from graphsvc.policy.tables import read_table, run_table

TABLES_FOLDER = "tests"
LINE_WIDTH = 120


@dataclass(frozen=True, slots=True)
class Finding:
    """Something to mend: ``code`` for machines, ``where`` a file and place, ``message`` for people."""

    code: str
    where: str
    message: str


def check(directory: Path) -> list[Finding]:
    """Everything wrong with the policies in ``directory``; empty when all is well. Never raises for what it finds.

    Takes seconds: the invariants are proven by enumeration. :func:`check_files` leaves them out.
    """
    findings = check_files(directory)
    if any(finding.code == InvalidPolicy.code and not finding.where.startswith(TABLES_FOLDER) for finding in findings):
        return findings
    return [*findings, *_invariants(load_policies(directory))]


def check_files(directory: Path) -> list[Finding]:
    """What is wrong with the files themselves and with what they decide in the tables; takes well below a second."""
    # 1. Parse, fit to the schema, names: without these nothing else can be said (rules).
    try:
        policies = load_policies(directory)
    except InvalidPolicy as error:
        return [Finding(error.code, error.where, error.message)]
    # 2. Format and decision tables.
    return [*_format(directory), *_tables(directory, policies)]


def formatted(text: str) -> str:
    """``text`` in the one format that policy files are kept in."""
    return cedarpy.format_policies(text, line_width=LINE_WIDTH).rstrip("\n") + "\n"


def _format(directory: Path) -> Iterator[Finding]:
    for path in [directory / SHARED_FILE, *sorted((directory / OWNERS_FOLDER).glob("*.cedar"))]:
        if formatted(path.read_text(encoding="utf-8")) != path.read_text(encoding="utf-8"):
            yield Finding("format", str(path.relative_to(directory)), "the file is not formatted")


def _tables(directory: Path, policies: Policies) -> Iterator[Finding]:
    for path in sorted((directory / TABLES_FOLDER).glob("*.yaml")):
        where = str(path.relative_to(directory))
        try:
            table = read_table(path)
        except InvalidPolicy as error:
            yield Finding(error.code, where, error.message)
            continue
        for mismatch in run_table(policies, table):
            yield Finding("decision", f"{where} {mismatch.case}", mismatch.message)


def _invariants(policies: Policies) -> Iterator[Finding]:
    # Only what is broken is listed, once for each invariant and owner: a broken one breaks for many readers.
    groups: tuple[tuple[str, ...], ...] = ((), ("group",))
    over = list(labels([*policies.owners, SOMEBODY], "investigation", groups))
    told: set[tuple[str, str]] = set()
    kinds = [*policies.standings, "unknown-kind"]
    profiles = readers(kinds, ["investigation", "prosecution"], groups)
    for breach in breaches(policies, profiles, over):
        if (breach.invariant, breach.label.owner) in told:
            continue
        told.add((breach.invariant, breach.label.owner))
        handling = f"{breach.label.handling.scheme} {breach.label.handling.code}".strip()
        message = f"broken: {breach.invariant} (a reader of kind {breach.profile.kind}, handling {handling})"
        yield Finding("invariant", f"labels of {breach.label.owner}", message)
