"""``graphsvc keys request | enrol | add | rotate | revoke | send | list``: an organisation's keys, by its root key."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from graphsvc.cli.options import grouped
from graphsvc.cli.output import write_json
from graphsvc.client.enrol import Enroller, KeyRequest
from graphsvc.client.keys import (
    HpkeKey,
    SigningKey,
    load_hpke_key,
    load_signing_key,
    save_hpke_key,
    save_signing_key,
)
from graphsvc.client.profile import Profile, read_profile
from graphsvc.model.errors import InvalidInput
from graphsvc.model.principals import check_roles
from graphsvc_verify.canonical import unb64u
from graphsvc_verify.entry import parse_leaf
from graphsvc_verify.evidence import check_evidence
from graphsvc_verify.keychain import OPERATOR, SIGNED, ProvedEvent, read_keychain
from graphsvc_verify.persons import FORM
from graphsvc_verify.trust import Trust

JsonFlag = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Out = Annotated[Path, typer.Option("--out", help="Where to write it; must not exist.", dir_okay=False)]
Root = Annotated[Path, typer.Option("--root", help="The organisation's root key. It never leaves this machine.")]
Org = Annotated[str, typer.Option("--org", help="The organisation.")]
Origin = Annotated[str, typer.Option("--origin", help="The log's name, as in the trust file.")]
Days = Annotated[int, typer.Option("--days", help="For how many days the act may be carried.", min=1, max=90)]
Reach = Annotated[Path | None, typer.Option("--profile", help="How to reach the service.", envvar="GRAPHSVC_PROFILE")]


def request(
    key: Annotated[Path, typer.Argument(help="The new private key; it stays here.")],
    org: Org,
    origin: Origin,
    out: Out,
    person: Annotated[str, typer.Option("--person", help="Who holds the key; empty for a receiving key.")] = "",
    hpke: Annotated[bool, typer.Option("--hpke", help="It is a receiving key.")] = False,
) -> None:
    """Write a request to enrol a key, to carry to the root key: its public half, and proof that you hold it."""
    loaded = load_hpke_key(key) if hpke else load_signing_key(key)
    if not hpke and not person:
        raise InvalidInput("say who holds the key with --person", code="no_person")
    made = KeyRequest.of(loaded, org, origin, person)
    _write(out, made.write())
    typer.echo(f"{out}: key {made.kid}; carry it to where the root key is")


def enrol(
    file: Annotated[Path, typer.Argument(help="The holder's request.", exists=True, dir_okay=False)],
    root: Root,
    out: Out,
    role: Annotated[list[str] | None, typer.Option("--role", help="What its acts may do. Repeatable.")] = None,
    prev: Annotated[
        int | None, typer.Option("--prev", help="Your last key event (keys list); left out for the first.", min=0)
    ] = None,
    profile: Annotated[
        Path | None, typer.Option("--profile", help="Instead of --prev, where the service can be reached: ask it.")
    ] = None,
    days: Days = 7,
) -> None:
    """Sign, offline, that a key acts for your organisation. Carry the file to the service with keys send.

    For the first key of a person, or a further one; keys rotate replaces one. Where the root key may be used on a
    machine with a connection, keys add does all at once.
    """
    asked = KeyRequest.read(file.read_bytes())
    if profile is not None:
        if prev is not None:
            raise InvalidInput("name the last key event with --prev, or have it asked for: not both", code="two_prevs")
        prev = _last_event(read_profile(profile), asked.org)
    enroller = Enroller(asked.org, asked.origin, load_signing_key(root), timedelta(days=days))
    _write(out, enroller.enrol(asked, tuple(role or ()), prev).encode() + b"\n")
    typer.echo(f"{out}: enrols key {asked.kid} of {asked.org}; send it within {days} days: graphsvc keys send {out}")


def add(
    key: Annotated[Path, typer.Argument(help="The private key; made where there is none.", dir_okay=False)],
    root: Root,
    person: Annotated[str, typer.Option("--person", help="Who holds the key; empty for a receiving key.")] = "",
    hpke: Annotated[bool, typer.Option("--hpke", help="It is a receiving key.")] = False,
    role: Annotated[list[str] | None, typer.Option("--role", help="What its acts may do. Repeatable.")] = None,
    profile: Reach = None,
    json: JsonFlag = False,
) -> None:
    """Make a key if there is none, sign with the root key that it acts for your organisation, and send that.

    Does the same as keys new, request, enrol and send. After a failure it can be repeated with the same key.
    """
    # 1. First what can fail before anything is made: profile, root key, roles.
    reach = read_profile(profile)
    enroller = Enroller(reach.file.org, reach.trust().origin, load_signing_key(root), timedelta(days=1))
    if not hpke and not person:
        raise InvalidInput("say who holds the key with --person", code="no_person")
    check_roles(role or ())
    prev = _last_event(reach, enroller.org)
    # 2. The key, with proof that it is held here.
    if key.exists():
        held: HpkeKey | SigningKey = load_hpke_key(key) if hpke else load_signing_key(key)
    else:
        held = _make(key, hpke=hpke)
    asked = KeyRequest.of(held, enroller.org, enroller.origin, person)
    # 3. One act, under the last event that the service has proved.
    with reach.client() as client:
        index = client.enrol(enroller.enrol(asked, tuple(role or ()), prev)).index
    if json:
        write_json({"kid": asked.kid, "index": index})
    else:
        typer.echo(f"{key}: key {asked.kid} of {enroller.org} enrolled, ledger index {index}, inclusion proof checked")


def revoke(
    kid: Annotated[str, typer.Argument(help="The id of the key (keys list).")],
    root: Root,
    org: Org,
    origin: Origin,
    prev: Annotated[int, typer.Option("--prev", help="Your last key event (keys list).", min=0)],
    out: Out,
    reason: Annotated[str, typer.Option("--reason", help="Why; everyone who gets evidence reads it.")] = "rotated",
) -> None:
    """Sign, offline, that what a key signs no longer counts. Send it within 7 days: graphsvc keys send."""
    _check_kid(kid)
    enroller = Enroller(org, origin, load_signing_key(root), timedelta(days=7))
    _write(out, enroller.revoke(kid, reason, prev).encode() + b"\n")
    typer.echo(f"{out}: revokes key {kid} of {org}; send it: graphsvc keys send {out}")


def _check_kid(kid: str) -> None:
    if re.fullmatch(r"[A-Za-z0-9_-]{16}", kid) is None:
        raise InvalidInput("a key's id is 16 characters, as keys list shows them", code="bad_kid", where="kid")


@dataclass(frozen=True)
class Successor:
    """The key that takes over: made here, or by its holder elsewhere."""

    new: Annotated[
        Path | None, typer.Option("--new", help="Make the new private key here; must not exist.", dir_okay=False)
    ] = None
    request: Annotated[
        Path | None, typer.Option("--request", help="Or: its holder's request (keys request).", exists=True)
    ] = None
    person: Annotated[str, typer.Option("--person", help="With --new: who holds it; empty if it receives.")] = ""
    hpke: Annotated[bool, typer.Option("--hpke", help="With --new: it is a receiving key.")] = False
    role: Annotated[list[str] | None, typer.Option("--role", help="What its acts may do. Repeatable.")] = None

    def asked(self, org: str, origin: str) -> KeyRequest:
        """The request for the key; with ``--new`` the key is made and written first. Raises InvalidInput."""
        if (self.new is None) == (self.request is None):
            raise InvalidInput("say --new for a key made here, or --request for one made elsewhere", code="no_key")
        if self.request is not None:
            return KeyRequest.read(self.request.read_bytes())
        assert self.new is not None
        if not self.hpke and not self.person:
            raise InvalidInput("say who holds the key with --person", code="no_person")
        return KeyRequest.of(_make(self.new, hpke=self.hpke), org, origin, self.person)


def _make(path: Path, *, hpke: bool) -> HpkeKey | SigningKey:
    """A new private key, kept in a new file."""
    key = HpkeKey.new() if hpke else SigningKey.new()
    try:
        save_hpke_key(path, key) if isinstance(key, HpkeKey) else save_signing_key(path, key)
    except FileExistsError:
        message = "there is a file already; keys are never written over"
        raise InvalidInput(message, code="exists", where=str(path)) from None
    return key


@dataclass(frozen=True)
class Place:
    """Whose keys, in which log, after which event."""

    org: Org
    origin: Origin
    prev: Annotated[int, typer.Option("--prev", help="Your last key event (keys list).", min=0)]


@grouped
def rotate(
    kid: Annotated[str, typer.Argument(help="The id of the key that is replaced (keys list).")],
    *,
    successor: Successor,
    place: Place,
    root: Root,
    out: Out,
    reason: Annotated[str, typer.Option("--reason", help="Why; everyone who gets evidence reads it.")] = "rotated",
    days: Days = 7,
) -> None:
    """Replace a key in one step: sign, offline, that a new key counts and the old one does not, from one entry on.

    What the old key signed before that entry holds for ever. Until you send the file (keys send) the old key still
    counts: there is no moment when both count, or neither.
    """
    _check_kid(kid)
    if out.exists():
        raise InvalidInput("there is a file already", code="exists", where=str(out))
    # 1. The root key first: if it can't be read, no key is made in vain.
    enroller = Enroller(place.org, place.origin, load_signing_key(root), timedelta(days=days))
    # 2. The new key, with proof that its holder has it.
    asked = successor.asked(place.org, place.origin)
    # 3. One act that enrols it and revokes the old one.
    act = enroller.rotate(asked, tuple(successor.role or ()), kid, reason, place.prev)
    _write(out, act.encode() + b"\n")
    typer.echo(f"{out}: key {asked.kid} replaces {kid}; send it within {days} days: graphsvc keys send {out}")


def send(
    file: Annotated[Path, typer.Argument(help="A signed key event.", exists=True, dir_okay=False)],
    profile: Reach = None,
    json: JsonFlag = False,
) -> None:
    """Send a signed key event to the service and print its ledger index, which the next key event names as --prev."""
    with read_profile(profile).client() as client:
        answer = client.enrol(file.read_text().strip())
    if json:
        write_json({"index": answer.index})
    else:
        typer.echo(f"ledger index {answer.index}, inclusion proof checked")


def show_all(
    org: Annotated[str, typer.Option("--org", help="Of this organisation only.")] = "",
    profile: Reach = None,
    json: JsonFlag = False,
) -> None:
    """List all keys that the log proves from the pinned root keys on, and each organisation's last key event."""
    reach = read_profile(profile)
    trust = reach.trust()
    rows, last = _proved(reach, trust, org)
    if json:
        write_json({"origin": trust.origin, "keys": rows, "lastKeyEvent": last})
        return
    console = Console(highlight=False)
    columns = ("organisation", "key", "use", "person", "roles", "enrolled", "revoked", "by")
    table = Table(*columns, box=None, header_style="bold", pad_edge=False)
    for row in rows:
        cells = (row["org"], row["kid"], row["use"], _name(row["person"]), ", ".join(row["roles"]) or "–")
        revoked = "–" if row["revoked"] is None else str(row["revoked"])
        table.add_row(*(escape(cell) for cell in (*cells, str(row["enrolled"]), revoked, row["assurance"])))
    console.print(table)
    for name, index in last.items():
        console.print(f"--prev for the next event of {escape(name)}: {index}")


