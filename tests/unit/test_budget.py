"""The budget of identifiers: distinct, all or none, durable, exact under concurrency, silent about what was asked."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

from graphsvc.answers.budget import Budget
from graphsvc.model.errors import BudgetSpent, InvalidInput
from graphsvc.model.principals import Organisation
from graphsvc.model.product import product_data
from graphsvc.model.schema import load_schema
from graphsvc.policy.limits import LIMITS_FILE, Limits, changed_limits, parse_limits

NGO = Organisation("watch", "ngo", "KE", "Watch")
POLICE = Organisation("police-ke", "police", "KE", "Police")
SECRET = bytes(range(32))
NOON = 1_750_000_000 // 86_400 * 86_400 + 43_200.0


class Clock:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> float:
        return self.now


def opened(path: Path, limit: int = 5, clock: Clock | None = None) -> Budget:
    limits = Limits(limit, {"police": 100})
    return Budget(path / "budget.db", SECRET, lambda: limits, clock or Clock())


def spend(budget: Budget, *keys: str, org: Organisation = NGO) -> None:
    asyncio.run(budget.spend(org, keys))


def used(budget: Budget, org: Organisation = NGO) -> int:
    return asyncio.run(budget.balance(org)).used


def test_distinct_identifiers_count_once_a_day_and_for_each_organisation(tmp_path: Path) -> None:
    clock = Clock()
    budget = opened(tmp_path, clock=clock)
    spend(budget, "phone:1", "phone:2", "phone:2")
    spend(budget, "phone:1")
    assert used(budget) == 2 and used(budget, POLICE) == 0
    spend(budget, "phone:1", org=POLICE)
    assert used(budget) == 2 and used(budget, POLICE) == 1
    clock.now += 86_400
    assert used(budget) == 0
    spend(budget, "phone:1")
    assert used(budget) == 1
    budget.close()


def test_a_batch_over_the_limit_is_refused_as_a_whole_and_costs_nothing(tmp_path: Path) -> None:
    budget = opened(tmp_path)
    spend(budget, "a", "b", "c")
    with pytest.raises(BudgetSpent) as refused:
        spend(budget, "a", "d", "e", "f")
    assert refused.value.retry_after == 43_200
    assert refused.value.budget == {"limit": 5, "used": 3, "left": 2, "resetsAt": "2025-06-16T00:00:00Z"}
    assert used(budget) == 3
    spend(budget, "d", "e")
    spend(budget, "a", "b", "c", "d", "e")
    with pytest.raises(BudgetSpent):
        spend(budget, "f")
    assert used(budget) == 5
    budget.close()


def test_what_was_spent_stays_spent_over_a_restart_and_a_clock_set_back(tmp_path: Path) -> None:
    clock = Clock()
    first = opened(tmp_path, clock=clock)
    spend(first, "a", "b")
    first.close()
    again = opened(tmp_path, clock=clock)
    spend(again, "b", "c")
    assert used(again) == 3
    clock.now += 86_400
    spend(again, "z")
    clock.now -= 86_400
    assert used(again) == 3
    again.close()


def test_the_file_holds_no_identifier_and_no_older_day(tmp_path: Path) -> None:
    clock = Clock()
    budget = opened(tmp_path, 10, clock)
    spend(budget, "phone:e164:+8613800138000")
    clock.now += 2 * 86_400
    spend(budget, "phone:e164:+8613800138000")
    days = budget._db.execute("SELECT day, digest FROM asked").fetchall()
    assert len(days) == 1 and days[0][0] == clock.now // 86_400
    budget.close()
    assert b"13800138000" not in (tmp_path / "budget.db").read_bytes()
    assert (tmp_path / "budget.db").stat().st_mode & 0o777 == 0o600


def test_concurrent_spending_over_two_connections_never_passes_the_limit(tmp_path: Path) -> None:
    """Two processes would share the file just so; threads ask for overlapping batches until nothing is left."""
    budgets, limit = [opened(tmp_path, 40), opened(tmp_path, 40)], 40
    granted: list[set[str]] = []

    def ask(number: int) -> None:
        for start in range(0, 60, 3):
            keys = {str((start + 7 * number + n) % 90) for n in range(3)}
            try:
                spend(budgets[number % 2], *keys)
            except BudgetSpent:
                continue
            granted.append(keys)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    answered = set().union(*granted)
    assert len(answered) == used(budgets[0]) == used(budgets[1]) <= limit
    assert len(answered) > limit - 3, "what did not fit was more than what was left"
    for budget in budgets:
        budget.close()


def test_limits_of_the_product_name_every_kind_of_organisation() -> None:
    limits = parse_limits((product_data("policies") / LIMITS_FILE).read_text())
    kinds = set(load_schema().codelists["organisation-kinds"].codes)
    assert kinds <= set(limits.kinds) <= kinds | {"operator"}
    assert limits.of(POLICE) > limits.of(NGO) > limits.default


def test_an_organisation_has_its_own_limit_before_that_of_its_kind() -> None:
    limits = parse_limits("default: 1\nkinds: {ngo: 2}\norganisations: {watch: 3}\n")
    assert [limits.of(one) for one in (NGO, Organisation("other", "ngo", "KE", ""), POLICE)] == [3, 2, 1]
    for wrong in ("default: -1\n", "kinds: {ngo: 2}\n", "default: 1\nkind: {}\n", "default: many\n"):
        with pytest.raises(InvalidInput) as caught:
            parse_limits(wrong)
        assert caught.value.where == LIMITS_FILE


def test_what_changes_between_limits_is_told_place_by_place() -> None:
    old, new = Limits(1, {"ngo": 2, "police": 5}), Limits(1, {"ngo": 3}, {"watch": 0})
    assert list(changed_limits(old, new)) == [
        "~ budget.yaml kinds.ngo: 2 → 3",
        "~ budget.yaml kinds.police: 5 → none",
        "~ budget.yaml organisations.watch: none → 0",
    ]
    assert "~ budget.yaml default: none → 1" in changed_limits(None, old)
    assert list(changed_limits(old, old)) == []


def test_limits_that_change_hold_from_the_next_question_on(tmp_path: Path) -> None:
    limits = [Limits(1)]
    budget = Budget(tmp_path / "budget.db", SECRET, lambda: limits[-1], Clock())
    spend(budget, "a")
    with pytest.raises(BudgetSpent):
        spend(budget, "b")
    limits.append(Limits(2))
    spend(budget, "b")
    assert used(budget) == 2
    budget.close()
