"""Sharing at the command line, each command through the real service: what it prints, and how refusals end."""

# ruff: noqa: F811 - fixtures of another file

from __future__ import annotations

from graphsvc.cli.output import BAD_INPUT, DONE, REFUSED
from tests.paths.conftest import FOOTING
from tests.paths.desks import ON, Desks, Person, desks, run  # noqa: F401 - fixtures
from tests.paths.test_disclosure import later
from tests.paths.wire import file_of, row


def test_a_disclosure_from_hit_to_revocation(desks: Desks) -> None:
    police, customs = desks.police, desks.customs
    members = desks.members
    members.client("police-ke.investigator").query(
        "query($n: Int) { submissions(after: $n) { index } }", {"n": desks.index}
    )
    (hit,) = police.get("match", "--phone", desks.phone, *ON)["matches"]
    assert hit["hit"] and [contact["org"] for contact in hit["contacts"]] == ["customs-cn"]
    request = desks.request()
    assert request in {one["id"] for one in police.get("requests", "--asked", "--state", "open")["requests"]}
    assert request in {one["id"] for one in customs.get("requests")["requests"]}
    assert request not in {one["id"] for one in desks.pasar.get("requests")["requests"]}
    shown = customs.types("requests", request)
    assert shown.returncode == DONE and "Your records that it means" in shown.stdout and "AMBER+STRICT" in shown.stdout
    assert request in customs.types("requests").stdout

    back = customs.get("decide", request, "--ask", "Which seizure is it?", "SIGN")
    assert (back["state"], back["question"]) == ("asked-back", "Which seizure is it?")
    answer = desks.body(text="The one of 3 March.")
    assert police.get("act", "answer-question", "--sub", request, *answer, "SIGN")["state"] == "open"
    assert police.get("act", "remind-request", "--sub", request, "SIGN")["reminders"] == 1
    terms = ("--grant", "identity", "--until", later(days=30), "--conditions", "For this case only.")
    granted = customs.get("decide", request, *terms, "SIGN")
    grant = granted["grant"]
    assert (granted["state"], grant["fieldGroups"], grant["records"]) == ("partly-granted", ["identity"], 1)
    for desk, side in ((customs, "--held"), (police, "--asked")):
        mine = {one["id"]: one for one in desk.get("grants", side)["grants"]}
        assert mine[grant["id"]]["state"] == "in-force" and mine[grant["id"]]["conditions"] == "For this case only."
        assert grant["id"] in desk.types("grants", side).stdout
    file = police.get("requests", request)
    assert file["records"] == [] and len(file["history"]) == 5, "the asker sees no records here"

    over = customs.get("grants", "--revoke", grant["id"], "--reason", "the case is closed", "SIGN")
    assert (over["state"], over["grant"]["state"]) == ("revoked", "revoked")
    assert customs.refused("grants", "--revoke", grant["id"], "--reason", "again", "SIGN") == (REFUSED, "wrong_state")


def test_a_record_may_be_chosen_or_all_refused_or_withdrawn(desks: Desks) -> None:
    police, customs = desks.police, desks.customs
    request = desks.request()
    (record,) = customs.get("requests", request)["records"]
    terms = ("--grant", "all", "--record", record["handle"], "--until", later(days=30))
    assert customs.get("decide", request, *terms, "SIGN")["state"] == "granted"
    refused = customs.get("decide", desks.request(), "--refuse", "not our case", "SIGN")
    assert (refused["state"], refused["reason"]) == ("refused", "not our case")
    request = desks.request()
    assert police.get("act", "withdraw-request", "--sub", request, "SIGN")["state"] == "withdrawn"
    assert customs.refused("decide", request, "--refuse", "late", "SIGN") == (REFUSED, "wrong_state")


def test_what_is_no_decision_is_told_before_anything_is_signed(desks: Desks) -> None:
    police, customs = desks.police, desks.customs
    request = desks.request()
    assert customs.refused("decide", request, "SIGN") == (BAD_INPUT, "no_decision")
    assert customs.refused("decide", request, "--ask", "a", "--refuse", "b", "SIGN") == (BAD_INPUT, "no_decision")
    assert customs.refused("grants", "--revoke", "g1", "--reason", "a") == (BAD_INPUT, "no_key")
    assert police.refused("act", "disclosure", "--sub", "a", "SIGN") == (BAD_INPUT, "unknown_kind")
    assert customs.refused("requests", "rNone") == desks.pasar.refused("requests", request) == (BAD_INPUT, "not_found")
    broken = desks.folder / "broken.json"
    broken.write_text("[1]")
    act = ("act", "request-disclosure", "--sub", "customs-cn")
    assert police.refused(*act, "--body", str(broken), "SIGN") == (BAD_INPUT, "bad_act")
    assert police.refused(*act, "--body", str(desks.folder / "absent"), "SIGN") == (BAD_INPUT, "unreadable")
    assert police.types("decide", request).returncode == BAD_INPUT, "typer tells that --sign is missing"
    assert (
        customs.get("requests", request)["request"]["lastIndex"] == police.get("requests", request)["request"]["index"]
    )


