"""An operator, or whoever sits between, who changes what is answered: the page shows none of it and says so in red."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, Route, expect

from tests.console.desk import PATIENCE, Desk

START = "+84904058501"
OTHER_KEY = "graphsvc.local/log+b5a6b1f2+AYB76ilmdnUY4Z/EesdrkJCwU00AvTWM10TlmI/8NNRx"
Forge = Callable[[str], str]


def another_value(answer: str) -> str:
    assert '"swiftline"' in answer
    return answer.replace('"swiftline"', '"swiftlime"', 1)


def a_record_left_out(answer: str) -> str:
    envelope = json.loads(answer)
    envelope["data"]["search"][0]["records"].pop()
    return json.dumps(envelope, separators=(",", ":"), ensure_ascii=False)


def no_receipt(answer: str) -> str:
    envelope = json.loads(answer)
    del envelope["extensions"]["receipt"]
    return json.dumps(envelope, separators=(",", ":"), ensure_ascii=False)


def forge(page: Page, change: Forge) -> None:
    """From now on every answer to a search is changed on its way."""

    def change_it(route: Route) -> None:
        response = route.fetch()
        text = response.text()
        changed = change(text) if '"search":' in text else text
        route.fulfill(response=response, body=changed)

    page.route("**/graphql", change_it)


def refused(desk: Desk, code: str) -> None:
    """The red banner says it, nothing is shown, and it stays."""
    banner = desk.page.locator(".banner")
    expect(banner).to_contain_text("does not hold against its receipt", timeout=PATIENCE)
    expect(banner).to_contain_text(code)
    expect(desk.page.get_by_role("article")).to_have_count(0)
    desk.page.get_by_role("navigation").get_by_role("link", name="Help").click()
    expect(banner).to_be_visible()
    assert desk.faults() == []


@pytest.mark.parametrize(
    ("change", "code"),
    [(another_value, "altered_answer"), (a_record_left_out, "altered_answer"), (no_receipt, "bad_receipt")],
)
def test_a_changed_answer_is_not_shown(window: Callable[..., Desk], change: Forge, code: str) -> None:
    desk = window()
    desk.login()
    forge(desk.page, change)
    desk.investigate(START)
    refused(desk, code)


def test_a_good_receipt_of_another_answer_is_refused(window: Callable[..., Desk]) -> None:
    desk = window()
    desk.login()
    kept: list[str] = []

    def same_again(answer: str) -> str:
        kept.append(answer)
        return kept[0]

    forge(desk.page, same_again)
    desk.investigate(START)
    expect(desk.page.get_by_role("article").first).to_be_visible(timeout=PATIENCE)
    # The first answer, whole and with its own receipt, comes once more for another question.
    desk.search("+254712240912")
    refused(desk, "wrong_question")


def test_another_log_than_the_pinned_one_is_refused(window: Callable[..., Desk]) -> None:
    desk = window()
    desk.login()
    desk.investigate(START)
    expect(desk.page.get_by_role("article").first).to_be_visible(timeout=PATIENCE)
    pin = json.loads(desk.page.evaluate("localStorage.getItem('graphsvc.log')"))
    assert pin["size"] > 50
    desk.page.evaluate("(pin) => localStorage.setItem('graphsvc.log', pin)", json.dumps({**pin, "key": OTHER_KEY}))
    desk.search("+254712240912")
    refused(desk, "other_log")


def test_a_log_that_was_rewritten_is_refused(window: Callable[..., Desk]) -> None:
    desk = window()
    desk.login()
    desk.investigate(START)
    expect(desk.page.get_by_role("article").first).to_be_visible(timeout=PATIENCE)
    pin = json.loads(desk.page.evaluate("localStorage.getItem('graphsvc.log')"))
    forked = {**pin, "root": "A" * 43}
    desk.page.evaluate("(pin) => localStorage.setItem('graphsvc.log', pin)", json.dumps(forked))
    desk.search("+254712240912")
    refused(desk, "bad_consistency")
