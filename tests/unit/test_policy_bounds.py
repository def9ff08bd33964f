"""Policies that are made to hurt: refused by their size and depth; what is overlooked ends another process."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from graphsvc.acts.signed import Acted
from graphsvc.model.errors import InvalidInput, Unavailable
from graphsvc.model.labels import Handling, Label
from graphsvc.model.principals import Footing, Organisation, Principal
from graphsvc.policy import bounds, trial
from graphsvc.policy.bounds import InvalidPolicy, PolicyTooLarge, bound_text
from graphsvc.policy.decide import Decider
from graphsvc.policy.rules import policies_of, read_files
from graphsvc.policy.trial import Answer, Order, TrialDied, hold_trial, prove
from graphsvc.rulebooks import trials, usable
from graphsvc.rulebooks.decisions import Governing
from graphsvc.rulebooks.trials import Trials
from tests.unit.test_policy_versions import CLOSED, OPEN, OWN, POLICIES, World

ROOT = Path(__file__).parents[2]
DEEP = 3_000


def rule(condition: str, name: str = "pasar-x") -> str:
    return f'@id("{name}")\npermit (\n  principal,\n  action,\n  resource\n)\nwhen {{ {condition} }};\n'


TOO_LARGE = {
    "parentheses": rule("(" * DEEP + "true" + ")" * DEEP),
    "sets": rule("[" * DEEP + "1" + "]" * DEEP + " == [1]"),
    "records": rule("{a: " * DEEP + "1" + "}" * DEEP + " == {a: 1}"),
    "mixed": rule("([{a: " * DEEP + "1" + "}])" * DEEP + " == 1"),
    "never closed": rule("(" * DEEP),
    "ifs": rule("if true then true else " * DEEP + "true"),
    "ifs in ifs": rule("if " * DEEP + "true" + " then true else true" * DEEP),
    "nots": rule("!" * DEEP + "true"),
    "minuses": rule("-" * DEEP + "1 == 1"),
    "members": rule("context" + ".a" * DEEP + " == 1"),
    "indexes": rule("context" + '["a"]' * DEEP + " == 1"),
    "calls": rule("resource.groups" + '.contains("a")' * DEEP),
    "has": rule("context has " + ".".join(["a"] * DEEP)),
    "likes": rule(" || ".join(['resource.code like "*a*"'] * DEEP)),
    "comparisons": rule(" || ".join(["1 < 2"] * DEEP)),
    "ands": rule(" && ".join(["true"] * DEEP)),
    "sums": rule("+".join(["1"] * DEEP) + " == 1"),
    "behind a string with a quote": rule('"\\"" == "" && ' + "(" * DEEP + "true" + ")" * DEEP),
    "behind a string with a backslash": rule('"\\\\" == "" && ' + "(" * DEEP + "true" + ")" * DEEP),
    "behind a comment": rule('// it is " so\n' + "(" * DEEP + "true" + ")" * DEEP),
    "behind a comment that a CR ends": rule("// so\r" + "(" * DEEP + "true" + ")" * DEEP),
    "many rules": "".join(rule("true", f"pasar-{n}") for n in range(2_000)),
    "long": rule("true") + "// " + "x" * (1 << 16),
}


@pytest.mark.parametrize("name", TOO_LARGE)
def test_what_is_too_large_or_too_deep_never_reaches_the_engine(name: str) -> None:
    with pytest.raises(PolicyTooLarge) as caught:
        prove({**read_files(POLICIES), OWN: TOO_LARGE[name]})
    assert caught.value.code == "invalid_policy" and caught.value.where == OWN


@pytest.mark.parametrize(
    "text",
    [
        rule('"' + "(" * DEEP + '" == "a"'),
        rule('"\\"' + "(" * DEEP + '" == "a"'),
        rule('"// ' + "[{" * DEEP + '" == "a"'),
        rule("true") + "// " + "(" * DEEP + "\n" + rule("true", "pasar-y"),
        rule('[' + ", ".join(f'"{n}"' for n in range(DEEP)) + '].contains(principal.org)'),
        rule("(" * 20 + "true" + ")" * 20),
        rule(" || ".join(['principal.kind == "police"'] * 50)),
    ],
)  # fmt: skip
def test_what_only_looks_deep_is_taken(text: str) -> None:
    bound_text(text, OWN)
    prove({**read_files(POLICIES), OWN: text})


def test_a_refusal_says_where_and_what_to_do() -> None:
    with pytest.raises(PolicyTooLarge, match=r"^line 8: more than 24 brackets within each other$"):
        bound_text(rule("true").rstrip("\n") + "\n" + "(" * 30, OWN)
    with pytest.raises(InvalidPolicy, match="line 7: a string does not end"):
        bound_text(rule('"a'), OWN)
    with pytest.raises(InvalidPolicy, match="no Unicode"):
        bound_text("// \ud800", OWN)


@pytest.fixture
def unbounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The bounds overlook everything, here and in the trial's process: what is left is that the process may die."""
    monkeypatch.setattr(bounds, "MAX_NESTING", 1 << 30)
    monkeypatch.setattr(bounds, "MAX_LINKS", 1 << 30)
    monkeypatch.setattr(trial, "_CHILD", "tests.unit.unbounded_trial")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


