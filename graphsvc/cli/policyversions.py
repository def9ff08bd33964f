"""``graphsvc policy list | propose | show | approve | rollback | why``: rolling policies out at a running service."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from graphsvc.cli.options import FootingOptions, grouped
from graphsvc.cli.output import table, write_json
from graphsvc.cli.policy import DirArgument, JsonFlag, show_difference, show_explanation
from graphsvc.cli.sharing import ProfileOption, SignOption, sign_and_send, tell
from graphsvc.client import Client
from graphsvc.client.acts import VERSIONS, WHY
from graphsvc.client.profile import read_profile
from graphsvc.model.errors import Conflict, InvalidInput, NotFound
from graphsvc.model.product import product_data
from graphsvc.policy.check import read_tables
from graphsvc.policy.rules import SCHEMA_FILE, digest_of, owner_of, read_files
from graphsvc.policy.tables import parse_table
from graphsvc.policy.trial import check_folder, compare
from graphsvc.rulebooks.versions import part_of
from graphsvc_verify.canonical import encode, parse
from graphsvc_verify.meaning import SHARED

Shape = dict[str, Any]
PartArgument = Annotated[str, typer.Argument(help="Your organisation, for its own file; or shared, for the rulebook.")]
ObjectArgument = Annotated[str, typer.Argument(help="The proposal, by the start of its digest (policy list).")]
NoteOption = Annotated[str, typer.Option("--note", help="Why, for those who approve.")]


def listing(
    part: Annotated[str | None, typer.Option("--part", help="shared, or your organisation.")] = None,
    profile: ProfileOption = None,
    json: JsonFlag = False,
) -> None:
    """List versions and proposals of the shared rulebook and of your organisation's file, newest first."""
    with read_profile(profile).client() as client:
        found = _versions(client, part)
    if json:
        write_json({"versions": found})
        return
    rows = (
        (
            *(one["index"], one["part"], one["state"], _short(one["version"]), _short(one["object"])),
            *(one["since"], _who(one["proposer"]), ", ".join(map(_who, one["approvals"])), one["missing"]),
        )
        for one in found
    )
    columns = ("ledger", "part", "state", "version", "proposal", "in force since", "by", "approved by", "still needs")
    table(columns, rows)


def propose(
    part: PartArgument,
    directory: DirArgument = None,
    *,
    note: NoteOption = "",
    sign: SignOption,
    profile: ProfileOption = None,
    json: JsonFlag = False,
) -> None:
    """Propose what a folder of policies says of one part; nothing changes before others have approved.

    The folder is checked first. Its decision tables about this part travel along, and the service runs them too.
    """
    from graphsvc.acts.signed import MAX_BODY

    folder = directory or product_data("policies")
    # 1. Sound here?
    if findings := check_folder(folder):
        raise InvalidInput(f"{findings[0].message}; see graphsvc policy check", code="policy_check", where=str(folder))
    reach = read_profile(profile)
    with reach.client() as client:
        # 2. What is other than what is current.
        current = _current(client, part)
        files = {name: text for name, text in read_files(folder).items() if part_of(name) == part}
        changed: dict[str, str | None] = {n: text for n, text in files.items() if current.get(n) != text}
        changed |= dict.fromkeys(current.keys() - files.keys())
        if not changed:
            raise Conflict("the folder says of this part what is in force already", code="no_change")
        # 3. Sign it and hand it in.
        body = {"base": digest_of(current), "files": changed, "tables": _tables(folder, part), "note": note}
        if len(encode(body)) > MAX_BODY:
            raise InvalidInput(f"a proposal has at most {MAX_BODY:,} bytes: propose it in steps", code="too_large")
        tell(sign_and_send(reach, client, sign, ("policy-propose", part, body)), json)


def show(proposal: ObjectArgument, profile: ProfileOption = None, json: JsonFlag = False) -> None:
    """Show what a proposal changes: the text, and every decision on labels of your organisation and of others alike."""
    with read_profile(profile).client() as client:
        one = _find(client, proposal)
        current = {name: text for part in (SHARED, *_own(one)) for name, text in _current(client, part).items()}
    schema = {SCHEMA_FILE: (product_data("policies") / SCHEMA_FILE).read_text(encoding="utf-8")}
    if one["part"] != SHARED and not current:
        raise NotFound("the shared rulebook is not there")
    after = {name: text for name, text in current.items() if part_of(name) != one["part"]} | _files(one)
    found = compare({**schema, **current}, {**schema, **after})
    if json:
        write_json({"proposal": one, "difference": found})
        return
    console = Console(highlight=False)
    for name in sorted({*current, *after}):
        before, later = current.get(name, "").splitlines(), after.get(name, "").splitlines()
        for line in difflib.unified_diff(before, later, f"in force/{name}", f"proposed/{name}", lineterm=""):
            console.print(line, markup=False)
    show_difference(found)


def pull(
    part: PartArgument,
    directory: Annotated[Path, typer.Argument(help="A folder to write to; no file in it is overwritten.")],
    profile: ProfileOption = None,
    json: JsonFlag = False,
) -> None:
    """Write the files that are in force of one part into a folder, to change and propose them."""
    with read_profile(profile).client() as client:
        found = _current(client, part)
    if not found:
        raise NotFound("there are no files in force of this part", where=part)
    for name in sorted(found):
        if part_of(name) != part:
            raise InvalidInput("the service names a file that is none of this part", code="bad_answer", where=name)
        if (directory / name).exists():
            raise InvalidInput("there is a file already", code="exists", where=str(directory / name))
    for name, text in sorted(found.items()):
        target = directory / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
    if json:
        write_json({"part": part, "version": digest_of(found), "files": sorted(found)})
        return
    typer.echo(f"{len(found)} files of version {_short(digest_of(found))} in {directory}")


