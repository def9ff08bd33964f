"""Graph and columns made anew from the ledger: equal by digest, offline and online, whatever happened to records."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sealed_drafts import enter_drafts
from typer.testing import CliRunner

from graphsvc.cli import app
from graphsvc.columns.store import Columns
from graphsvc.demo.cast import CLIENTS, OPERATOR
from graphsvc.demo.company import Members
from graphsvc.demo.scenario import ORGANISATIONS
from graphsvc.graph.driver import Graph
from graphsvc.graph.fingerprint import Fingerprint, fingerprint
from graphsvc.ledger.taken import standing
from graphsvc.local.neo4j import Neo4jChild
from graphsvc.local.run import LocalService, run_local
from graphsvc.model import bounds
from graphsvc.model.drafts import CleanDraft, CleanEntity, CleanLink
from graphsvc.model.labels import Handling, Label
from graphsvc.model.places import record_int
from graphsvc.model.principals import Footing, Principal
from graphsvc.policy.scope import Scope
from graphsvc.projection import rebuild
from tests.label_moves import move_label
from tests.older_plan import cleaned, old_number, older_schema, seller
from tests.paths.wire import DEFAULTS, SEARCH, account_key, file_of, row

BY_NAME = {one.org: one for one in ORGANISATIONS}
TOLD = {"origin": {"organisation": "police-ke", "reference": "K\t7"}, "observed": {"since": "2025-01-01"}}
CASE = Footing("investigation", "statutory-duty", "REBUILD/1")
EXPAND = """query($s: ID!) { expand(start: $s, hops: 2) { entities { handle key records { handle submission row } }
  links { kind source target record { handle owner handling { code } } } } }"""
REGISTER = 'mutation { registerCase(reference: "REBUILD/1", title: "x", legalBasis: "statutory-duty") { reference } }'


class World:
    """A running service whose records are moved, withdrawn and erased, by acts."""

    def __init__(self, service: LocalService, folder: Path) -> None:
        assert service.parts is not None
        self.service, self.parts, self.folder = service, service.parts, folder
        self.members = Members(service, ORGANISATIONS, folder)
        self.mends: list[Callable[[], object]] = []

    def found(self) -> World:
        """Admit and enrol everyone, and register a case."""
        service = self.service
        operator = self.members.client(OPERATOR)
        for organisation in ORGANISATIONS:
            operator.admit(organisation, self.members.by_name[organisation.org].root.public)
            self.members.by_name[organisation.org].enrol(operator, service.origin, "machine")
        self.members.client("police-ke.investigator").query(REGISTER)
        return self

    def submit(self, org: str, rows: list[bytes]) -> int:
        outgoing = file_of(self.folder / f"{org}-{self.parts.ledger.head}.ndjson", rows, DEFAULTS)
        return self.members.client(f"{org}.feed").submit(outgoing, org, self.members.by_name[org].working).index

    def seal(self, org: str, said: list[tuple[str, ...]], **how: Any) -> int:
        """Rows as :meth:`enter` does, and all that comes of them."""
        index = self.enter(org, said, **how)
        self.settled(index)
        return index

    def enter(
        self, org: str, said: list[tuple[str, ...]], *, code: str = "GREEN", lock: int = -1, lose: bool = False
    ) -> int:
        """Rows as an older version took them in: an account, a phone, an expiry; perhaps with what can be mended."""
        own = BY_NAME[org]
        label = Label(org, own.kind, own.jurisdiction, Handling("tlp-2.0", code), "GREEN", "statutory-duty")
        drafts = [
            CleanDraft(
                row=number,
                label=label,
                entities=[
                    CleanEntity("Account", f"account:shop:{account}", {"identity": {"id": account}}),
                    CleanEntity("Phone", f"phone:e164:+{phone}", {}),
                ],
                links=[CleanLink("USES", 0, 1, {})],
                expires=more[0] if more else None,
            )
            for number, (account, phone, *more) in enumerate(said)
        ]
        parts = self.parts.core.payloads

        def spoil(pack: str) -> None:
            if lose:
                path = parts.store._path(pack)  # type: ignore[attr-defined]
                away = path.rename(self.folder / pack)
                self.mends.append(lambda: away.rename(path))
            if lock >= 0:
                secret = parts.keys.open(pack)
                parts.keys.keep({pack: secret[: 64 * lock] + bytes(range(64)) + secret[64 * (lock + 1) :]})
                self.mends.append(lambda: parts.keys.keep({pack: secret}))

        return enter_drafts(self.parts.ledger, (parts.store, parts.keys), org, drafts, spoil)

    def settled(self, index: int) -> None:
        """Entry ``index`` is applied, and so is all that was said of it."""
        self.applied(index)
        self.applied(self.parts.ledger.head - 1)

    def aside(self, submission: int) -> list[tuple[str, int, int]]:
        with self.parts.ledger.reading() as connection:
            found = standing(connection, [submission]).get(submission, [])
        return [(code, first, last) for code, named in found for _, first, last in named]

    def reapply(self, submission: int, rows: list[int] | None) -> None:
        self.settled(self.members.client(OPERATOR).reapply(submission, rows).index)

    def move(self, org: str, submission: int, rows: tuple[int, ...], code: str) -> None:
        own, records = BY_NAME[org], [record_int(submission, row) for row in rows]
        label = Label(org, own.kind, own.jurisdiction, Handling("tlp-2.0", code), "GREEN", "statutory-duty")
        asyncio.run(move_label(self.parts.ledger, Principal(own, "dpo", ("officer",)), records, label))

    def act(self, org: str, kind: str, submission: int, *rows: int) -> None:
        """Some rows of a submission taken back or erased, by the owner's officer."""
        body = {"target": {"submission": submission, "rows": list(rows)}, "reason": "x"}
        self.applied(int(self.members.act(f"{org}.officer", kind, "records", body)["index"]))

    def applied(self, index: int) -> None:
        asyncio.run(self.parts.applier.wait(index))


