"""The policy author's check: do the files parse, fit the schema, keep their format, and decide as their tables say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cedarpy

from graphsvc.policy.bounds import InvalidPolicy, bound_text
from graphsvc.policy.invariants import breaches
from graphsvc.policy.rules import Policies, is_rulebook, owner_of, policies_of, read_files
from graphsvc.policy.tables import parse_table, run_table

TABLES_FOLDER = "tests"
LINE_WIDTH = 120


@dataclass(frozen=True, slots=True)
class Finding:
    """Something to mend: ``code`` for machines, ``where`` a file and place, ``message`` for people."""

    code: str
    where: str
    message: str


def check(directory: Path) -> list[Finding]:
    """Everything wrong with the policies in ``directory``; empty when all is well. Never raises for what it finds."""
    try:
        return check_all(read_files(directory), read_tables(directory))
    except InvalidPolicy as error:
        return [Finding(error.code, error.where, error.message)]


def check_all(
    files: Mapping[str, str], tables: Mapping[str, str], owners: Sequence[str] | None = None
) -> list[Finding]:
    """Everything wrong with the texts of policy files; invariants on labels of ``owners`` (None: of all)."""
    findings = check_texts(files, tables)
    if any(one.code == InvalidPolicy.code and not one.where.startswith(tuple(tables)) for one in findings):
        return findings
    return [*findings, *broken(policies_of(files), owners)]


def check_files(directory: Path) -> list[Finding]:
    """What is wrong with the files themselves and with what they decide in the tables."""
    try:
        return check_texts(read_files(directory), read_tables(directory))
    except InvalidPolicy as error:
        return [Finding(error.code, error.where, error.message)]


def check_texts(files: Mapping[str, str], tables: Mapping[str, str]) -> list[Finding]:
    """As :func:`check_files`, for the texts of policy files and of decision tables by their names."""
    # 1. Syntax, schema and names (module rules): without these nothing else can be checked.
    try:
        policies = policies_of(files)
    except InvalidPolicy as error:
        return [Finding(error.code, error.where, error.message)]
    # 2. Format and decision tables.
    return [*_format(files), *_tables(tables, policies)]


def broken(policies: Policies, owners: Sequence[str] | None = None) -> Iterator[Finding]:
    """The invariants that the policies break, each once for an owner, with one decision that breaks it."""
    told: set[tuple[str, str]] = set()
    for breach in breaches(policies, owners):
        if (breach.invariant, breach.owner) in told:
            continue
        told.add((breach.invariant, breach.owner))
        example = ", ".join(f"{name} {value}" for name, value in breach.example.items())
        message = f"broken: {breach.invariant} ({breach.action}; for example {example})"
        yield Finding("invariant", f"labels of {breach.owner}", message)


def read_tables(directory: Path) -> dict[str, str]:
    """The texts of all decision tables below ``directory``, by their path. Raises InvalidPolicy."""
    tables: dict[str, str] = {}
    for path in sorted((directory / TABLES_FOLDER).glob("**/*.yaml")):
        try:
            tables[path.relative_to(directory).as_posix()] = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            raise InvalidPolicy("the table can't be read as UTF-8", where=path.name) from None
    return tables


def formatted(text: str) -> str:
    """``text`` in the one format that policy files are kept in. Raises InvalidPolicy when it does not parse."""
    bound_text(text, "")
    try:
        return cedarpy.format_policies(text, line_width=LINE_WIDTH).rstrip("\n") + "\n"
    except ValueError as error:
        raise InvalidPolicy(f"the file does not parse: {error}") from None


def _format(files: Mapping[str, str]) -> Iterator[Finding]:
    for name, text in files.items():
        if (is_rulebook(name) or owner_of(name)) and formatted(text) != text:
            yield Finding("format", name, "the file is not formatted; run graphsvc policy fmt")


def _tables(tables: Mapping[str, str], policies: Policies) -> Iterator[Finding]:
    for name, text in tables.items():
        try:
            table = parse_table(text, name)
        except InvalidPolicy as error:
            yield Finding(error.code, error.where or name, error.message)
            continue
        for mismatch in run_table(policies, table):
            yield Finding("decision", f"{name} {mismatch.case}", mismatch.message)
