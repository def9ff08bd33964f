"""How to make every signed act of the service about things that the signer may not know of: an entry for each mutation.

What others have made among themselves (:func:`others_act`) differs between the twins, or is there in one of them only;
whoever asks about it must be told the same. Acts carry random numbers and times, so ids made of them are masked
(``masks``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from graphsvc.client.questions import KEPT_RINGS, REQUEST, RING_RUNS
from graphsvc.client.rings import wait_for
from graphsvc.model.labels import GROUPS
from graphsvc.model.principals import Footing
from graphsvc.wire.acts import field_of
from graphsvc.wire.deeds import ACTS
from tests.leaks.surface import FAR, Untouched
from tests.leaks.worlds import key_of

if TYPE_CHECKING:
    from tests.leaks.side import Side

KINDS = {field_of(body): kind for kind, body in ACTS.items()}
"""Root field of a mutation → the kind of act that it takes."""
INVESTIGATOR, CUSTOMS, ANALYST = "police-ke.investigator", "customs-cn.officer", "police-ke.analyst"
WHY = {"purpose": "investigation", "legalBasis": "statutory-duty", "case": "LEAK/1", "justification": "a seizure"}
FOOTING = Footing(WHY["purpose"], WHY["legalBasis"], WHY["case"])
HUSHED = "hushed"
"""A sharing group of others, which is there in the first twin only."""


@dataclass(frozen=True)
class Known:
    """Of one twin: the police's own request, a request of others, a record's handle, and a submission with secrets."""

    own: str
    foreign: str
    record: str
    secret: int


@dataclass(frozen=True)
class Deed:
    """An act: what it is about, and what it says."""

    sub: str
    body: dict[str, Any]
    by: str = "police-ke.investigator"


Deeds = Callable[[Known], Iterator[Deed]]


def identifiers(*things: tuple[int, str]) -> list[dict[str, Any]]:
    """Identifiers as acts state them, each a thing in a namespace."""
    return [dict(zip(("kind", "parts"), key_of(space, thing), strict=True)) for space, thing in things]


def _on_requests(body: dict[str, Any]) -> Deeds:
    """The same act about a request of others, and about one that nobody made."""

    def deeds(known: Known) -> Iterator[Deed]:
        yield Deed(known.foreign, body)
        yield Deed("dAAAAAAAAAAAAAAAAAAAAA", body)

    return deeds


def _on_groups(body: dict[str, Any]) -> Deeds:
    return lambda known: iter((Deed(HUSHED, body), Deed("never-founded", body)))


def _sharing(known: Known) -> Iterator[Deed]:
    yield Deed(HUSHED, {"target": {"records": [known.record]}})
    yield Deed("open-to-all", {"target": {"records": [known.record]}})
    yield Deed("open-to-all", {"target": {"submission": known.secret}})
    yield Deed("open-to-all", {"target": {"submission": known.secret, "rows": [0, 1]}})


def _asking(known: Known) -> Iterator[Deed]:
    del known
    for holder in ("customs-cn", "pasar"):
        about = identifiers((1, "a0"), (2, "p1"))
        yield Deed(
            holder, {"holder": holder, "identifiers": about, "deadline": FAR, "fieldGroups": ["identity"], **WHY}
        )


def _preserving(known: Known) -> Iterator[Deed]:
    del known
    yield Deed("tide", {"holder": "tide", "identifiers": identifiers((1, "a0")), "deadline": FAR, "until": FAR, **WHY})


def _on_records(more: dict[str, Any], by: str) -> Deeds:
    """The same act about records of others, by submission and by handle, and about what is not there."""

    def deeds(known: Known) -> Iterator[Deed]:
        for target in (
            {"submission": known.secret},
            {"submission": known.secret, "rows": [0, 1]},
            {"submission": known.secret + 1},
            {"select": {"handle": known.record}},
            {"records": [known.record]},
        ):
            yield Deed("records", {"target": target, "reason": "asked for", **more}, by)

    return deeds


def _on_rings(body: dict[str, Any]) -> Deeds:
    """The same act about a ring or search that nobody's search has found."""
    return lambda known: iter((Deed("c" + "0" * 21, body, ANALYST), Deed(known.foreign, body, ANALYST)))


