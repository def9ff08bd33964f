"""The story: from the keys of four organisations to a ring of sellers, and back to who saw whose records.

Every step asks through the public API with the client that an organisation would use, shows question and answer, and
compares the answer with what the scenario planted.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from graphsvc.client import Answer, Client, Outgoing, Submitted
from graphsvc.demo import questions, tales
from graphsvc.demo.cast import OPERATOR, feed_of
from graphsvc.demo.company import Members
from graphsvc.demo.ring_story import RingStory
from graphsvc.demo.scenario import ORGANISATIONS
from graphsvc.demo.scenario.truth import Scenario, Slice
from graphsvc.demo.sharing_story import SharingStory
from graphsvc.demo.stage import Stage
from graphsvc.model.principals import Footing

CASE = "NBI/WCU/2025/0417"
INVESTIGATION = Footing("investigation", "mutual-assistance", CASE)
ANALYSIS = Footing("analysis", "mutual-assistance", CASE)
LIKE = 0.8
"""A planted ring counts as found if its accounts and a found ring's are at least so alike (Jaccard, 0 to 1)."""


@dataclass(slots=True)
class Notes:
    """What later steps need of earlier ones."""

    after: int = 0
    start: str = ""
    indexes: list[int] = field(default_factory=list)


class Story:
    """The steps over one service, those of ``sharing`` and ``rings`` among them. Each may be called once, in order."""

    def __init__(self, stage: Stage, members: Members, scenario: Scenario) -> None:
        self._stage = stage
        self._members = members
        self._scenario = scenario
        self._notes = Notes()
        self.sharing = SharingStory(stage, members, scenario, INVESTIGATION)
        self.rings = RingStory(stage, members, scenario, ANALYSIS)

    def enrol(self) -> None:
        """Four organisations are admitted, each under its own root key."""
        stage, members = self._stage, self._members
        stage.step("Four organisations enrol their keys, each signed by its own offline root key")
        rows = []
        for organisation in ORGANISATIONS:
            member = members.by_name[organisation.org]
            members.client(OPERATOR).admit(organisation, member.root.public)
            index = member.enrol(
                members.client(feed_of(organisation.org)), members.trust().origin, f"feed@{organisation.org}"
            )
            rows.append(
                (
                    organisation.org,
                    organisation.kind,
                    organisation.jurisdiction,
                    member.root.kid,
                    member.working.kid,
                    index,
                )
            )
        stage.table(("organisation", "kind", "country", "root key", "working key", "ledger"), rows)
        stage.say(
            "[dim]The operator admits; only the root key, which never leaves its owner, says who acts for it.[/dim]"
        )
        stage.expect(
            "four organisations of four kinds and countries are in", len({row[1] for row in rows}) == len(rows) == 4
        )

    def submit(self) -> None:
        """Each organisation submits its own files, signed; bad rows are reported, good ones accepted."""
        stage = self._stage
        stage.step("Each submits its own slice, signed; bad rows don't stop good ones")
        rows, problems = [], []
        for piece in self._scenario.slices:
            answer = self._hand_in(piece)
            self._notes.after = max(self._notes.after, answer.index)
            rows.append((piece.org, piece.path.name, answer.rows, answer.accepted, answer.rejected, answer.index))
            problems += [(piece.org, one.row, one.code, one.message) for one in answer.problems[:2]]
            found = sorted({problem.row for problem in answer.problems})
            held = (answer.rows, answer.accepted, found) == (piece.rows, piece.accepted, sorted(piece.rejected))
            stage.expect(f"{piece.org}: {piece.accepted} rows accepted, {len(piece.rejected)} rejected", held, answer)
        stage.table(("organisation", "file", "rows", "accepted", "rejected", "ledger"), rows)
        stage.table(("organisation", "row", "code", "what to do"), problems, "Some of the rows that were not accepted")

    def investigate(self) -> None:
        """From one phone number on a seized parcel to a seller on another platform."""
        stage, truth, police = self._stage, self._scenario.truth, self._members.client("police-ke.investigator")
        stage.step(f"Police investigate: from {truth.start_phone}, on a seized parcel, to a seller on another platform")
        case = {
            "reference": CASE,
            "title": "Ivory by parcel through Pingxiang",
            "legalBasis": INVESTIGATION.legal_basis,
        }
        stage.asked(questions.REGISTER_CASE, case)
        police.query(questions.REGISTER_CASE, case)
        stage.asked(questions.SEARCH, {"kind": "Phone", "value": truth.start_phone})
        closed = self._search(police, "Phone", {"value": truth.start_phone}, Footing())
        speakers = {record["owner"] for entity in closed.of("search") for record in entity["records"]}
        held = speakers <= {"police-ke"}
        stage.expect("without purpose, legal basis and case nothing of others is shown", held, speakers)
        found = self._search(police, "Phone", {"value": truth.start_phone}, INVESTIGATION)
        stage.expect("the phone is found", len(found.of("search")) == 1)
        self._notes.start = found.of("search")[0]["handle"]
        around = self._expand(police)
        self._check_expansion(around)
        self._find_path(police)

    def match(self) -> None:
        """For an identifier that may not be shown, the service answers hit or no hit."""
        stage, truth, police = self._stage, self._scenario.truth, self._members.client("police-ke.investigator")
        stage.step("A withheld identifier answers hit or no hit, and whom to ask")
        phones = (truth.withheld_phone, truth.absent_phone)
        hidden = self._search(police, "Phone", {"value": phones[0]}, INVESTIGATION)
        stage.expect("search shows nothing of it", hidden.of("search") == [])
        variables = {"identifiers": [{"kind": "Phone", "parts": tales.parts({"value": phone})} for phone in phones]}
        stage.asked(questions.MATCH, {"identifiers": " and ".join(phones)}, tales.footing(INVESTIGATION))
        answer = police.query(questions.MATCH, variables, INVESTIGATION, self._notes.after).of("match")
        stage.table(("phone", "answer", "ask"), tales.matches(phones, answer))
        stage.expect(f"a hit at {truth.withheld_holder}", tales.hit_at(answer[0]) == [truth.withheld_holder], answer[0])
        stage.expect(
            "no hit for a phone that nobody has", tales.hit_at(answer[1]) == [] and not answer[1]["hit"], answer[1]
        )

    def detect(self) -> None:
        """The analyst looks for rings in all that the police may analyse."""
        stage, truth, analyst = self._stage, self._scenario.truth, self._members.client("police-ke.analyst")
        stage.step("The analyst finds the rings, ranked, each explained by claims")
        stage.asked(questions.RINGS, {}, tales.footing(ANALYSIS))
        report = analyst.query(questions.RINGS, {"parameters": None}, ANALYSIS, self._notes.after).of("rings")
        stage.say(f"{report['accounts']} accounts, {report['links']} links, {report['excludedHubs']} hubs left out")
        stage.table(tales.RING_COLUMNS, tales.rings(report, truth.rings))
        for ring in report["rings"][:1]:
            stage.table(
                ("why the first is one", "claims"), [(one["text"], len(one["records"])) for one in ring["reasons"]]
            )
        best = {planted: tales.best_like(planted, report["rings"]) for planted in truth.rings}
        stage.expect(f"all {len(best)} planted rings are found", all(like >= LIKE for like, _ in best.values()), best)
        worst = max((rank for _, rank in best.values()), default=0)
        stage.expect("and rank before all else", worst <= len(truth.rings), f"the last has rank {worst}")
        stage.expect("hubs such as pick-up points are left out", report["excludedHubs"] >= 1, report["excludedHubs"])
        cited = all(one["records"] for ring in report["rings"] for one in ring["reasons"])
        stage.expect("every line cites claims", cited and all(ring["reasons"] for ring in report["rings"]))

    def account(self) -> Path:
        """The marketplace's officer sees who saw its records; returns the evidence file."""
        stage, officer = self._stage, self._members.client("pasar.officer")
        stage.step("The marketplace's officer lists who saw its records, and checks the evidence offline")
        stage.asked(questions.ACCESS_LOG, {"first": 50})
        entries = officer.query(questions.ACCESS_LOG, {"first": 50}).of("accessLog")["entries"]
        stage.table(tales.ACCESS_COLUMNS, tales.accesses(entries))
        readers = {entry["reader"] for entry in entries if entry["records"]}
        stage.expect(
            "every reader of its records is there: police-ke, nobody else",
            readers <= {"police-ke", "pasar"} and "police-ke" in readers,
            readers,
        )
        said = {
            (entry["purpose"], entry["case"])
            for entry in entries
            if entry["reader"] == "police-ke" and entry["records"]
        }
        stage.expect(
            "each read says its purpose and case",
            said <= {("investigation", CASE), ("analysis", CASE)} and bool(said),
            said,
        )
        return tales.take_evidence(stage, officer, self._members)

    def _hand_in(self, piece: Slice) -> Submitted:
        mapping = None if piece.mapping is None else piece.mapping.read_bytes()
        outgoing = Outgoing(piece.path, piece.media_type, mapping, piece.defaults)
        member = self._members.by_name[piece.org]
        named = f" --map {piece.mapping.name}" if piece.mapping is not None else ""
        self._stage.say(f"[dim]$ graphsvc submit {piece.org}/{piece.path.name}{named} --sign working.pem[/dim]")
        return self._members.client(feed_of(piece.org)).submit(outgoing, piece.org, member.working)

    def _search(self, client: Client, kind: str, key: dict[str, str], footing: Footing) -> Answer:
        return client.query(questions.SEARCH, {"kind": kind, "parts": tales.parts(key)}, footing, self._notes.after)

    def _expand(self, client: Client) -> dict[str, Any]:
        variables = {"start": self._notes.start, "hops": 2, "limit": 400}
        self._stage.asked(questions.EXPAND, variables, tales.footing(INVESTIGATION))
        answer = client.query(questions.EXPAND, variables, INVESTIGATION, self._notes.after)
        network: dict[str, Any] = answer.of("expand")
        shown = f"{len(network['entities'])} things and {len(network['links'])} claimed links within 2 hops"
        self._stage.say(
            f"{shown}; receipt {answer.proof.index} holds: {answer.proof.records} claims shown, each told to its owner"
        )
        self._stage.table(tales.ENTITY_COLUMNS, tales.entities(network))
        return network

    def _check_expansion(self, network: dict[str, Any]) -> None:
        stage, truth = self._stage, self._scenario.truth
        keys = {entity["key"] for entity in network["entities"]}
        owners = {record["owner"] for entity in network["entities"] for record in entity["records"]}
        stage.expect("three other organisations speak", {"pasar", "swiftline", "customs-cn"} <= owners, sorted(owners))
        stage.expect("the seized parcel is in it", truth.seized_parcel in keys)
        stage.expect("every claim says its handling code and grading", tales.all_graded(network))
        withheld = {(item["owner"], item["fieldGroup"]) for item in tales.withheld_in(network)}
        owner, group = truth.withheld_group
        stage.expect(f"{owner} withholds field group {group}, by a rule it names", (owner, group) in withheld, withheld)
        stage.expect("and nothing of that group slips through", not tales.shown_groups(network, owner) & {group})
        stage.expect(
            "nothing of what customs keep at home is there",
            not keys & set(truth.hidden) and tales.codes(network) <= {"GREEN", "AMBER"},
            tales.codes(network),
        )

    def _find_path(self, client: Client) -> None:
        stage, truth = self._stage, self._scenario.truth
        _, site, user = truth.seller.split(":")
        seller = self._search(client, "Account", {"site": site, "id": user}, INVESTIGATION).of("search")
        stage.expect("the seller on the other platform is found", len(seller) == 1)
        variables = {"source": self._notes.start, "target": seller[0]["handle"]}
        stage.asked(questions.PATHS, variables, tales.footing(INVESTIGATION))
        found = client.query(questions.PATHS, variables, INVESTIGATION, self._notes.after).of("paths")["paths"]
        stage.table(tales.PATH_COLUMNS, tales.path(found[0]) if found else [], "The shortest path")
        length = found[0]["length"] if found else None
        stage.expect(
            f"the shortest path has {truth.path_length} links, no shortcut through what is hidden",
            length == truth.path_length,
            length,
        )
        owners = {link["record"]["owner"] for path in found for link in path["links"]}
        stage.expect("no single organisation could have drawn it", truth.path_owners <= owners, owners)