def approve(
    proposal: ObjectArgument, *, sign: SignOption, profile: ProfileOption = None, json: JsonFlag = False
) -> None:
    """Approve a proposal by signing the very same body with your own key; look at it with "policy show" before."""
    reach = read_profile(profile)
    with reach.client() as client:
        one = _find(client, proposal)
        tell(sign_and_send(reach, client, sign, ("policy-approve", one["part"], parse(one["body"].encode()))), json)


def rollback(
    part: PartArgument,
    version: Annotated[str, typer.Argument(help="The earlier version, by the start of its digest (policy list).")],
    *,
    note: NoteOption = "",
    sign: SignOption,
    profile: ProfileOption = None,
    json: JsonFlag = False,
) -> None:
    """Propose to make an earlier version current again; others approve it as any proposal."""
    reach = read_profile(profile)
    with reach.client() as client:
        past = [one for one in _versions(client, part) if one["since"] is not None]
        to = {one["version"] for one in past if _matches(one["version"], version)}
        if len(to) != 1:
            raise NotFound("no version, or more than one, starts like this", where=version)
        body = {"base": digest_of(_current(client, part)), "to": to.pop(), "note": note}
        tell(sign_and_send(reach, client, sign, ("policy-rollback", part, body)), json)


@dataclass(frozen=True)
class RecordOptions:
    """Which record: by its handle, or an own one by where it was submitted."""

    record: Annotated[str | None, typer.Option("--record", help="The record, by its handle.")] = None
    submission: Annotated[int | None, typer.Option("--submission", help="Or your submission, by ledger index …")] = None
    row: Annotated[int | None, typer.Option("--row", help="… and the row in it.")] = None


@dataclass(frozen=True)
class OtherOptions:
    """Another reader, of an own record."""

    org: Annotated[str, typer.Option("--org", help="Of your own record: why this organisation …")] = ""
    kind: Annotated[str, typer.Option("--kind", help="… of this kind, where it is no member …")] = "police"
    role: Annotated[list[str] | None, typer.Option("--role", help="… with this role; repeat.")] = None


def why(
    *,
    which: RecordOptions,
    other: OtherOptions,
    stated: FootingOptions,
    profile: ProfileOption = None,
    json: JsonFlag = False,
) -> None:
    """Explain who may do what with a record of a running service, and by which rules.

    Without --org: why you may, on the footing that you state. With --org, for a record of your own: why it may.
    """
    reader = None
    if other.org:
        footing: dict[str, Any] = {"purpose": stated.purpose, "legalBasis": stated.legal_basis, "case": stated.case}
        footing["signed"] = stated.signed
        reader = {"org": other.org, "kind": other.kind, "roles": other.role or ["investigator"], **footing}
    asked = {"record": which.record, "submission": which.submission, "row": which.row, "reader": reader}
    with read_profile(profile).client(signed=stated.signed and reader is None) as client:
        found = client.query(WHY, asked, stated.footing if reader is None else FootingOptions().footing)
    one = found.data["explainAccess"]
    if one is None:
        raise NotFound("there is no such record, or none that you may see")
    if json:
        write_json(one)
        return
    plain = [{**action, "invariant": action["invariant"] or ""} for action in one["actions"]]
    Console(highlight=False).print(f"a record of {one['owner']}, under policies {_short(one['policy'])}")
    show_explanation(plain)


def add(app: typer.Typer) -> None:
    """Add these commands to those on files."""
    for name, command in (
        ("list", listing),
        ("propose", propose),
        ("show", show),
        ("pull", pull),
        ("approve", approve),
    ):
        app.command(name)(command)
    app.command("rollback")(rollback)
    app.command("why")(grouped(why))


def _versions(client: Client, part: str | None) -> list[Shape]:
    found: list[Shape] = client.query(VERSIONS, {"part": part, "first": 500}).data["policyVersions"]
    return found


def _current(client: Client, part: str) -> dict[str, str]:
    return next((_files(one) for one in _versions(client, part) if one["state"] == "in-force"), {})


def _files(one: Shape) -> dict[str, str]:
    return {file["name"]: file["text"] for file in one["files"]}


def _find(client: Client, start: str) -> Shape:
    found = [one for one in _versions(client, None) if one["object"] and _matches(one["object"], start)]
    if len(found) != 1:
        raise NotFound("no proposal, or more than one, starts like this", where=start)
    return found[0]


def _own(one: Shape) -> tuple[str, ...]:
    return () if one["part"] == SHARED else (one["part"],)


def _tables(folder: Path, part: str) -> dict[str, str]:
    """The tables that are about one part only: labels of one organisation, or of none that has a file."""
    owners = {owner for name in read_files(folder) if (owner := owner_of(name))}
    return {name: text for name, text in read_tables(folder).items() if _about(text, name, owners) == part}


def _about(text: str, name: str, owners: set[str]) -> str:
    labelled = {case.label.owner for case in parse_table(text, name).cases}
    if not labelled & owners:
        return SHARED
    return labelled.pop() if len(labelled) == 1 else ""


def _matches(digest: str, start: str) -> bool:
    given = start.removeprefix("sha256:")
    return len(given) >= 6 and digest.removeprefix("sha256:").startswith(given)


def _short(digest: str | None) -> str:
    return (digest or "").removeprefix("sha256:")[:12]


def _who(signer: Mapping[str, Any] | None) -> str:
    return "" if signer is None else f"{signer['org']} ({signer['person']})" if signer["person"] else signer["org"]