MUTATIONS: dict[str, Deeds | Untouched] = {
    "detectRings": Untouched("starts a search; the twins ask for what it found as keptRings, ring and compareRuns"),
    "cancelDetection": _on_rings({}),
    "acceptRing": _on_rings({}),
    "dismissRing": _on_rings({"reason": "a shop"}),
    "reopenRing": _on_rings({"reason": "no shop"}),
    "annotateRing": _on_rings({"text": "seen"}),
    "mergeRings": _on_rings({"reason": "one gang", "rings": ["c" + "1" * 21]}),
    "splitRing": _on_rings({"reason": "two gangs"}),
    "registerCase": Untouched("writes a case of the caller's own organisation; reads no record"),
    "requestDisclosure": _asking,
    "decideDisclosure": lambda known: iter(
        Deed(
            request,
            {"decision": "grant", "target": {"records": [known.record]}, "fieldGroups": ["identity"], "until": FAR},
        )
        for request in (known.foreign, known.own)
    ),
    "answerQuestion": _on_requests({"text": "it is"}),
    "remindRequest": _on_requests({}),
    "withdrawRequest": _on_requests({}),
    "revokeGrant": _on_requests({"reason": "the case is closed"}),
    "requestPreservation": _preserving,
    "acknowledgePreservation": _on_requests({"accept": True}),
    "extendPreservation": _on_requests({"until": FAR}),
    "liftPreservation": _on_requests({}),
    "requestProduction": _on_requests({"legalBasis": "court-order", "deadline": FAR, "justification": "a seizure"}),
    "createGroup": lambda known: iter((Deed("open-to-all", {"purpose": "whoever"}),)),
    "inviteToGroup": _on_groups({"org": "swiftline"}),
    "acceptInvitation": _on_groups({}),
    "leaveGroup": _on_groups({}),
    "removeFromGroup": _on_groups({"org": "pasar"}),
    "shareRecords": _sharing,
    "unshareRecords": _sharing,
    "recall": _on_records({"deadline": FAR}, "police-ke.feed"),
    "acknowledgeRecall": lambda known: iter(
        Deed("notice", {"notice": index, "outcome": "deleted"}) for index in (known.secret, known.secret + 1)
    ),
    "hold": _on_records({}, CUSTOMS),
    "release": lambda known: iter(
        Deed("hold", {"hold": index, "reason": "asked for"}, CUSTOMS) for index in (known.secret, known.secret + 1)
    ),
    "erase": _on_records({}, CUSTOMS),
    "updateOrganisation": Untouched("changes the caller's own name and contact; reads no record"),
    "proposePolicy": Untouched("takes a text by officers of the part's own organisation; reads no record"),
    "approvePolicy": Untouched("names a proposal of the caller's own part by the digest of its text; reads no record"),
    "rollBackPolicy": Untouched("names a version of the caller's own part; reads no record"),
}


def grant_until(side: Side, until: str) -> None:
    """Customs grant the police all that a match tells of in the second world; the grant ends at ``until``."""
    about = {"identifiers": identifiers((2, "w0")), "deadline": FAR, "fieldGroups": list(GROUPS), **WHY}
    asked = side.members.act(INVESTIGATOR, "request-disclosure", "customs-cn", {"holder": "customs-cn", **about})
    held = (
        side.members.client(CUSTOMS).query(REQUEST.document, {"id": asked["id"]}).data["informationRequest"]["records"]
    )
    granted = {
        "target": {"records": [record["handle"] for record in held]},
        "fieldGroups": list(GROUPS),
        "until": until,
    }
    side.members.act(CUSTOMS, "decide-disclosure", asked["id"], {"decision": "grant", **granted})


def others_act(side: Side, twin: int) -> tuple[str, str]:
    """What organisations do among each other: the id of the police's own request, and that of a request of others'.

    Both twins get the same number of entries; the police's request is the same in both, all else differs.
    """
    about = identifiers((1, "a0"), (1, "p0"), (2, "a0"))
    asked = {"identifiers": about, "deadline": FAR, "fieldGroups": ["identity", "content"], **WHY}
    own = side.members.act(INVESTIGATOR, "request-disclosure", "pasar", {"holder": "pasar", **asked})
    side.members.client("customs-cn.desk").query(CASE, {"r": WHY["case"]})
    holder = ("pasar", "swiftline")[twin]
    secret = {**asked, "holder": holder, "identifiers": about[twin:], "justification": f"twin {twin}"}
    foreign = side.members.act(CUSTOMS, "request-disclosure", holder, secret)
    group = (HUSHED, "something-else")[twin]
    side.members.act(CUSTOMS, "create-group", group, {"purpose": f"twin {twin}"})
    side.members.act(CUSTOMS, "invite-to-group", group, {"org": ("pasar", "swiftline")[twin]})
    return own["id"], foreign["id"]


def search_rings(side: Side, kinds: tuple[str, ...] = ("Phone", "PaymentAccount")) -> dict[str, str]:
    """Have the police search for rings, and wait; the ids of this search, the one before, and some of its rings.

    By things of these ``kinds`` alone: that of other kinds is named to nobody, and is another thing in each twin.
    """
    client = side.members.client(ANALYST)
    said = {name: WHY[name] for name in ("purpose", "legalBasis", "case")}
    made = side.members.act(ANALYST, "detect-rings", "rings", {**said, "minAccounts": 2, "kinds": list(kinds)})
    run = wait_for(client, made["id"], 300)
    assert run.state == "done", run
    before = [one.id for one in client.read(RING_RUNS, {"first": 2})][-1]
    found = client.read(KEPT_RINGS, {"run": run.id, "first": 500}, FOOTING)
    assert found is not None and found.rings, "there is a ring among the known worlds"
    rings = [one.id for one in found.rings]
    named = {"own ring": rings[0], "another ring": rings[len(rings) // 2], "last ring": rings[-1]}
    return {"own run": run.id, "run before": before, **named}


CASE = """mutation($r: String!) {
  registerCase(reference: $r, title: "Leaks", legalBasis: "statutory-duty") { reference } }"""
