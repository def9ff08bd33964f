"""What an entry says because of the act that it carries: the one table from acts to facts, which both sides use.

The service makes header and sections of an entry from here; the verifier derives the same again from what was signed
and compares. What does not follow from the act (who the other side of a request is, which rows a selection came to)
is the operator's word, and told as that, fact by fact.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from graphsvc_verify.deeds import Deed
from graphsvc_verify.errors import VerifyError
from graphsvc_verify.jws import noted

SHARED = "shared"
"""The part of the policies that holds for every label; every other part is an organisation's slug."""
ROW_BITS = 28
"""A record integer is (index of the submission << ROW_BITS) | row."""
LABEL = "label"
"""The type of entries that move records to other labels."""
Values = Mapping[str, Any]


def _any_body(_: Values) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Meaning:
    """What follows from an act. An entry may say more; what it says under these names, it must say so.

    ``facts`` are told to every party, ``own`` to the signer and ``others`` to all but the signer; ``body`` is of the
    header, ``footing`` its purpose, basis and case. ``parties``: who may be told at all, None where that does not
    follow. ``fits`` holds what the body says beside that against the act.
    """

    type: str
    facts: Values
    body: Values
    own: Values = field(default_factory=dict)
    others: Values = field(default_factory=dict)
    footing: tuple[Any, Any, Any] = (None, None, None)
    parties: frozenset[str] | None = None
    fits: Callable[[Values], bool] = _any_body

    def told(self, org: str, signer: str) -> dict[str, Any]:
        """The facts that the section of ``org`` must have."""
        return {**self.facts, **(self.own if org == signer else self.others)}


@dataclass(frozen=True, slots=True)
class Rule:
    """Who may sign a kind of act (a role of the key; empty: any key for signing), and what it means."""

    roles: tuple[str, ...]
    meaning: Callable[[Deed], Meaning]


@dataclass(frozen=True, slots=True)
class Said:
    """What an entry says, as far as it was opened: its header, and facts by owner."""

    type: str
    header: Values | None
    sections: Mapping[str, Values]


def mean(deed: Deed) -> Meaning:
    """What follows from a deed. Raises VerifyError ``wrong_act`` for one that no entry carries, or not by this key."""
    rule = MEANINGS.get(deed.kind)
    if rule is None:
        raise VerifyError("wrong_act", f"no entry carries an act of the kind {deed.kind[:40]}")
    if rule.roles and not set(rule.roles) & set(deed.roles):
        raise VerifyError("wrong_act", f"this act needs a key enrolled with the role {' or '.join(rule.roles)}")
    try:
        return rule.meaning(deed)
    except (LookupError, TypeError, AttributeError) as error:
        raise VerifyError("bad_act", f"the body is not one of this kind: {type(error).__name__}") from None


def check_said(said: Said, deed: Deed, meaning: Meaning) -> None:
    """Hold what an entry says against the act that it carries. Raises VerifyError ``wrong_act``, ``wrong_fact``."""
    try:
        _check_said(said, deed, meaning)
    except (LookupError, TypeError, ValueError, AttributeError):
        raise VerifyError("wrong_fact", "the entry lacks what follows from the act that it carries") from None


def _check_said(said: Said, deed: Deed, meaning: Meaning) -> None:
    if said.type != meaning.type:
        raise VerifyError("wrong_act", f"an entry of type {said.type} carries an act of the kind {deed.kind}")
    listed = [] if said.header is None else [item["owner"] for item in said.header["owners"]]
    for owner in (*said.sections, *listed):
        if meaning.parties is not None and owner not in meaning.parties:
            raise VerifyError("wrong_act", f"an entry tells {owner} of an act that does not concern it")
    for owner, facts in said.sections.items():
        _same(meaning.told(owner, deed.org), facts)
    if said.header is None:
        return
    who, body = said.header["who"] or {}, said.header["body"]
    _same({"org": deed.org, **({} if deed.person is None else {"person": deed.person})}, who)
    _same(dict(zip(("purpose", "basis", "case"), meaning.footing, strict=True)), said.header)
    _same(meaning.body, body)
    if not meaning.fits(body):
        raise VerifyError("wrong_fact", "the entry names other records than the act that it carries")


