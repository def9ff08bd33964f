"""The commands by name. A command's module is imported when the command is run, or when its own help is asked for.

What every command would import together takes a second and more of computing; the list and the help of all need none of
it. So the first line of each command's help stands here too, and a test holds it against the command's own.
"""

from __future__ import annotations

from _collections_abc import dict_items, dict_values
from collections.abc import Iterator
from importlib import import_module
from typing import Any, NamedTuple, cast

import typer
from typer.core import TyperCommand, TyperGroup

from graphsvc.cli.examples import example_of


class Entry(NamedTuple):
    """A command, or a group of them: its name, where it is, and the first line of its help."""

    name: str
    module: str
    attribute: str
    help: str


COMMANDS = (
    Entry("init", "init", "init",
          "Write the settings of a service in production, with comments, and the keys of its clients."),
    Entry("up", "run", "up",
          "Run everything on this machine: service, Neo4j and development identities, until Ctrl-C."),
    Entry("demo", "run", "demo",
          "Start everything and tell a story: four organisations, one case, from a phone number to a ring."),
    Entry("submit", "submit", "submit", "Submit a file of records, signed."),
    Entry("convert", "convert", "convert_file", "Show what a file would become, without a service and a key."),
    Entry("template", "template", "template",
          "Write a form for an extract: the columns, and one row as an example, to be replaced by your own."),
    Entry("map", "mapping", "propose_map", "Propose a mapping for a table, and show it on its first rows."),
    Entry("ask", "ask", "ask", "Ask a GraphQL question, check the answer against its receipt, and print its data."),
    Entry("export", "export", "export",
          "Write what a question finds to a file: for a spreadsheet, a chart, another system, another case."),
    Entry("taxii", "taxii", "taxii", "Serve folders of exported STIX bundles by TAXII 2.1, read only, until Ctrl-C."),
    Entry("expand", "expand", "expand",
          "Show the network around an identifier: what is linked with it, who says so, under which handling code."),
    Entry("find", "find", "app", "Find entities by name; see them in time, and what they have in common."),
    Entry("evidence", "evidence", "evidence",
          "Make an evidence package: entries, proofs, key history, answers as received, a summary, how to check."),
    Entry("verify", "verify", "verify", "Check an evidence package or file, a saved answer or a receipt offline."),
    Entry("scan", "scan", "scan", "Walk the whole log with your own key and list who saw your records, when and why."),
    Entry("witness", "witness", "witness", "Run a witness (c2sp.org/tlog-witness) for the logs named, until Ctrl-C."),
    Entry("match", "match", "match",
          "Ask whether anybody holds something on exact identifiers, and whom to ask about it."),
    Entry("backup", "backup", "backup", "Back up ledger, payloads and wrapped keys; the service may run meanwhile."),
    Entry("restore", "backup", "restore_backup",
          "Make a state directory from a backup. Erasures are replayed; the first start fills graph and columns."),
    Entry("rebuild", "rebuild", "rebuild",
          "Make the graph and the columns anew from the ledger. The service must not run."),
    Entry("sign", "sign", "sign", "Sign an act on a machine without network, and print it: a compact JWS."),
    Entry("token", "token", "token", "Fetch an access token."),
    Entry("keys", "keys", "app", "Make and look at keys; enrol and revoke them from the offline root key."),
    Entry("trust", "trust", "app", "The keys that a verifier pins outside the service."),
    Entry("case", "holdings", "case",
          "Register a case of your organisation, so that questions can name it; for investigators and analysts."),
    Entry("cases", "holdings", "cases", "List the cases that your organisation has registered."),
    Entry("submissions", "holdings", "submissions",
          "List your organisation's submissions, newest first, or the rows of one that were not accepted."),
    Entry("access-log", "holdings", "access_log",
          "List who was shown records of your organisation, and on what footing, newest first."),
    Entry("act", "sharing", "act", "Sign an act with your own key and have it carried out."),
    Entry("requests", "sharing", "requests",
          "List requests to your organisation, or by it; or show one, with those of your records that it asks for."),
    Entry("decide", "sharing", "decide", "Decide a disclosure request: grant, refuse or ask back."),
    Entry("grants", "sharing", "grants", "List grants, or revoke one."),
    Entry("group", "group", "app", "Sharing groups: who belongs, and what is shared with them."),
    Entry("recall", "custody", "recall",
          "Take records of your organisation back; without a target, list what was taken back and who has answered."),
    Entry("notices", "custody", "notices",
          "List notices: records that your organisation saw and that were taken back since; or answer one."),
    Entry("hold", "custody", "hold",
          "Put records under a legal hold: no purge and no erasure takes them; without a target, list the holds."),
    Entry("release", "custody", "release",
          "End a legal hold; what has become due meanwhile goes with the next purge."),
    Entry("erase", "custody", "erase",
          "Erase records of your organisation for good: the records go, their keys and salts are destroyed."),
    Entry("purge", "custody", "purge",
          "For operators: report what is due to go by expiry, age or recall; with --yes erase it for good."),
    Entry("doctor", "doctor", "doctor",
          "For operators: check the running service, and say what to do about what is wrong."),
    Entry("reapply", "doctor", "reapply",
          "For operators: bring rows that were set aside into the graph, once the cause is mended."),
    Entry("reclean", "reclean", "reclean",
          "For operators: clean anew what was kept unlinked, by the rules and numbering plans of today."),
    Entry("subject-access", "access", "subject_access",
          "Report all that your organisation holds and has disclosed on an identifier; for its officers."),
    Entry("members", "members", "app", "Members: who belongs, how to reach them, and how one leaves."),
    Entry("rings", "keptrings", "app",
          "Rings: accounts that share more than chance allows, in a file or at a service."),
    Entry("policy", "policyversions", "app", "Policies: check, explain, compare and roll them out."),
)  # fmt: skip
"""In the order of the help."""
FORM: dict[str, Any] = {
    "add_completion": False, "pretty_exceptions_enable": False, "rich_markup_mode": "rich",
}  # fmt: skip