def _name(person: str) -> str:
    """A person's name as shown; a person of another organisation is a salted hash, shown as a dash."""
    return "–" if not person or FORM.fullmatch(person) else person


def _proved(reach: Profile, trust: Trust, org: str) -> tuple[list[dict[str, Any]], dict[str, int]]:
    """The keys that the service proves from the pinned roots on, and each organisation's last event."""
    with reach.client(trust) as client:
        evidence = client.evidence([])
    check_evidence(evidence, trust)
    return _keys(evidence, trust, org)


def _last_event(reach: Profile, org: str) -> int | None:
    """The organisation's last key event, as the log proves it; None before its first."""
    return _proved(reach, reach.trust(), org)[1].get(org)


def _keys(evidence: dict[str, Any], trust: Trust, org: str) -> tuple[list[dict[str, Any]], dict[str, int]]:
    """The keys of a checked evidence file, and the index of each organisation's last key event."""
    events = [ProvedEvent.of(item, parse_leaf(unb64u(item["leaf"]))) for item in evidence["keyEvents"]]
    chain = read_keychain(events, trust.origin, trust.organisations)
    rows = [
        {
            "org": name,
            "kid": kid,
            "use": key.event.use,
            "person": key.event.person,
            "roles": list(key.event.roles),
            "enrolled": key.enrolled,
            "revoked": key.revoked,
            "assurance": SIGNED if key.pinned else OPERATOR,
        }
        for (name, kid), key in chain.keys.items()
        if org in ("", name)
    ]
    last = {str(said["iss"]): index for index, said in chain.events.items() if org in ("", said["iss"])}
    return rows, last


def _write(path: Path, content: bytes) -> None:
    try:
        with path.open("xb") as file:
            file.write(content)
    except FileExistsError:
        raise InvalidInput("there is a file already", code="exists", where=str(path)) from None