def signed_facts(facts: Values, deed: Deed, meaning: Meaning, owner: str) -> frozenset[str]:
    """The names of ``facts`` that follow from what was signed; all others are the operator's word."""
    return frozenset(facts) & frozenset(meaning.told(owner, deed.org))


def read_facts(header: Values, late: Values | None = None) -> dict[str, Any]:
    """The facts of a read as each owner is told them: they all stand in the header. ``export``: it went into a file.

    ``late`` is the rule by which an owner is told later, where there is one.
    """
    who = header["who"] or {}
    footing = {name: header[name] for name in ("purpose", "basis", "case", "policy")}
    more: dict[str, Any] = {"export": True} if header.get("body", {}).get("export") else {}
    more |= {} if late is None else {"late": dict(late)}
    return {"reader": who.get("org"), "person": who.get("person"), **footing, **more}


def _same(expected: Values, found: Values) -> None:
    for name, value in expected.items():
        if name not in found or found[name] != value or type(found[name]) is not type(value):
            raise VerifyError("wrong_fact", f"the entry's {name} is not what was signed")


# Sharing


def _sharing(deed: Deed, on: str | None = None, **more: Any) -> Meaning:
    on = deed.sub if on is None else on
    facts = {"action": deed.kind, "by": deed.org, **_held(deed, "person"), **({"on": on} if on else {}), **more}
    return Meaning("sharing", facts, {"action": deed.kind, **({"on": on} if on else {})})


def _held(deed: Deed, name: str) -> dict[str, str]:
    return {} if deed.person is None else {name: deed.person}


def _request(deed: Deed) -> Meaning:
    said = deed.said
    footing = (said["purpose"], said["legalBasis"], said["case"])
    stated = dict(zip(("purpose", "basis", "case"), footing, strict=True))
    base = _sharing(deed, request_id(deed), holder=said["holder"], **stated)
    parties = frozenset((deed.org, said["holder"]))
    return Meaning(base.type, base.facts, base.body, footing=footing, parties=parties)


def _decision(deed: Deed) -> Meaning:
    said = deed.said
    if said["decision"] != "grant":
        return _sharing(deed)
    grant, within = grant_id(deed), _within(said["target"])
    base = _sharing(deed, grant=grant, until=noted(said["until"]), actions=granted(said))

    def fits(body: Values) -> bool:
        return within(body) and _moved(body, deed.org, "grants", grant)

    return Meaning(LABEL, base.facts, base.body, fits=fits)


def _revocation(deed: Deed) -> Meaning:
    # To which request the grant belongs stands in another entry.
    return _sharing(deed, "", grant=deed.sub)


def _moving(deed: Deed) -> Meaning:
    base, within = _sharing(deed), _within(deed.said["target"])

    def fits(body: Values) -> bool:
        return within(body) and _moved(body, deed.org, "groups", deed.sub)

    return Meaning(LABEL, base.facts, base.body, parties=frozenset((deed.org,)), fits=fits)


def _within(target: Values) -> Callable[[Values], bool]:
    """Whether moved records are what a target names: as many as handles, or of its submission in the rows named."""
    rows, submission = target.get("rows"), target.get("submission")
    chosen, most = None if rows is None else set(rows), len(target.get("records", ()))

    def within(body: Values) -> bool:
        records = {record for move in body["moves"] for record in move["records"]}
        if submission is None:
            return len(records) <= most
        places = ((record >> ROW_BITS, record % (1 << ROW_BITS)) for record in records)
        return all(one == submission and (chosen is None or row in chosen) for one, row in places)

    return within


def _moved(body: Values, owner: str, list_: str, name: str) -> bool:
    """Whether labels change by this one name in one of their lists and by nothing else."""
    moves: Sequence[Values] = body["moves"]
    return all(
        move["before"]["owner"] == owner
        and {**move["label"], list_: []} == {**move["before"], list_: []}
        and set(move["label"].get(list_, ())) ^ set(move["before"].get(list_, ())) == {name}
        for move in moves
    )


