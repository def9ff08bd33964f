"""The rings' part of the story: a search that is kept, one ring's report, the network around it, and what is judged."""

from __future__ import annotations

from graphsvc.client.questions import KEPT_RINGS
from graphsvc.client.rings import report_of, wait_for
from graphsvc.demo import tales
from graphsvc.demo.company import Members
from graphsvc.demo.scenario.truth import PlantedRing, Scenario
from graphsvc.demo.stage import Stage
from graphsvc.model.principals import Footing
from graphsvc.wire.rings import KeptRing, RingReportFile

ANALYST = "police-ke.analyst"
PATIENCE = 120.0
"""Seconds that the search may take."""
MOST = 200


class RingStory:
    """One step over one service; called once."""

    def __init__(self, stage: Stage, members: Members, scenario: Scenario, footing: Footing) -> None:
        self._stage = stage
        self._members = members
        self._truth = scenario.truth
        self._footing = footing
        self._client = members.client(ANALYST)

    def keep(self) -> None:
        """The search as a job, whose result stays; a ring's report; the rings around it; a judgement."""
        stage, footing = self._stage, self._footing
        stage.step("The search is kept: one ring's report, the network of rings around it, and what the analyst judges")
        stage.say(f"[dim]$ graphsvc rings search {_options(footing)} --wait --sign analyst.pem[/dim]")
        said = {"purpose": footing.purpose, "legalBasis": footing.legal_basis, "case": footing.case}
        made = self._members.act(ANALYST, "detect-rings", "rings", said)
        run = wait_for(self._client, made["id"], PATIENCE, footing)
        stage.expect("it ends, and its entry says what was analysed", run.state == "done" and bool(run.analysed), run)
        page = self._client.read(KEPT_RINGS, {"run": run.id, "first": MOST}, footing)
        rings = [] if page is None else page.rings
        reports = [report_of(self._client, one.id, footing) for one in rings[: len(self._truth.rings)]]
        best = max(reports, key=lambda one: len(one.network))
        self._show(best)
        self._judge(best, {one.id: one for one in rings})

    def _show(self, report: RingReportFile) -> None:
        stage, names = self._stage, {one.handle: one.key or "withheld" for one in report.entities}
        stage.say(f"[dim]$ graphsvc rings show {report.ring.id} {_options(self._footing)}[/dim]")
        stage.table(tales.KEPT_COLUMNS, [tales.kept(report.ring)])
        stage.table(tales.SHARED_COLUMNS, tales.shared(report, names), "What its accounts share, and when")
        stage.table(("why, and what is around it", "claims"), tales.lines(report, names))
        stage.table(tales.KEPT_COLUMNS, map(tales.kept, report.network), "The rings of its network")
        stage.expect("it is one of the planted rings", self._like(report) >= 0.8, self._like(report))
        stage.expect("every line of it cites claims", all(count for _, count in tales.lines(report, names)))
        stage.expect("other rings are in its network, and the go-between is named", bool(report.network), report.ring)

    def _judge(self, report: RingReportFile, rings: dict[str, KeptRing]) -> None:
        stage, ring = self._stage, report.ring.id
        stage.say(f'[dim]$ graphsvc rings accept {ring} --note "…" --sign analyst.pem[/dim]')
        self._members.act(ANALYST, "accept-ring", ring, {"note": "The same crew as in the seizure."})
        page = self._client.read(KEPT_RINGS, {"first": MOST, "filter": {"verdict": "accepted"}}, self._footing)
        accepted = [] if page is None else page.rings
        stage.expect("what is judged stands beside what is computed", [one.id for one in accepted] == [ring], accepted)
        unchanged = accepted[:1] and (accepted[0].rank, accepted[0].score) == (rings[ring].rank, rings[ring].score)
        stage.expect("and changes nothing of it", bool(unchanged))

    def _like(self, report: RingReportFile) -> float:
        known = {one.handle: one.key for one in report.entities}
        accounts = {known[one] for one in (*report.core, *report.fringe)}

        def like(planted: PlantedRing) -> float:
            return len(accounts & set(planted.accounts)) / len(accounts | set(planted.accounts))

        return max(map(like, self._truth.rings), default=0.0)


def _options(footing: Footing) -> str:
    return f"--purpose {footing.purpose} --legal-basis {footing.legal_basis} --case {footing.case}"
