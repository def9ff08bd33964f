"""The sharing part of the story: after a hit, customs are asked to disclose; they grant a part, revoke it, and recall.

After a no hit, a marketplace is asked to preserve what it has.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from graphsvc.client.questions import PRESERVATIONS, REQUEST
from graphsvc.demo import questions, tales
from graphsvc.demo.company import Members
from graphsvc.demo.scenario.truth import Scenario
from graphsvc.demo.stage import Stage
from graphsvc.model.principals import Footing
from graphsvc.model.times import written

Shape = dict[str, Any]
GRANTED, WITHHELD = ["identity", "operational"], "personal"
POLICE, PLATFORM = "police-ke.investigator", "pasar.officer"


class SharingStory:
    """Five steps over one service. Each may be called once, in order."""

    def __init__(self, stage: Stage, members: Members, scenario: Scenario, footing: Footing) -> None:
        self._stage = stage
        self._members = members
        self._truth = scenario.truth
        self._footing = footing
        self._officer = f"{scenario.truth.withheld_holder}.officer"
        self._request: Shape = {}
        self._shown = ""

    def preserve(self) -> None:
        """Nobody has the other phone; the marketplace is asked to keep what it gets, before adverts vanish."""
        stage, truth, platform = self._stage, self._truth, PLATFORM.partition(".")[0]
        stage.step(f"On the no hit the police ask {platform} to preserve what it has on that phone, for 90 days")
        body = {
            **self._basis(platform, truth.absent_phone),
            "until": _ahead(days=90),
            "justification": "The number is written on a seized parcel.",
        }
        stage.say(f"[dim]$ graphsvc act request-preservation --sub {platform} --sign investigator.pem[/dim]")
        asked = self._act(POLICE, "request-preservation", platform, body)
        stage.say(f"[dim]$ graphsvc act acknowledge-preservation --sub {asked['id']} --sign officer.pem[/dim]")
        noted = {"accept": True, "note": "Kept from now on."}
        self._act(PLATFORM, "acknowledge-preservation", asked["id"], noted)
        terms = ("id", "asker", "holder", "state", "until", "deadline", "urgency")
        listed = self._preserved(POLICE, "ASKED"), self._preserved(PLATFORM, "HELD")
        stage.table(terms, [[one[term] for term in terms] for one in listed[0]])
        named = [[key["key"] for one in found for key in one["identifiers"]] for found in listed]
        stage.expect(
            "the marketplace keeps it, and both sides see so", _states(listed) == [["acknowledged"]] * 2, named
        )
        stage.expect(
            "it names the phone, to these two only", named == [[f"phone:e164:{truth.absent_phone}"]] * 2, named
        )
        stage.expect("nobody else learns of it", self._preserved(self._officer, "HELD") == [])

    def ask(self) -> None:
        """The police ask for what the hit is about; the holder sees which of its records that means."""
        stage, truth = self._stage, self._truth
        stage.step(f"Police ask {truth.withheld_holder} to disclose what the hit is about, signed and for their case")
        body = {
            **self._basis(truth.withheld_holder, truth.withheld_phone),
            "fieldGroups": [*GRANTED, WITHHELD],
            "justification": "The number was called from a phone on a seized parcel.",
        }
        stage.say(f"[dim]$ graphsvc act request-disclosure --sub {truth.withheld_holder} --sign investigator.pem[/dim]")
        self._request = self._act(POLICE, "request-disclosure", truth.withheld_holder, body)
        held = self._file(self._officer)
        stage.say(f"[dim]$ graphsvc requests {self._request['id']}[/dim]  as {self._officer}")
        stage.table(("submission", "row", "handling", "field groups", "about"), _held(held))
        keys = {entity["key"] for record in held["records"] for entity in record["entities"]}
        stage.expect("the holder sees which of its records is meant", truth.withheld_person in keys, keys)
        stage.expect("the request is open, to both sides", self._states() == ["open", "open"], self._states())
        stage.expect("nobody else learns of it", self._found(PLATFORM) is None)
        stage.expect("and it opens nothing yet", self._seen() == [])

    def grant(self) -> None:
        """The officer grants some field groups of the records; the police see exactly those."""
        stage, truth = self._stage, self._truth
        stage.step(
            f"The officer of {truth.withheld_holder} grants a part, until a day: the suspect's role, not the name"
        )
        body = {
            "decision": "grant",
            "fieldGroups": GRANTED,
            "target": {"records": [record["handle"] for record in self._file(self._officer)["records"]]},
            "until": _ahead(days=90),
            "conditions": "For this case only; not to be passed on.",
        }
        granted = " ".join(f"--grant {group}" for group in GRANTED)
        stage.say(f"[dim]$ graphsvc decide {self._request['id']} {granted} --sign officer.pem[/dim]")
        self._request = self._act(self._officer, "decide-disclosure", self._request["id"], body)
        grant = self._request["grant"]
        terms = ("grantee", "state", "purpose", "case", "until", "conditions")
        stage.table((*terms, "field groups"), [(*(grant[term] for term in terms), ", ".join(grant["fieldGroups"]))])
        stage.expect("it is granted in part", self._states() == ["partly-granted"] * 2, self._states())
        around = self._around()
        stage.table(tales.ENTITY_COLUMNS, tales.entities(around))
        people = [entity for entity in around["entities"] if entity["key"] == truth.withheld_person]
        stage.expect("the police now find the suspect behind the phone", len(people) == 1)
        self._shown = next((record["handle"] for one in people for record in one["records"]), "")
        shown = tales.shown_groups({"entities": people}, truth.withheld_holder)
        stage.expect("with the part it played", shown == {"operational"}, shown)
        withheld = {item["fieldGroup"] for item in tales.withheld_in({"entities": people})}
        stage.expect("and not its name", WITHHELD in withheld and truth.withheld_name not in json.dumps(around))
        other = self._members.client("police-ke.analyst")
        unstated = other.query(questions.SEARCH, self._key(), Footing("analysis", *_rest(self._footing)))
        stage.expect("for another purpose it stays closed", unstated.of("search") == [])

    def revoke(self) -> None:
        """The case is over; the grant ends at once."""
        stage = self._stage
        stage.step(f"{self._truth.withheld_holder} revokes the grant; it ends at once, and the trail stays")
        grant = self._request["grant"]["id"]
        stage.say(f"[dim]$ graphsvc grants --revoke {grant} --reason … --sign officer.pem[/dim]")
        self._act(self._officer, "revoke-grant", grant, {"reason": "The case was handed over."})
        # No need to wait for the graph: a revocation counts from its ledger entry on.
        stage.expect("the police see nothing of it any more", self._seen(wait=False) == [])
        history = self._file(POLICE)["history"]
        rows = [(one["index"], one["org"], one["person"], one["action"], one["text"] or "–") for one in history]
        stage.table(("ledger", "who", "person", "what", "words"), rows, "What both sides can prove")
        actions = [one["action"] for one in history]
        wanted = ["request-disclosure", "decide-disclosure:partial", "revoke-grant"]
        stage.expect("both sides have the whole history", actions == wanted, actions)

    def recall(self) -> None:
        """Customs take the record back; whoever saw it is told and answers, and customs see who has not answered."""
        stage, truth = self._stage, self._truth
        stage.step(f"{truth.withheld_holder} recalls the record; whoever saw it is told, and has to answer")
        (record,) = self._file(self._officer)["records"]
        target = {"submission": record["submission"], "rows": [record["row"]]}
        named = f"--submission {record['submission']} --row {record['row']}"
        stage.say(f"[dim]$ graphsvc recall {named} --reason … --sign officer.pem[/dim]")
        body = {"target": target, "reason": "The suspect was taken for another."}
        made = self._act(self._officer, "recall", "records", body)
        stage.expect(
            "one record, and one organisation to tell", made["organisations"] == [POLICE.partition(".")[0]], made
        )
        asked = {"identifiers": [self._key()]}
        (answer,) = self._members.client(POLICE).query(questions.MATCH, asked, self._footing).of("match")
        stage.expect("the phone is no hit any more", not answer["hit"], answer)
        stage.asked(questions.NOTICES, {"first": 5})
        told = self._members.client(POLICE).query(questions.NOTICES, {"first": 5}).of("recallNotices")
        (notice,) = [one for one in told if one["notice"] == made["index"]]
        terms = ("notice", "owner", "reason", "deadline", "count")
        stage.table((*terms, "shown in entries"), [(*(notice[term] for term in terms), _reads(notice))])
        known = [one["handle"] for one in notice["records"]]
        stage.expect("the police are told which record, by the handle they know", known == [self._shown], known)
        before = self._answers(made["index"])
        answered = f"--acknowledge {made['index']} --outcome deleted"
        stage.say(f"[dim]$ graphsvc notices {answered} --sign investigator.pem[/dim]")
        done = {"notice": made["index"], "outcome": "deleted"}
        self._act(POLICE, "acknowledge-recall", str(made["index"]), done)
        after = self._answers(made["index"])
        stage.table(("organisation", "records", "answered", "what it did"), [*before, *after], "What customs see")
        states = [[row[2] for row in rows] for rows in (before, after)]
        stage.expect("customs see who has not answered, and then that it has", states == [["not yet"], ["yes"]], states)

    def _answers(self, recall: int) -> list[tuple[object, ...]]:
        found = self._members.client(self._officer).query(questions.RECALLS, {"first": 5}).of("recalls")
        (one,) = [one for one in found if one["index"] == recall]
        return [
            (told["org"], told["records"], "yes" if told["acknowledged"] else "not yet", told["outcome"] or "–")
            for told in one["notices"]
        ]

    def _basis(self, holder: str, phone: str) -> Shape:
        return {
            "holder": holder,
            "identifiers": [{"kind": "Phone", "parts": {"value": phone}}],
            "purpose": self._footing.purpose,
            "legalBasis": self._footing.legal_basis,
            "case": self._footing.case,
            "urgency": "urgent",
            "deadline": _ahead(days=3),
        }

    def _preserved(self, name: str, role: str) -> list[Shape]:
        variables = {"role": role, "state": None, "first": 50, "before": None}
        found: list[Shape] = (
            self._members.client(name).query(PRESERVATIONS.document, variables).of("preservationRequests")
        )
        return [one for one in found if one["case"] == self._footing.case]

    def _act(self, name: str, kind: str, sub: str, body: Shape) -> Shape:
        return self._members.act(name, kind, sub, body)

    def _file(self, name: str) -> Shape:
        found = self._found(name)
        assert found is not None
        return found

    def _found(self, name: str) -> Shape | None:
        answer = self._members.client(name).query(REQUEST.document, {"id": self._request["id"]})
        found: Shape | None = answer.of("informationRequest")
        return found

    def _states(self) -> list[str]:
        return [self._file(name)["request"]["state"] for name in (POLICE, self._officer)]

    def _key(self) -> Shape:
        return {"kind": "Phone", "parts": tales.parts({"value": self._truth.withheld_phone})}

    def _seen(self, *, wait: bool = True) -> list[Shape]:
        client = self._members.client(POLICE)
        after = self._request["lastIndex"] if wait else None
        found: list[Shape] = client.query(questions.SEARCH, self._key(), self._footing, after).of("search")
        return found

    def _around(self) -> Shape:
        seen = self._seen()
        if not seen:
            return {"entities": [], "links": []}
        variables = {"start": seen[0]["handle"], "hops": 1, "limit": 50}
        self._stage.asked(questions.EXPAND, variables, tales.footing(self._footing))
        answer = self._members.client(POLICE).query(questions.EXPAND, variables, self._footing)
        network: Shape = answer.of("expand")
        return network


def _held(file: Shape) -> Iterator[tuple[object, ...]]:
    for record in file["records"]:
        about = ", ".join(str(entity["key"]) for entity in record["entities"])
        yield (record["submission"], record["row"], record["handling"]["code"], ", ".join(record["fieldGroups"]), about)


def _states(listed: Sequence[list[Shape]]) -> list[list[str]]:
    return [[one["state"] for one in found] for found in listed]


def _reads(notice: Shape) -> str:
    return ", ".join(sorted({str(read["index"]) for one in notice["records"] for read in one["reads"]}))


def _rest(footing: Footing) -> tuple[str, str]:
    return footing.legal_basis, footing.case


def _ahead(**by: int) -> str:
    return written(datetime.now(UTC) + timedelta(**by))