def test_what_the_bounds_overlook_ends_another_process(unbounded: None) -> None:
    with pytest.raises(TrialDied) as caught:
        prove({**read_files(POLICIES), OWN: TOO_LARGE["parentheses"]})
    assert caught.value.code == "invalid_policy"
    prove(read_files(POLICIES))


def test_a_trial_has_so_much_time_and_no_more() -> None:
    words = ", ".join(f'"{n}"' for n in range(5_000))
    slow = "".join(rule(f'[{words}].contains(principal.org) && resource.owner == "{n}"', f"pasar-{n}") for n in (1,))
    files = {**read_files(POLICIES), OWN: slow}
    with pytest.raises(TrialDied, match="too long"):
        hold_trial(Order("check", files, cpu_seconds=1))


EVERYTHING = " ".join(
    f"if {attribute} == {value} then true else"
    for attribute, value in (
        ("principal.kind", '"a"'), ("principal.roles", '["a"]'), ("context.purpose", '"a"'), ("resource.pap", '"a"'),
        ("context.legalBasis", '"a"'), ("principal.groups", '["a"]'), ("resource.code", '"a"'),
        ("context.signed", "true"),
    )
)  # fmt: skip


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        (f"{EVERYTHING} true", "combinations of values at once"),
        (" || ".join(f'resource.groups.contains("g{n}")' for n in range(70)), "too many words"),
        ("[" + ", ".join(f'"C{n}"' for n in range(200)) + "].contains(principal.jurisdiction)", "too many words"),
        ("[" + ", ".join(f'"g{n}"' for n in range(3_000)) + "].containsAny(resource.groups)", "too many words"),
    ],
)
def test_what_comes_to_too_many_decisions_is_counted_before_it_is_unfolded(condition: str, message: str) -> None:
    files = {**read_files(POLICIES), OWN: rule(condition)}
    findings = hold_trial(Order("check", files, owners=("pasar",))).findings
    assert any(message in one.message and one.code == "invalid_policy" for one in findings), findings


LADDER = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{now}: &{now} [{', '.join([f'*{before}'] * 9)}]\n" for before, now in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize("name", ["standings.yaml", "budget.yaml", "tests/hostile.yaml"])
@pytest.mark.parametrize("text", [LADDER, "a: " + "[" * 5_000, "a: " + "{b: " * 5_000, "x" * (1 << 19)])
def test_yaml_that_unfolds_is_refused(name: str, text: str) -> None:
    files = read_files(POLICIES)
    tables = {name: text} if name.startswith("tests/") else {}
    try:
        findings = hold_trial(Order("check", files if tables else {**files, name: text}, tables, owners=())).findings
    except InvalidPolicy as error:
        assert error.where == name
    else:
        assert [(one.code, one.where) for one in findings] == [("invalid_policy", name)]


def test_as_many_kinds_as_there_may_be_are_counted() -> None:
    kinds = ", ".join(f"k{n}" for n in range(101))
    with pytest.raises(InvalidPolicy, match="more than 100 kinds"):
        prove({**read_files(POLICIES), "standings.yaml": f"authority: [{kinds}]\n"})


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.mark.parametrize("name", ["parentheses", "records", "nots"])
def test_a_hostile_proposal_is_a_clear_no_and_the_next_one_is_taken(world: World, name: str) -> None:
    head = world.ledger.head
    with pytest.raises(InvalidInput) as caught:
        world.propose({OWN: TOO_LARGE[name]})
    assert (caught.value.code, caught.value.where) == ("invalid_policy", OWN) and world.ledger.head == head
    assert world.propose({OWN: CLOSED})[1].state == "open"


def test_a_proposal_that_ends_the_trial_is_a_clear_no(world: World, unbounded: None) -> None:
    with pytest.raises(InvalidInput, match="did not survive") as caught:
        world.propose({OWN: TOO_LARGE["parentheses"]})
    assert caught.value.code == "invalid_policy"
    assert world.propose({OWN: CLOSED})[1].state == "open"


def test_what_was_checked_when_proposed_is_not_checked_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    held: list[str] = []

    def counted(order: Order) -> Answer:
        held.append(order.what)
        return hold_trial(order) if len(held) == 1 else Answer()

    monkeypatch.setattr(trials, "hold_trial", counted)
    body, _ = world.propose({OWN: CLOSED})
    assert world.approve(body).state == "in-force" and held == ["check"]
    # Beside other policies the same file is checked again: it was not tried with those.
    first, _ = world.propose({OWN: OPEN})
    other = world.change("swiftline", {"orgs/swiftline.cedar": None})
    world.act("swiftline", "ratna", "propose-policy", "swiftline", other)
    world.act("swiftline", "budi", "approve-policy", "swiftline", other)
    assert world.approve(first).state == "in-force" and len(held) == 4


