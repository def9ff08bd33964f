"""``graphsvc policy``: what an officer does with policy files: check, explain, compare, format."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from graphsvc.cli.options import grouped
from graphsvc.cli.output import NOT_HOLDING, write_json
from graphsvc.model.errors import InvalidInput
from graphsvc.model.labels import Label
from graphsvc.model.product import product_data
from graphsvc.model.yamlfiles import load_yaml
from graphsvc.policy.diff import Change, Difference
from graphsvc.policy.evaluate import Profile
from graphsvc.policy.explain import Explanation, telling_of
from graphsvc.policy.explain import explain as explained
from graphsvc.policy.rules import read_files
from graphsvc.policy.tables import TableFooting, TableLabel, TableReader, profile_from
from graphsvc.policy.telling import Telling
from graphsvc.policy.trial import check_folder, compare, formatted_apart, load_proved
from graphsvc.wire.rulebooks import ActionDecision, DecidingRule

app = typer.Typer(help="Policies: check, explain, compare and roll them out.", no_args_is_help=True)

SHOWN = 30
"""At most this many lines of a difference are shown; all are in the file and the JSON."""
JsonFlag = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
DirArgument = Annotated[Path | None, typer.Argument(help="The policies' folder; without, the product's own.")]


@app.command("check")
def check_command(directory: DirArgument = None, json: JsonFlag = False) -> None:
    """Check policy files: format, schema, names, decision tables, and the invariants of every decision.

    The exit code is 0 when all is well and 1 when there is something to mend.
    """
    findings = check_folder(_folder(directory))
    if json:
        write_json({"ok": not findings, "findings": findings})
    elif not findings:
        Console(highlight=False).print("all is well: format, schema, names, tables, invariants")
    else:
        table = Table("what", "where", "what to do", box=None, header_style="bold", pad_edge=False)
        for finding in findings:
            table.add_row(finding.code, escape(finding.where), escape(finding.message))
        Console(highlight=False).print(table)
    if findings:
        raise typer.Exit(NOT_HOLDING)


@app.command("fmt")
def fmt(
    paths: Annotated[list[Path], typer.Argument(help="Policy files, or folders of them.", exists=True)],
    *,
    only_check: Annotated[bool, typer.Option("--check", help="Change nothing; exit with 1 if a file would.")] = False,
    json: JsonFlag = False,
) -> None:
    """Put policy files into the one format that they are kept in."""
    files = [file for path in paths for file in (sorted(path.glob("**/*.cedar")) if path.is_dir() else [path])]
    changed: list[str] = []
    for file in files:
        text = _text(file)
        wanted = formatted_apart(text, str(file))
        if wanted != text:
            changed.append(str(file))
            if not only_check:
                file.write_text(wanted, encoding="utf-8")
    if json:
        write_json({"changed": changed})
    else:
        Console(highlight=False, soft_wrap=True).print("\n".join(changed) if changed else "nothing to change")
    if changed and only_check:
        raise typer.Exit(NOT_HOLDING)


@dataclass(frozen=True)
class ReaderOptions:
    """Who reads, on what footing."""

    reader: Annotated[Path | None, typer.Option("--reader", help="YAML: org, kind, jurisdiction, roles, …")] = None
    org: Annotated[str, typer.Option("--org", help="The reader's organisation.")] = "somebody"
    kind: Annotated[str, typer.Option("--kind", help="Its kind, as police.")] = "police"
    country: Annotated[str, typer.Option("--country", help="Its country, as KE.")] = "XX"
    role: Annotated[list[str] | None, typer.Option("--role", help="A role of the reader; repeat.")] = None
    group: Annotated[list[str] | None, typer.Option("--group", help="A group that it belongs to; repeat.")] = None
    grant: Annotated[list[str] | None, typer.Option("--grant", help="A grant in force for all uses; repeat.")] = None
    purpose: Annotated[str, typer.Option("--purpose", help="Why it asks; without, nothing is stated.")] = ""
    legal_basis: Annotated[str, typer.Option("--legal-basis", help="Under which law, as court-order.")] = ""

    def profile(self) -> Profile:
        """The profile of the reader. Raises InvalidInput."""
        said = _yaml(self.reader) if self.reader else {}
        given = {"org": self.org, "kind": self.kind, "jurisdiction": self.country, "roles": self.role or []}
        footing = said.pop("footing", None) or ({"purpose": self.purpose, "legalBasis": self.legal_basis})
        granted: Any = said.pop("granted", None) or dict.fromkeys(self.grant or [], "all")
        reader = _convert({**given, "groups": self.group or [], **said}, TableReader, self.reader)
        if bool(footing.get("purpose")) != bool(footing.get("legalBasis")):
            raise InvalidInput("a footing is a purpose and a legal basis", code="bad_footing")
        stated = _convert(footing, TableFooting, self.reader) if footing.get("purpose") else None
        return profile_from(reader, stated, granted)


@dataclass(frozen=True)
class LabelOptions:
    """The label of the record that is read."""

    label: Annotated[Path | None, typer.Option("--label", help="YAML: owner, ownerKind, handling, …")] = None
    owner: Annotated[str, typer.Option("--owner", help="Whose record.")] = "nobody"
    owner_kind: Annotated[str, typer.Option("--owner-kind", help="The owner's kind.")] = "company"
    handling: Annotated[str, typer.Option("--handling", help="Scheme and code, as 'tlp-2.0 AMBER'.")] = "none"
    pap: Annotated[str, typer.Option("--pap", help="CLEAR, GREEN, AMBER, RED.")] = "GREEN"
    given_for: Annotated[list[str] | None, typer.Option("--given-for", help="A purpose it is given for; repeat.")] = (
        None
    )
    shared_with: Annotated[list[str] | None, typer.Option("--shared-with", help="A group; repeat.")] = None
    granted_by: Annotated[list[str] | None, typer.Option("--granted-by", help="A grant that covers it; repeat.")] = None

    def made(self) -> Label:
        """The label. Raises InvalidInput."""
        given = {
            **{"owner": self.owner, "ownerKind": self.owner_kind, "jurisdiction": "XX", "handling": self.handling},
            **{"pap": self.pap, "purposes": self.given_for or [], "groups": self.shared_with or []},
            "grants": self.granted_by or [],
        }
        made: TableLabel = _convert({**given, **(_yaml(self.label) if self.label else {})}, TableLabel, self.label)
        return made.label()


def explain(
    directory: DirArgument = None, *, reader: ReaderOptions, label: LabelOptions, json: JsonFlag = False
) -> None:
    """Explain why a reader may, or may not, see a label: per action and field group every rule that decides.

    A rule of the label's owner comes before the rulebook's. For a record of a running service see "policy why".
    """
    policies, profile, made = load_proved(_folder(directory)), reader.profile(), label.made()
    found = explained(policies, profile, made)
    telling = telling_of(policies, profile, made)
    if json:
        write_json({"actions": [_decision(one) for one in found], "hit": telling})
        return
    show_explanation([_decision(one) for one in found])
    Console(highlight=False, soft_wrap=True).print(f"of a hit the owner is told {_told(telling)}", markup=False)


def _told(telling: Telling | None) -> str:
    return "at once" if telling is None else f"by rule {telling.said()}"


def show_explanation(actions: Sequence[ActionDecision]) -> None:
    """Print an explanation as a table."""
    table = Table("action", "", "decided by", "and the service", box=None, header_style="bold", pad_edge=False)
    for one in actions:
        rules = ", ".join(f"{rule.id} [dim]({escape(rule.file)})[/dim]" for rule in one.rules)
        mark = "[green]yes[/green]" if one.allowed else "[red]no[/red]"
        table.add_row(one.action, mark, rules or one.rule, escape(one.invariant or ""))
    Console(highlight=False).print(table)


def _decision(one: Explanation) -> ActionDecision:
    return ActionDecision(
        action=one.action,
        allowed=one.allowed,
        allowed_by_rules=one.decision.allowed,
        rule=one.decision.rule,
        rules=[DecidingRule(id=rule, file=one.files[rule]) for rule in one.decision.rules if rule in one.files],
        invariant=one.invariant or None,
    )


app.command("explain")(grouped(explain))


@app.command("diff")
def diff(
    old: Annotated[Path, typer.Argument(help="The policies' folder before.", exists=True, file_okay=False)],
    new: Annotated[Path, typer.Argument(help="The policies' folder after.", exists=True, file_okay=False)],
    *,
    out: Annotated[Path | None, typer.Option("--out", help="Write the whole list to this file, as JSON.")] = None,
    json: JsonFlag = False,
) -> None:
    """Compare all decisions of two versions: which ones change, for which readers, on which labels.

    The exit code is 0 when nothing changes and 1 when something does.
    """
    found = compare(read_files(old), read_files(new))
    if out is not None:
        out.write_bytes(msgspec.json.format(msgspec.json.encode(found)) + b"\n")
    if json:
        write_json(found)
    else:
        show_difference(found)
    if found.changes or found.limits or found.tellings:
        raise typer.Exit(NOT_HOLDING)


def show_difference(found: Difference) -> None:
    """Print a difference as a table."""
    console = Console(highlight=False)
    for line in (*found.rules, *found.limits, *found.tellings):
        console.print(line, markup=False)
    changed = sum(change.decisions for change in found.changes)
    console.print(f"{found.decisions:,} decisions compared, {changed:,} change")
    if not found.changes:
        return
    table = Table("labels of", "", "actions", "when", box=None, header_style="bold", pad_edge=False)
    for change in found.changes[:SHOWN]:
        mark = "[green]gain[/green]" if change.gain else "[red]lose[/red]"
        table.add_row(change.owner, mark, _actions(change), escape(_when(change)))
    console.print(table)
    if len(found.changes) > SHOWN:
        console.print(f"… and {len(found.changes) - SHOWN} more; all with --out FILE or --json")


def _actions(change: Change) -> str:
    return ", ".join(action.removeprefix("view:") for action in change.actions)


def _when(change: Change) -> str:
    return "\n".join(f"{axis}: {'; '.join(_merged(names))}" for axis, names in change.within.items()) or "always"


def _merged(names: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(name.split(" #")[0] for name in names))


def _folder(directory: Path | None) -> Path:
    folder = directory or product_data("policies")
    if not folder.is_dir():
        raise InvalidInput("there is no such folder", code="no_folder", where=str(folder))
    return folder


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise InvalidInput("the file can't be read as UTF-8", code="unreadable", where=str(path)) from None


def _yaml(path: Path) -> dict[str, Any]:
    try:
        loaded = load_yaml(path.read_bytes(), where=str(path))
    except OSError:
        raise InvalidInput("the file can't be read", code="unreadable", where=str(path)) from None
    if not isinstance(loaded, dict):
        raise InvalidInput("a mapping is needed", code="unreadable", where=str(path))
    return loaded


def _convert(value: Any, form: Any, path: Path | None) -> Any:
    try:
        return msgspec.convert(value, form)
    except msgspec.ValidationError as error:
        raise InvalidInput(str(error), code="bad_input", where=str(path or "options")) from None
