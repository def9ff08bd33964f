"""The chain of key events: which working key counted at which entry, from pinned root keys alone.

Every entry names the last key event before it (``keyHead``), and so does every key event itself. Walking these from an
entry back to null shows that no event is left out; each is signed by its organisation's root key.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from graphsvc_verify.canonical import digest
from graphsvc_verify.entry import Leaf
from graphsvc_verify.errors import VerifyError
from graphsvc_verify.jws import Act, check_times, read_act, verify_act
from graphsvc_verify.keyevents import TYPES, KeyEvent, check_key_event
from graphsvc_verify.persons import Opening, named

OPERATOR = "asserted by the operator"
SIGNED = "signed by the organisation"


@dataclass(frozen=True, slots=True)
class ProvedEvent:
    """A key event whose entry is proved to be in the log; ``person`` opens who is named in it."""

    index: int
    leaf: Leaf
    act: str
    person: Opening | None = None

    @classmethod
    def of(cls, item: Mapping[str, Any], leaf: Leaf) -> ProvedEvent:
        """From a member of evidence's ``keyEvents``. Raises VerifyError ``bad_person``."""
        person = Opening.of(item["person"]) if "person" in item else None
        return cls(item["index"], leaf, str(item["act"]), person)


@dataclass(slots=True)
class Key:
    """A signing key with the entries between which acts under it count; ``pinned``: its root is pinned here."""

    event: KeyEvent
    enrolled: int
    pinned: bool
    revoked: int | None = None


@dataclass(slots=True)
class Keychain:
    """All keys of the chain by (organisation, kid), the chain's entry indexes in order, and what each event proves."""

    keys: dict[tuple[str, str], Key] = field(default_factory=dict)
    order: list[int] = field(default_factory=list)
    events: dict[int, dict[str, Any]] = field(default_factory=dict)
    bodies: dict[int, dict[str, Any]] = field(default_factory=dict)
    acts: set[tuple[str, str]] = field(default_factory=set)


def read_keychain(events: Sequence[ProvedEvent], origin: str, roots: Mapping[str, bytes]) -> Keychain:
    """Check and apply key events. Raises VerifyError ``key_chain``, ``bad_enrolment``, ``bad_key_event`` …"""
    chain = Keychain()
    last: dict[str, int] = {}
    for event in sorted(events, key=lambda event: event.index):
        before = chain.order[-1] if chain.order else None
        if event.leaf.key_head != before or (before is not None and event.index <= before):
            raise VerifyError("key_chain", "the chain of key events has a gap")
        if digest(event.act.encode()) not in event.leaf.acts:
            raise VerifyError("key_chain", "a key event's entry is of another act")
        checked, pinned = _check_event(event, origin, roots)
        if checked.prev != last.get(checked.org):
            raise VerifyError("key_chain", "a key event does not follow its organisation's last one")
        act = read_act(event.act)
        once(chain.acts, act.payload)
        chain.events[event.index] = {
            "iss": checked.org,
            "person": checked.person,
            "via": "root key",
            "kid": act.kid,
            "typ": act.typ,
            "jti": act.payload["jti"],
            "assurance": SIGNED if pinned else OPERATOR,
        }
        chain.bodies[event.index] = {"event": act.payload["event"], "org": checked.org, "kid": checked.kid}
        _apply(chain, event.index, checked, pinned)
        last[checked.org] = event.index
        chain.order.append(event.index)
    return chain


def check_key_head(chain: Keychain, index: int, leaf: Leaf) -> None:
    """Check that an entry names the last key event before it. Raises VerifyError ``key_chain``."""
    before = max((event for event in chain.order if event < index), default=None)
    if leaf.key_head != before:
        raise VerifyError("key_chain", "an entry does not name the last key event before it")


def check_event_said(chain: Keychain, index: int, header: Mapping[str, Any] | None) -> None:
    """Check that the opened header of a key event's entry says what was signed. Raises VerifyError ``wrong_fact``."""
    if header is not None and header["body"] != chain.bodies[index]:
        raise VerifyError("wrong_fact", f"entry {index}: the header is about another key event than was signed")


@dataclass(frozen=True, slots=True)
class Place:
    """Where an act stands: the entry's index and time, the log's origin."""

    index: int
    t: str
    origin: str


def check_placed(act: Act, place: Place) -> None:
    """Check that an act counts where it stands: in this log, at this time, after what it knew of.

    Raises VerifyError ``bad_jws``, ``bad_time``, ``out_of_time``.
    """
    if act.payload.get("aud") != place.origin:
        raise VerifyError("bad_jws", "an act is meant for another log")
    check_times(act, place.t)
    after = act.payload.get("after", -1)
    if type(after) is not int or after >= place.index:
        raise VerifyError("bad_jws", "an act says that it came after an entry that was not there yet")


def signing_key(chain: Keychain, iss: str, kid: str, index: int) -> Key:
    """The key of an act in entry ``index``.

    Raises VerifyError ``unknown_key``, ``key_not_enrolled``, ``key_revoked``.
    """
    key = chain.keys.get((iss, kid))
    if key is None or key.event.use != "sig":
        raise VerifyError("unknown_key", "an act is signed with a key that is not enrolled for signing")
    if index <= key.enrolled:
        raise VerifyError("key_not_enrolled", "an act was made before its key was enrolled")
    if key.revoked is not None and index > key.revoked:
        raise VerifyError("key_revoked", "an act was made after its key was revoked")
    return key


def said_of_key(key: Key, act: Mapping[str, Any]) -> dict[str, Any]:
    """What a verdict says of an ``act`` whose signature holds: whose it is, and how far that is certain."""
    return {
        **act,
        "person": key.event.person,
        "via": key.event.via,
        "assurance": SIGNED if key.pinned else OPERATOR,
    }


def once(seen: set[tuple[str, str]], payload: Mapping[str, Any]) -> None:
    """Refuse an act that came before. Raises VerifyError ``act_replayed``."""
    name = (str(payload.get("iss")), str(payload.get("jti")))
    if name in seen:
        raise VerifyError("act_replayed", "an act stands in the log twice")
    seen.add(name)


def _check_event(event: ProvedEvent, origin: str, roots: Mapping[str, bytes]) -> tuple[KeyEvent, bool]:
    act = read_act(event.act)
    if TYPES.get(act.typ) != event.leaf.type:
        raise VerifyError("bad_key_event", "not a key event, or its entry says another one")
    pinned = roots.get(str(act.payload.get("iss")))
    if pinned is not None:
        try:
            verify_act(event.act, pinned, act.typ)
        except VerifyError as error:
            raise VerifyError(
                "bad_enrolment", f"a key event is not signed by the pinned root key ({error.code})"
            ) from None
    check_times(act, event.leaf.t)
    checked = check_key_event(act, origin)
    return replace(checked, person=named(checked.person, event.person)), pinned is not None


def _apply(chain: Keychain, index: int, event: KeyEvent, pinned: bool) -> None:
    if event.revokes:
        key = chain.keys.get((event.org, event.revokes))
        if key is None or key.revoked is not None or (event.use and key.event.use != event.use):
            raise VerifyError("key_chain", "a key is revoked that is not in force")
        key.revoked = index
    if event.enrols:
        if (event.org, event.enrols) in chain.keys:
            raise VerifyError("key_chain", "a key is enrolled twice")
        chain.keys[event.org, event.enrols] = Key(event, index, pinned)