def seen_by_police(governing: Governing, owner: str) -> frozenset[str]:
    """What an investigator may do with a record of the owner that is open to the community."""
    police = Principal(Organisation("police-ke", "police", "KE", "Police"), "p", ("investigator", "analyst"))
    label = Label(owner, "company", "ID", Handling("tlp-2.0", "GREEN"), "GREEN", "court-order")
    found = Decider(governing.in_force()).explain(police, Footing("investigation", "court-order", "c"), True, label)
    return frozenset(action for action, decision in found.items() if decision.allowed)


@pytest.mark.parametrize("kills", [False, True], ids=["past the bounds", "ends the process"])
def test_a_version_of_the_ledger_that_cant_be_read_closes_its_part_and_stops_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch, kills: bool
) -> None:
    # As a release without these bounds would have taken it in.
    async def unchecked(*_: object) -> str:
        return "sha256:" + "1" * 64

    async def unshown(*_: object) -> Acted:
        return Acted({}, {})

    with monkeypatch.context() as patch:
        patch.setattr(Governing, "_checked", unchecked)
        patch.setattr(Governing, "_shown", unshown)
        body = world.change("pasar", {OWN: TOO_LARGE["parentheses"]})
        world.act("pasar", "ratna", "propose-policy", "pasar", body)
        world.act("pasar", "budi", "approve-policy", "pasar", body)
    if kills:
        monkeypatch.setattr(usable, "prove", proved_unbounded(monkeypatch))
    world.reopen()
    assert seen_by_police(world.governing, "pasar") == frozenset(), "any doubt denies"
    assert "view" in seen_by_police(world.governing, "swiftline"), "what others decide stays"
    # Others decide on, and its own officers put it right.
    other = world.change("swiftline", {"orgs/swiftline.cedar": None})
    world.act("swiftline", "ratna", "propose-policy", "swiftline", other)
    assert world.act("swiftline", "budi", "approve-policy", "swiftline", other).answer.state == "in-force"
    assert seen_by_police(world.governing, "pasar") == frozenset()
    mended, _ = world.propose({OWN: OPEN})
    assert world.approve(mended).state == "in-force"
    assert "view" in seen_by_police(world.governing, "pasar")


def proved_unbounded(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """The start's own trial, bounds overlooked: the engine's process really ends."""

    def proved(files: dict[str, str], seconds: int) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(bounds, "MAX_NESTING", 1 << 30)
            patch.setattr(trial, "_CHILD", "tests.unit.unbounded_trial")
            patch.setenv("PYTHONPATH", str(ROOT))
            prove(files, seconds)

    return proved


def test_a_shared_rulebook_that_cant_be_read_closes_everything() -> None:
    files = read_files(POLICIES)
    policies = policies_of({**files, "shared.cedar": TOO_LARGE["sets"]}, frozenset({"shared.cedar"}))
    decided = Decider(policies).explain(
        Principal(Organisation("pasar", "company", "ID", "Pasar"), "p", ("investigator",)),
        Footing("investigation", "court-order", "c"),
        True,
        Label("pasar", "company", "ID", Handling("tlp-2.0", "CLEAR"), "CLEAR", "consent"),
    )
    assert not any(decision.allowed for decision in decided.values())


def test_organisations_come_in_turn_and_nobody_queues_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    begun, go, order = threading.Event(), threading.Event(), list[str]()

    def held(one: Order) -> Answer:
        order.append(one.tables["who"])
        begun.set()
        assert go.wait(60)
        return Answer()

    monkeypatch.setattr(trials, "hold_trial", held)

    async def run() -> None:
        turns = Trials()

        def ask(org: str, name: str) -> asyncio.Task[object]:
            return asyncio.ensure_future(turns.findings(org, Order("check", {}, {"who": name})))

        first = ask("pasar", "pasar 0")
        await asyncio.to_thread(begun.wait)
        waiting = [ask("pasar", f"pasar {n}") for n in range(1, 1 + trials.WAITING)]
        await asyncio.sleep(0)
        with pytest.raises(Unavailable):
            await ask("pasar", "pasar too many")
        others = [ask("swiftline", "swiftline 0"), ask("police-ke", "police 0")]
        await asyncio.sleep(0)
        # Whoever has gone away is passed over.
        waiting[1].cancel()
        await asyncio.sleep(0)
        go.set()
        await asyncio.gather(first, *waiting, *others, return_exceptions=True)

    asyncio.run(run())
    assert order == ["pasar 0", "pasar 1", "swiftline 0", "police 0", "pasar 3", "pasar 4"]
