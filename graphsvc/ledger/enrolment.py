"""Who may act: organisations admitted with their root keys, key events signed by those, acts under working keys."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, insert, update

from graphsvc.ledger import tables
from graphsvc.ledger.daykeys import OVERSIGHT
from graphsvc.ledger.entry import EntryDraft, Prepared
from graphsvc.ledger.registry import KeyRecord, Registry
from graphsvc.ledger.scopeheads import Concern
from graphsvc.model.errors import Conflict, InvalidInput, NotFound
from graphsvc.model.principals import Organisation, check_roles
from graphsvc.model.slugs import FORM, SLUG
from graphsvc_verify.canonical import b64u, digest
from graphsvc_verify.ed25519 import check_public_key
from graphsvc_verify.errors import VerifyError
from graphsvc_verify.jws import Act, check_times, read_act, verify_act
from graphsvc_verify.keyevents import TYPES, KeyEvent, check_key_event
from graphsvc_verify.persons import named, split_opening


def prepare_admission(organisation: Organisation, root_key: bytes, by: str, registry: Registry) -> Prepared:
    """Prepare the entry that admits an organisation with its raw root public key; ``by`` says who decided.

    Raises InvalidInput on a bad key or slug, Conflict when it is admitted already.
    """
    try:
        check_public_key(root_key)
    except VerifyError as error:
        raise InvalidInput(error.message, code=error.code) from None
    org = organisation.org
    if not SLUG.fullmatch(org) or org == OVERSIGHT:
        raise InvalidInput(f"an organisation's slug is {FORM}")
    if org in registry.organisations:
        raise Conflict("the organisation is admitted already", code="already_exists")
    fields = {name: getattr(organisation, name) for name in organisation.__struct_fields__}

    def effects(connection: Connection, index: int, _t: str) -> None:
        connection.execute(insert(tables.organisations), {**fields, "index": index, "root_key": root_key})

    draft = EntryDraft(
        type="organisation",
        body={"organisation": fields, "rootKey": b64u(root_key), "by": by},
        concerns=Concern(readers=frozenset({org})),
        effects=effects,
    )
    return draft.prepare().as_registry_event()


def prepare_key_event(text: str, registry: Registry, origin: str, now: datetime) -> Prepared:
    """Check a root-signed key event and what opens its person (:mod:`graphsvc_verify.persons`); prepare its entry.

    Raises InvalidInput (malformed, bad signature, bad key, no proof of possession, no name, expired, for another log),
    NotFound (organisation not admitted), Conflict (``prev`` or ``after`` are not the organisation's last key event, or
    the key is enrolled or revoked already).
    """
    try:
        compact, opening = split_opening(text)
        org = str(read_act(compact).payload.get("iss"))
        root = registry.roots.get(org)
        if root is None:
            raise NotFound("no such organisation is admitted")
        kind = read_act(compact).typ
        if kind not in TYPES:
            raise InvalidInput("not a key event", code="bad_jws")
        act = verify_act(compact, root, kind)
        event = check_key_event(act, origin)
        if bool(event.person) is (opening is None) or (opening is not None and not opening.name):
            raise InvalidInput("a signing key's event comes with who holds the key", code="no_person")
        event = replace(event, person=named(event.person, opening))
    except VerifyError as error:
        raise InvalidInput(error.message, code=error.code) from None
    check_roles(event.roles)

    def check(registry: Registry, t: str) -> None:
        try:
            check_times(act, t)
        except VerifyError as error:
            raise InvalidInput(error.message, code=error.code) from None
        _check_place(act, event, registry)

    check(registry, _written(now))
    draft = EntryDraft(
        type=TYPES[kind],
        who={"org": org, "person": event.person},
        requester=org,
        acts=[compact],
        body={"event": act.payload["event"], "org": org, "kid": event.kid},
        concerns=Concern(readers=frozenset({org})),
        effects=_effects(event, digest(compact.encode("ascii")), b"" if opening is None else opening.salt),
    )
    return draft.prepare().as_registry_event(key_event=check)


def check_org_act(
    compact: str, typ: str, org: str, registry: Registry, origin: str, now: datetime
) -> tuple[Act, KeyRecord]:
    """Check an organisation's act as if the next entry carried it; returns it and the working key that it names.

    Raises InvalidInput on a bad signature, another log or issuer, an act out of time or a key not in force.
    """
    try:
        act = read_act(compact)
        record = registry.signing_key(org, act.kid)
        if record is None or act.payload.get("iss") != org or act.payload.get("aud") != origin:
            raise InvalidInput("an act needs a key in force, its organisation and this log", code="bad_act")
        check_times(act, _written(now))
        return verify_act(compact, record.public, typ), record
    except VerifyError as error:
        raise InvalidInput(error.message, code=error.code) from None


def _written(now: datetime) -> str:
    return now.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _check_place(act: Act, event: KeyEvent, registry: Registry) -> None:
    last = registry.events.get(event.org)
    if event.prev != last:
        raise Conflict("prev is not the organisation's last key event", code="key_event_moved")
    if last is not None and int(act.payload["after"]) < last:
        raise Conflict("the organisation's keys have changed since", code="key_event_moved")
    if event.enrols and (event.org, event.enrols) in registry.keys:
        raise Conflict("the key is enrolled already or was revoked", code="key_known")
    if event.revokes:
        known = registry.keys.get((event.org, event.revokes))
        if known is None or known.revoked is not None or (event.use and known.use != event.use):
            raise Conflict("there is no such key to revoke", code="key_unknown")


def _effects(event: KeyEvent, name: str, salt: bytes) -> Any:
    def write(connection: Connection, index: int, _t: str) -> None:
        connection.execute(insert(tables.key_events), {"index": index, "org": event.org, "digest": name})
        keys = tables.keys
        if event.revokes:
            chosen = (keys.c.org == event.org) & (keys.c.kid == event.revokes)
            connection.execute(update(keys).where(chosen).values(revoked=index))
        if not event.enrols:
            return
        row = {
            "org": event.org,
            "kid": event.kid,
            "use": event.use,
            "public": event.public,
            "person": event.person,
            "salt": salt,
            "roles": list(event.roles),
            "via": event.via,
            "enrolled": index,
        }
        connection.execute(insert(keys), row)

    return write
