"""Slugs: one rule for the names of organisations, sharing groups and rules of retention, wherever they come in."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from graphsvc.client.keys import SigningKey
from graphsvc.ledger.log import Ledger
from graphsvc.lifecycle.retention import Rule
from graphsvc.members.http import _FORMS
from graphsvc.model.errors import InvalidInput
from graphsvc.model.principals import Organisation
from graphsvc.model.slugs import PATTERN, SLUG, Slug
from graphsvc.policy.rules import owner_of
from graphsvc.wire.sharing import InviteToGroup

GOOD = ("abc", "a-1", "police-ke", "x23", "a" * 40)
BAD = (
    *("", "ab", "a" * 41, "1bc", "-bc", "abc-", "Abc", "a_c", "a.c", "a c", " abc", "abc ", "abc\n", "\nabc"),
    *("abç", "аbc", "a/c", "a\0c", "٣bc", "ab٣"),
)


def holds(made: Callable[[str], object]) -> Callable[[str], bool]:
    def check(name: str) -> bool:
        try:
            made(name)
        except (msgspec.ValidationError, InvalidInput):
            return False
        return True

    return check


TAKERS: dict[str, Callable[[str], bool]] = {
    "the pattern": lambda name: SLUG.fullmatch(name) is not None,
    "a typed member": holds(lambda name: msgspec.convert(name, Slug)),
    "an act": holds(lambda name: msgspec.convert({"org": name}, InviteToGroup)),
    "a rule of retention": holds(lambda name: msgspec.convert({"id": name, "maxAgeDays": 1}, Rule)),
    "an owner's file of policies": lambda name: owner_of(f"orgs/{name}.cedar") == name != "",
    "an admission": lambda name: _FORMS["org"].fullmatch(name) is not None,
}


@pytest.mark.parametrize("taker", TAKERS)
def test_a_slug_is_the_same_everywhere(taker: str) -> None:
    assert [name for name in GOOD if not TAKERS[taker](name)] == []
    assert [name for name in BAD if TAKERS[taker](name)] == []


def test_the_ledger_admits_nobody_under_another_name(tmp_path: Path) -> None:
    ledger = Ledger.open(tmp_path, "slugs.test/log")
    key = SigningKey.new().public
    for name in BAD:
        with pytest.raises(InvalidInput, match="slug"):
            ledger.admit(Organisation(name, "company", "ID", "X"), key, "operator")
    assert ledger.organisations() == {}
    ledger.close()


def test_the_rule_is_spelled_out_once() -> None:
    """No other file says letters, then letters, digits and hyphens, for a name of its own."""
    spelled = re.compile(r"\[a-z\](?:\(\?:)?\[a-z0-9-\]")
    assert spelled.search(PATTERN)
    package = Path(__file__).parents[2] / "graphsvc"
    found = {path.relative_to(package).as_posix() for path in package.rglob("*.py") if spelled.search(path.read_text())}
    assert found == {"model/slugs.py"}