class Loaded(dict[str, Any]):
    """Commands by name, each made when it is first looked at."""

    def __init__(self, entries: tuple[Entry, ...]) -> None:
        super().__init__((entry.name, None) for entry in entries)
        self._entries = {entry.name: entry for entry in entries}

    def __getitem__(self, name: str) -> Any:
        if super().__getitem__(name) is None:
            self[name] = made(self._entries[name])
        return super().__getitem__(name)

    def get(self, name: str, default: Any = None) -> Any:
        """The command; ``default`` where there is none."""
        return self[name] if name in self._entries else default

    def values(self) -> dict_values[str, Any]:
        """All commands."""
        return {name: self[name] for name in self}.values()

    def items(self) -> dict_items[str, Any]:
        """All commands with their names."""
        return {name: self[name] for name in self}.items()


def made(entry: Entry) -> Any:
    """The command of an entry."""
    found = getattr(import_module(f"graphsvc.cli.{entry.module}"), entry.attribute)
    if isinstance(found, typer.Typer):
        command = typer.main.get_group(found)
    else:
        alone = typer.Typer(**FORM)
        alone.command(entry.name)(found)
        command = cast(Any, typer.main.get_command(alone))
    command.name = entry.name
    for words, one in leaves(entry.name, command):
        one.epilog = example_of(words)
    return command


def leaves(words: str, command: Any) -> Iterator[tuple[str, Any]]:
    """A command, or all of a group, each with the words that call it."""
    if not hasattr(command, "commands"):
        yield words, command
        return
    for name, one in command.commands.items():
        yield from leaves(f"{words} {name}".strip(), one)


class Commands(TyperGroup):
    """The group of all commands: it lists them by the table, and makes the one that is run."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**{**given, "commands": None})
        self.commands = Loaded(COMMANDS)
        self._listed = {entry.name: entry for entry in COMMANDS}

    def list_commands(self, ctx: Any) -> list[str]:
        """The names, in the order of the table."""
        return list(self.commands)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """What a list shows of a command: its name and the first line of its help."""
        entry = self._listed.get(cmd_name)
        return None if entry is None else TyperCommand(entry.name, callback=None, help=entry.help, params=[])

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """The command that is run, whole."""
        name, command, rest = super().resolve_command(ctx, args)
        return name, command if name is None else self.commands[name], rest