@dataclass
class Seen:
    """What was seen of a graph: its digest, answers, and the columns under a scope over everything."""

    fingerprint: Fingerprint
    answers: list[Any]
    claims: list[tuple[Any, ...]]


def look(world: World, data: Path) -> Seen:
    investigator, answers = world.members.client("police-ke.investigator"), []
    for account in ("anna", "ben", "carl", "dora", "emil"):
        found = investigator.query(SEARCH, account_key(account), CASE).data["search"]
        answers.append(found)
        answers += [investigator.query(EXPAND, {"s": one["handle"]}, CASE).data for one in found]
    lids = dict.fromkeys(("analyse",), tuple(world.parts.applier.labels))
    principal = Principal(BY_NAME["police-ke"], "x")
    scope = Scope(principal, CASE, 0, "", 0.0, lids, dict(world.parts.applier.labels), {}, ())
    found = Columns(data / "columns").select(scope, 0)
    with world.parts.graph.session() as session:
        keys = dict(session.run("MATCH (e:Entity) RETURN e.id, e.key").values())
    names = {"src": keys, "dst": keys, "lid": {lid: str(label) for lid, label in world.parts.applier.labels.items()}}
    columns = [
        [names.get(name, {}).get(value, value) for value in getattr(found, name).tolist()]
        for name in ("src", "dst", "lid", "rec", "since")
    ]
    claims = zip(*columns, strict=True)
    return Seen(fingerprint(world.parts.graph), answers, sorted(claims))


def happen(world: World) -> None:
    """Every way in which what stays depends on what has gone."""
    first = world.submit("pasar", [row("anna", 1, **TOLD), row("ben", 2), row("carl", 3), row("only-here", 4)])
    world.submit("customs-cn", [row("anna", 1), row("zoe", 9)])
    second = world.submit("swiftline", [row("ben", 2), row("dora", 5), row("emil", 6)])
    world.move("pasar", first, (1, 2), "AMBER")
    world.act("pasar", "recall", first, 0)  # anna came with it, and stays with customs
    world.act("pasar", "erase", first, 1, 3)  # ben came with it, and stays; only-here was nowhere else
    world.act("swiftline", "recall", second, 1)  # dora goes
    third = world.submit("pasar", [row("dora", 5), row("ben", 2), row("only-here", 4), row("new", 1)])
    world.move("swiftline", second, (0, 1, 2), "RED")
    world.move("swiftline", second, (0, 2), "CLEAR")
    world.act("swiftline", "erase", second, 0)  # ben goes on with its third record, under the first one's integer
    world.move("pasar", third, (3,), "RED")
    world.act("pasar", "recall", third, 3)  # a label that nothing has any more keeps its number
    world.submit("customs-cn", [row(f"many-{number}", number % 7) for number in range(300)])
    be_set_aside(world)
    be_superseded(world)
    be_cleaned_anew(world)
    take_turns(world)
    world.applied(world.parts.ledger.head - 1)