def request_id(deed: Deed) -> str:
    """The id of the request that a deed makes."""
    return "r" + deed.id


def grant_id(deed: Deed) -> str:
    """The id of the grant that a deed makes."""
    return "g" + deed.id


def granted(said: Values) -> list[str]:
    """What a grant allows, from a decision's body."""
    groups = sorted(set(said["fieldGroups"]))
    return ["match", "view", *(f"view:{group}" for group in groups), *sorted(set(said.get("uses", ())))]


# Custody


def _recall(deed: Deed) -> Meaning:
    deadline = {} if deed.said.get("deadline") is None else {"deadline": noted(deed.said["deadline"])}
    return _taken(deed, "withdrawal", "recalled", deadline)


def _erase(deed: Deed) -> Meaning:
    return _taken(deed, "erasure", "erased", {})


def _taken(deed: Deed, type_: str, cause: str, more: Values) -> Meaning:
    facts, body = taken_back(cause, deed.said["reason"])
    parties, fits = frozenset((deed.org,)), _aimed(deed.said["target"])
    return Meaning(type_, {**facts, **_held(deed, "by")}, {**body, **more}, parties=parties, fits=fits)


def taken_back(cause: str, reason: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """(facts, body) by which every entry says why records were taken back, whether an act says so or not."""
    return {"action": cause, "reason": reason}, {"cause": cause, "reason": reason}


def _hold(deed: Deed) -> Meaning:
    target, reason = deed.said["target"], deed.said["reason"]
    case = target.get("case") or ""
    facts = {"action": "hold", **_held(deed, "by"), "reason": reason}
    body = {"case": case, "reason": reason, **({"ranges": []} if case else {})}
    return Meaning("hold", facts, body, parties=frozenset((deed.org,)), fits=_aimed(target))


def _release(deed: Deed) -> Meaning:
    body = {"hold": deed.said["hold"], "reason": deed.said["reason"]}
    facts = {"action": "release", **_held(deed, "by"), "reason": deed.said["reason"]}
    return Meaning("release", facts, body, parties=frozenset((deed.org,)))


def _aimed(target: Values) -> Callable[[Values], bool]:
    """Whether ranges are what a target names: as many as handles, its rows, or of its submission.

    A selection can't be held against.
    """
    submission, rows, named = target.get("submission"), target.get("rows"), target.get("records")

    def fits(body: Values) -> bool:
        ranges = body["ranges"]
        count = sum(last - first + 1 for _, first, last in ranges)
        if submission is None:
            return named is None or count <= len(named)
        inside = all(one == submission for one, _, _ in ranges)
        if rows is None or not inside or count != len(set(rows)):
            return inside and rows is None
        return {row for _, first, last in ranges for row in range(first, last + 1)} == set(rows)

    return fits


def _acknowledgement(deed: Deed) -> Meaning:
    said = {
        "notice": deed.said["notice"],
        "outcome": deed.said["outcome"],
        "because": deed.said.get("because") or "",
    }
    facts = {"action": "acknowledgement", **said}
    return Meaning("acknowledgement", facts, said, own=_held(deed, "person"), others={"by": deed.org})


def _update(deed: Deed) -> Meaning:
    stated = {name: deed.said[name] for name in ("name", "contact") if deed.said.get(name) is not None}
    said = {**stated, **_held(deed, "by")}
    facts = {"action": "organisation-update", **said}
    return Meaning("organisation-update", facts, {"org": deed.org, **said}, parties=frozenset((deed.org,)))


# Rings


def _rings(deed: Deed) -> Meaning:
    """A search for rings, or a judgement of one: told to nobody but the signer's organisation."""
    facts = {"action": deed.kind, **_held(deed, "by"), "on": deed.sub}
    said = {"action": deed.kind, "on": deed.sub}
    return Meaning("rings", facts, said, parties=frozenset((deed.org,)))


def _search(deed: Deed) -> Meaning:
    base, run = _rings(deed), run_id(deed)
    purpose, basis, case = (deed.said.get(name) or None for name in ("purpose", "legalBasis", "case"))
    facts, body = ({**said, "run": run} for said in (base.facts, base.body))
    return Meaning(base.type, facts, body, footing=(purpose, basis, case), parties=base.parties)


def run_id(deed: Deed) -> str:
    """The id of the search that a deed starts."""
    return "s" + deed.id


# Policies, submissions, keys


def _policy(deed: Deed) -> Meaning:
    if deed.sub not in (SHARED, deed.org):
        raise VerifyError("wrong_act", "an organisation decides on its own part of the policies and on the shared one")
    said = {"action": deed.kind, "on": deed.sub, "object": deed.object}
    parties = None if deed.sub == SHARED else frozenset((deed.org,))
    return Meaning("policy", {**said, "by": deed.org}, said, own=_held(deed, "person"), parties=parties)


def _submission(deed: Deed) -> Meaning:
    answers = deed.said["answers"]
    return Meaning(
        type="submission",
        facts={"action": "submission"},
        body={"name": submission_name(deed.org, deed.said["jti"])},
        own={**_held(deed, "person"), "manifest": deed.name},
        others={"by": deed.org, "on": answers},
        parties=frozenset((deed.org,)) if answers is None else None,
        fits=lambda body: all(0 <= row < deed.said["rows"] for row, _, _ in body.get("supersedes", ())),
    )


def submission_name(org: str, jti: str) -> str:
    """What a submission is called in what is kept of it."""
    return f"{org}|{jti}"


DECIDERS = ("officer", "investigator")
"""Who may ask, decide and share."""
_OFFICER = ("officer",)
_ANALYST = ("analyst",)
_SENDERS = ("submitter", "officer")
_SHARERS = (*DECIDERS, "submitter")

MEANINGS: Mapping[str, Rule] = {
    "submission": Rule((), _submission),
    "request-disclosure": Rule(DECIDERS, _request),
    "decide-disclosure": Rule(DECIDERS, _decision),
    "answer-question": Rule(DECIDERS, _sharing),
    "remind-request": Rule(DECIDERS, _sharing),
    "withdraw-request": Rule(DECIDERS, _sharing),
    "revoke-grant": Rule(DECIDERS, _revocation),
    "request-preservation": Rule(DECIDERS, _request),
    "acknowledge-preservation": Rule(DECIDERS, _sharing),
    "extend-preservation": Rule(DECIDERS, _sharing),
    "lift-preservation": Rule(DECIDERS, _sharing),
    "request-production": Rule(DECIDERS, _sharing),
    "create-group": Rule(DECIDERS, _sharing),
    "invite-to-group": Rule(DECIDERS, _sharing),
    "accept-invitation": Rule(DECIDERS, _sharing),
    "leave-group": Rule(DECIDERS, _sharing),
    "remove-from-group": Rule(DECIDERS, _sharing),
    "share-records": Rule(_SHARERS, _moving),
    "unshare-records": Rule(_SHARERS, _moving),
    "recall": Rule(_SENDERS, _recall),
    "acknowledge-recall": Rule(DECIDERS, _acknowledgement),
    "hold": Rule(_OFFICER, _hold),
    "release": Rule(_OFFICER, _release),
    "erase": Rule(_OFFICER, _erase),
    "update-organisation": Rule(_OFFICER, _update),
    "propose-policy": Rule(_OFFICER, _policy),
    "roll-back-policy": Rule(_OFFICER, _policy),
    "approve-policy": Rule(_OFFICER, _policy),
    "detect-rings": Rule(_ANALYST, _search),
    **dict.fromkeys(
        (
            *("cancel-detection", "accept-ring", "dismiss-ring", "reopen-ring", "annotate-ring", "merge-rings"),
            "split-ring",
        ),
        Rule(_ANALYST, _rings),
    ),
}
"""By kind of act: who may sign it, and what an entry that carries it says. No entry carries an act of another kind."""