def test_what_the_service_refuses_ends_with_3_and_what_it_cannot_take_with_2(desks: Desks) -> None:
    police, customs = desks.police, desks.customs
    request = desks.request()
    act = ("act", "request-disclosure", "--sub", "customs-cn")
    assert police.refused("decide", request, "--refuse", "mine", "SIGN") == (REFUSED, "denied")
    assert customs.refused("decide", request, "--grant", "identity", "--until", "2020-01-01T00:00:00Z", "SIGN") == (
        BAD_INPUT,
        "bad_act",
    )
    assert police.refused(*act, *desks.asks(case="NONE/1"), "SIGN") == (BAD_INPUT, "unknown_case")
    assert police.refused(*act, *desks.asks(holder="nobody"), "SIGN") == (BAD_INPUT, "unknown_organisation")
    assert police.refused(*act, *desks.asks(deadline=None), "SIGN") == (BAD_INPUT, "bad_act")
    note = ("act", "remind-request", "--sub", request, "--after", str(desks.index), "SIGN")
    assert police.refused(*note) == (REFUSED, "object_changed"), "it was signed before the request was there"
    foreign = ("act", "remind-request", "--sub", request, "--sign", str(customs.key))
    assert police.refused(*foreign) == (BAD_INPUT, "bad_act"), "the key is another organisation's"
    assert customs.get("requests", request)["request"]["state"] == "open"


def test_a_preservation_is_kept_produced_and_answered(desks: Desks) -> None:
    police, pasar = desks.police, desks.pasar
    body = desks.asks(holder="pasar", fieldGroups=None, until=later(days=90))
    asked = police.get("act", "request-preservation", "--sub", "pasar", *body, "SIGN")
    request, deed = asked["id"], ("--sub", asked["id"])
    held = pasar.get("requests", "--preservation", "--state", "open")["requests"]
    assert request in {one["id"] for one in held} and request not in {
        one["id"] for one in pasar.get("requests")["requests"]
    }
    no = desks.body(accept=False)
    assert pasar.refused("act", "acknowledge-preservation", *deed, *no, "SIGN") == (BAD_INPUT, "bad_act")
    yes = desks.body(accept=True)
    assert pasar.get("act", "acknowledge-preservation", *deed, *yes, "SIGN")["state"] == "acknowledged"
    longer = later(days=120)
    extended = police.get("act", "extend-preservation", *deed, *desks.body(until=longer), "SIGN")
    assert extended["until"] == longer
    wanted = {"legalBasis": FOOTING.legal_basis, "deadline": later(days=9), "justification": "needed in court"}
    assert police.get("act", "request-production", *deed, *desks.body(**wanted), "SIGN")["state"] == "production"
    rows = file_of(desks.folder / "kept.ndjson", [row("kept-account", 9_399)])
    sign = ("--sign", str(desks.members.folder / "pasar" / "working.pem"))
    feed = Person(pasar.run, pasar.profile, desks.members.token("pasar.feed"), pasar.key)
    taken = feed.get("submit", str(rows.path), "--answers", request, *sign)
    both = [desk.get("requests", request)["request"] for desk in (police, pasar)]
    assert [(one["state"], one["answeredBy"]) for one in both] == [("answered", taken["index"])] * 2
    assert police.refused("act", "lift-preservation", *deed, "SIGN") == (REFUSED, "wrong_state")


def test_a_group_from_founding_to_its_end(desks: Desks) -> None:
    police, customs, group = desks.police, desks.customs, f"route-{desks.index}"
    founded = police.get("group", "create", group, "--purpose", "ivory by parcel", "SIGN")
    assert (founded["id"], founded["founder"], founded["state"]) == (group, "police-ke", "member")
    assert customs.refused("group", "create", group, "--purpose", "mine", "SIGN") == (REFUSED, "group_exists")
    assert customs.refused("group", "accept", group, "SIGN") == (REFUSED, "not_found")
    police.get("group", "invite", group, "customs-cn", "--until", later(days=300), "SIGN")
    police.get("group", "invite", group, "pasar", "SIGN")
    (invited,) = [one for one in customs.get("group", "list")["sharingGroups"] if one["id"] == group]
    assert invited["state"] == "invited" and [one["org"] for one in invited["members"]] == ["customs-cn"]
    assert customs.get("group", "accept", group, "SIGN")["state"] == "member"
    assert group in customs.types("group", "list").stdout

    submission = ("--submission", str(desks.index))
    shared = customs.get("group", "share", group, *submission, "--row", "0", "SIGN")
    assert (shared["sharingGroup"], shared["records"]) == (group, 1)
    assert customs.refused("group", "share", group, *submission, "--row", "0", "SIGN") == (REFUSED, "no_change")
    assert customs.get("group", "share", group, *submission, "SIGN")["records"] == 1, "the other row"
    assert police.refused("group", "share", group, *submission, "SIGN") == (REFUSED, "not_found"), "none of its own"
    assert customs.refused("group", "share", group, "SIGN") == (BAD_INPUT, "no_target"), "nothing named"
    assert customs.get("group", "unshare", group, *submission, "SIGN")["records"] == 2

    assert customs.refused("group", "remove", group, "pasar", "SIGN") == (REFUSED, "denied")
    police.get("group", "remove", group, "pasar", "SIGN")
    assert group not in {one["id"] for one in desks.pasar.get("group", "list")["sharingGroups"]}
    assert police.refused("group", "leave", group, "SIGN") == (REFUSED, "wrong_state"), "the founder leaves last"
    assert customs.get("group", "leave", group, "SIGN")["state"] == "left"
    assert police.get("group", "leave", group, "SIGN")["state"] == "left"