def be_set_aside(world: World) -> None:
    """Rows that can't be applied, some of them brought in later, after others have named the same things."""
    # For good: in the middle of others, and the first to name something.
    bad = world.seal("swiftline", [("s0", "p0"), ("s1", "p1", "2030-00-00"), ("s2", "p0"), ("s3", "p1")])
    assert world.aside(bad) == [("bad_value", 1, 1)]
    # A key that opens nothing, until it is the right one again.
    locked = world.seal("pasar", [("l0", "p2"), ("l1", "p3"), ("l2", "p4")], lock=1)
    assert world.aside(locked) == [("unreadable", 1, 1)]
    world.seal("customs-cn", [("c0", "p3"), ("l1", "p5")])
    world.move("pasar", locked, (1, 2), "RED")  # while it is set aside
    # A pack that is away, under a label that nothing else has: all after it is set aside.
    lost = world.seal("swiftline", [("a0", "p6"), ("a1", "p7"), ("a2", "p8"), ("a3", "p9")], code="AMBER", lose=True)
    assert world.aside(lost) == [("payload", 0, 3)]
    world.seal("pasar", [("a2", "p7"), ("b0", "p9")])
    world.act("swiftline", "recall", lost, 1)
    # Mended, in another order than they came: the numbers are those of the places where they come in.
    for mend in world.mends:
        mend()
    world.reapply(lost, [2])
    world.reapply(locked, None)
    assert world.aside(locked) == []
    world.seal("customs-cn", [("a3", "p1"), ("l1", "p3")])
    world.reapply(lost, None)
    assert world.aside(lost) == []
    records = [record_int(lost, number) for number in range(4)]
    assert world.parts.core.holdings.states(records).keys() == {records[at] for at in (0, 2, 3)}
    world.reapply(bad, None)  # as bad as before: set aside again
    assert world.aside(bad) == [("bad_value", 1, 1)]
    # Who brought a thing goes; of those who named it too, one came later than its submission says.
    brought = world.seal("pasar", [("h0", "p20")])
    late = world.seal("swiftline", [("h1", "p21"), ("h2", "p20")], lock=1)
    world.seal("customs-cn", [("h3", "p20")])
    world.mends.pop()()
    world.reapply(late, None)
    world.act("pasar", "erase", brought, 0)
    world.act("pasar", "erase", locked, 1)  # what came in late goes, and others keep what it named
    world.act("swiftline", "erase", lost, 1)  # recalled while it was set aside


def be_superseded(world: World) -> None:
    """The same file three times, mended each time; of each a row goes in another way."""
    for version, kind in enumerate(("recall", "erase", "recall")):
        names = [f"again-{number}-{version % 2}" for number in range(4)]
        rows = [row(name, 30 + at, supersedes={"reference": f"r{at}"}) for at, name in enumerate(names)]
        world.act("pasar", kind, world.submit("pasar", rows), version)


def be_cleaned_anew(world: World) -> None:
    """Rows of an older numbering plan, cleaned anew after some have gone or moved; of the others some do so later."""
    old = older_schema(world.folder / "plan")
    rows = [seller(f"anew-{n}", ["+84901234500", old_number(n % 3)], row=n) for n in range(9)]
    parts = world.parts.core.payloads
    index = enter_drafts(world.parts.ledger, (parts.store, parts.keys), "pasar", cleaned(rows, old, BY_NAME["pasar"]))
    world.settled(index)
    world.act("pasar", "recall", index, 0)
    world.act("pasar", "erase", index, 1)
    world.move("pasar", index, (2, 3), "RED")
    customs = world.seal("customs-cn", [("anew-4", "84382300000"), ("x", "84382300001")])
    operator = world.members.client(OPERATOR)
    done = operator.reclean(index, apply=True)
    assert (done.records, done.set_aside) == (7, 0) and done.index is not None
    assert operator.reclean(index, apply=True).records == 0, "once"
    world.act("pasar", "recall", index, 4)
    world.act("pasar", "erase", index, 5)
    world.move("pasar", index, (3, 6), "AMBER")
    world.act("customs-cn", "erase", customs, 0)  # its number stays with what was cleaned anew


