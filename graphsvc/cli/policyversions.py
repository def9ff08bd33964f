"""``graphsvc policy list | propose | show | approve | rollback | why``: rolling policies out at a running service."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from graphsvc.cli.options import FootingOptions, grouped
from graphsvc.cli.output import table, write_json
from graphsvc.cli.policy import DirArgument, JsonFlag, app, show_difference, show_explanation
from graphsvc.cli.sharing import ProfileOption, SignOption, hand_in, sign_and_send, tell
from graphsvc.client import Client
from graphsvc.client.acts import said_by
from graphsvc.client.profile import read_profile
from graphsvc.client.questions import VERSIONS, WHY
from graphsvc.model.errors import Conflict, InvalidInput, NotFound
from graphsvc.model.product import product_data
from graphsvc.policy.check import read_tables
from graphsvc.policy.rules import SCHEMA_FILE, digest_of, owner_of, read_files
from graphsvc.policy.tables import parse_table
from graphsvc.policy.trial import check_folder, compare
from graphsvc.rulebooks.versions import part_of
from graphsvc.wire.acts import kind_of
from graphsvc.wire.rulebooks import ApprovePolicy, PolicySigner, PolicyVersion, ProposePolicy, RollBackPolicy
from graphsvc_verify.canonical import encode, parse
from graphsvc_verify.meaning import SHARED

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
            *(one.index, one.part, one.state, _short(one.version), _short(one.object)),
            *(one.since, _who(one.proposer), ", ".join(map(_who, one.approvals)), one.missing),
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
    """Propose one part of a folder of policies; nothing changes before others have approved.

    The folder is checked first. Its decision tables about this part travel along, and the service runs them too.
    """
    from graphsvc.acts.signed import MAX_BODY

    folder = directory or product_data("policies")
    # 1. Check the folder before anything is signed.
    if findings := check_folder(folder):
        raise InvalidInput(f"{findings[0].message}; see graphsvc policy check", code="policy_check", where=str(folder))
    reach = read_profile(profile)
    with reach.client() as client:
        # 2. Find the files that differ from those in force.
        current = _current(client, part)
        files = {name: text for name, text in read_files(folder).items() if part_of(name) == part}
        changed: dict[str, str | None] = {n: text for n, text in files.items() if current.get(n) != text}
        changed |= dict.fromkeys(current.keys() - files.keys())
        if not changed:
            raise Conflict("the folder says of this part what is in force already", code="no_change")
        # 3. Sign it and hand it in.
        body = ProposePolicy(base=digest_of(current), files=changed, tables=_tables(folder, part), note=note)
        if len(encode(said_by(body))) > MAX_BODY:
            raise InvalidInput(f"a proposal has at most {MAX_BODY:,} bytes: propose it in steps", code="too_large")
        tell(sign_and_send(reach, client, sign, (part, body)), json)


def show(proposal: ObjectArgument, profile: ProfileOption = None, json: JsonFlag = False) -> None:
    """Show what a proposal changes: the text, and every decision, on labels of your organisation or of others."""
    with read_profile(profile).client() as client:
        one = _find(client, proposal)
        current = {name: text for part in (SHARED, *_own(one)) for name, text in _current(client, part).items()}
    schema = {SCHEMA_FILE: (product_data("policies") / SCHEMA_FILE).read_text(encoding="utf-8")}
    if one.part != SHARED and not current:
        raise NotFound("the shared rulebook is not there")
    after = {name: text for name, text in current.items() if part_of(name) != one.part} | _files(one)
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
    """Write one part's files that are in force into a folder, so that you can change and propose them."""
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
    """Approve a proposal by signing the very same body with your own key; look at it first with "policy show"."""
    reach = read_profile(profile)
    with reach.client() as client:
        one = _find(client, proposal)
        # An approval signs what the proposer signed, to the byte.
        said = parse((one.body or "{}").encode())
        tell(hand_in(reach, client, sign, (kind_of(ApprovePolicy), one.part, said)), json)


def rollback(
    part: PartArgument,
    version: Annotated[str, typer.Argument(help="The earlier version, by the start of its digest (policy list).")],
    *,
    note: NoteOption = "",
    sign: SignOption,
    profile: ProfileOption = None,
    json: JsonFlag = False,
) -> None:
    """Propose to put an earlier version in force again; others approve it like any proposal."""
    reach = read_profile(profile)
    with reach.client() as client:
        past = [one for one in _versions(client, part) if one.since is not None]
        to = {one.version for one in past if _matches(one.version, version)}
        if len(to) != 1:
            raise NotFound("no version, or more than one, starts like this", where=version)
        body = RollBackPolicy(base=digest_of(_current(client, part)), to=to.pop(), note=note)
        tell(sign_and_send(reach, client, sign, (part, body)), json)


@dataclass(frozen=True)
class RecordOptions:
    """Which record: by its handle, or, for one of your own, by submission and row."""

    record: Annotated[str | None, typer.Option("--record", help="The record, by its handle.")] = None
    submission: Annotated[int | None, typer.Option("--submission", help="Or your submission, by ledger index …")] = None
    row: Annotated[int | None, typer.Option("--row", help="… and the row in it.")] = None


@dataclass(frozen=True)
class OtherOptions:
    """Another reader, of a record of your own."""

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

    Without --org: what you may do, on the footing that you state. With --org, for a record of your own: what that
    organisation may do.
    """
    reader = None
    if other.org:
        footing: dict[str, Any] = {"purpose": stated.purpose, "legalBasis": stated.legal_basis, "case": stated.case}
        footing["signed"] = stated.signed
        reader = {"org": other.org, "kind": other.kind, "roles": other.role or ["investigator"], **footing}
    asked = {"record": which.record, "submission": which.submission, "row": which.row, "reader": reader}
    with read_profile(profile).client(signed=stated.signed and reader is None) as client:
        one = client.read(WHY, asked, stated.footing if reader is None else FootingOptions().footing)
    if one is None:
        raise NotFound("there is no such record, or none that you may see")
    if json:
        write_json(one)
        return
    Console(highlight=False).print(f"a record of {one.owner}, under policies {_short(one.policy)}")
    show_explanation(one.actions)


def _versions(client: Client, part: str | None) -> list[PolicyVersion]:
    asked = {"part": part, "first": 500}
    return [one for some, _ in client.pages(VERSIONS, asked) for one in some]


def _current(client: Client, part: str) -> dict[str, str]:
    return next((_files(one) for one in _versions(client, part) if one.state == "in-force"), {})


def _files(one: PolicyVersion) -> dict[str, str]:
    return {file.name: file.text for file in one.files}


def _find(client: Client, start: str) -> PolicyVersion:
    found = [one for one in _versions(client, None) if one.object and _matches(one.object, start)]
    if len(found) != 1:
        raise NotFound("no proposal, or more than one, starts like this", where=start)
    return found[0]


def _own(one: PolicyVersion) -> tuple[str, ...]:
    return () if one.part == SHARED else (one.part,)


def _tables(folder: Path, part: str) -> dict[str, str]:
    """The decision tables about one part only: their labels are of one organisation, or of none with its own file."""
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


def _who(signer: PolicySigner | None) -> str:
    return "" if signer is None else f"{signer.org} ({signer.person})" if signer.person else signer.org


for _name, _command in (
    ("list", listing),
    ("propose", propose),
    ("show", show),
    ("pull", pull),
    ("approve", approve),
    ("rollback", rollback),
    ("why", grouped(why)),
):
    # One group: these commands speak with a service, those of graphsvc.cli.policy work on files.
    app.command(_name)(_command)