def take_turns(world: World) -> None:
    """Between the batches of a large submission another organisation speaks of the same things, of late ones first."""
    writer, order, came = world.parts.applier._projections.writer, list[int](), list[int]()
    apply = writer.apply

    def between(step: Any, *rest: Any) -> Any:
        done = apply(step, *rest)
        order.append(step.entry)
        if step.to is not None and not came:
            came.append(world.enter("swiftline", [("t0", "q3"), ("t1", "q55"), ("t2", "q56")], code="RED"))
        return done

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bounds, "BATCH_ROWS", 20)
        patch.setattr(writer, "apply", between)
        large = world.seal("customs-cn", [(f"big-{n}", f"q{n}") for n in range(60)], code="AMBER")
    assert order == [large, *came, large, large], "it was not out of order: this shows nothing"
    world.act("customs-cn", "erase", large, 3, 55)
    world.act("swiftline", "recall", came[0], 1)


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Path, Seen]]:
    folder = tmp_path_factory.mktemp("rebuild")
    data = folder / "data"
    with run_local(data, 0, CLIENTS) as service:
        world = World(service, folder / "first").found()
        happen(world)
        seen = look(world, data)
        world.members.close()
    yield folder, data, seen


def run(*arguments: str, **environment: str) -> dict[str, Any]:
    done = CliRunner().invoke(app, ["rebuild", *arguments, "--digest", "--json"], env=environment)
    assert done.exit_code == 0, done.output or done.exception
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def test_online_into_a_server_that_is_there(
    before: tuple[Path, Path, Seen], neo4j_server: Neo4jChild, graph_database: Graph, tmp_path: Path
) -> None:
    _, data, seen = before
    copy = shutil.copytree(data, tmp_path / "copy", ignore=shutil.ignore_patterns("neo4j"))
    settings = {
        "GRAPHSVC_NEO4J_URI": neo4j_server.uri,
        "GRAPHSVC_NEO4J_USER": neo4j_server.auth[0],
        "GRAPHSVC_NEO4J_PASSWORD": neo4j_server.auth[1],
    }
    for _ in range(2):  # into an empty one, and over itself
        answer = run("--data", str(copy), **settings)
        assert answer["digest"] == seen.fingerprint.digest
    with graph_database.session() as session:
        session.run("MATCH (e:Entity {kind: 'Phone'}) WITH e LIMIT 1 SET e.lids = e.lids + 99").consume()
    assert fingerprint(graph_database).digest != seen.fingerprint.digest, "the digest sees one number in one list"


def test_offline_beside_the_old_one_and_swapped_in(
    before: tuple[Path, Path, Seen], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, data, seen = before
    # Interrupted before the decision: the old ones are as they were, and what was begun is gone at the next start.
    with monkeypatch.context() as patch:
        patch.setattr(rebuild, "assemble", _interrupted)
        assert CliRunner().invoke(app, ["rebuild", "--data", str(data)]).exit_code == 130
    assert not (data / "neo4j.next").exists() and (data / "neo4j" / "data").exists()
    shutil.rmtree(data / "columns")
    # Interrupted amid the swap: the next start finishes it.
    with monkeypatch.context() as patch:
        patch.setattr(rebuild.shutil, "rmtree", _swap_interrupted(data, shutil.rmtree))
        assert CliRunner().invoke(app, ["rebuild", "--data", str(data)]).exit_code == 130
    assert (data / "rebuild").exists() and (data / "columns.next").exists() and not (data / "columns").exists()
    with run_local(data, 0) as service:
        assert not [path for path in data.iterdir() if path.suffix in (".next", ".old") or path.name == "rebuild"]
        world = World(service, folder / "again")
        again = look(world, data)
        world.members.close()
    assert again.fingerprint == seen.fingerprint
    assert again.claims == seen.claims and len(again.claims) > 300
    assert again.answers == seen.answers and sum(len(answer) for answer in again.answers) > 5


def _interrupted(*_: object) -> None:
    raise KeyboardInterrupt


def _swap_interrupted(data: Path, remove: Any) -> Any:
    """Stops when the second folder's turn comes, after the decision."""

    def rmtree(path: Path, **options: Any) -> None:
        if path == data / "columns.old" and (data / "rebuild").exists():
            raise KeyboardInterrupt
        remove(path, **options)

    return rmtree
