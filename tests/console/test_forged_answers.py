"""An operator, or whoever sits between, who changes what is answered: the page shows none of it and says so in red."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.console.desk import PATIENCE, Desk

START = "+84904058501"
OTHER_KEY = "graphsvc.local/log+b5a6b1f2+AYB76ilmdnUY4Z/EesdrkJCwU00AvTWM10TlmI/8NNRx"
ANOTHER_VALUE = """(text) => text.replace('"owner":"swiftline"', '"owner":"swiftlime"')"""
LEFT_OUT = """(text) => {
  const answer = JSON.parse(text);
  if (!answer.data.search) return text;
  answer.data.search[0].records.pop();
  return JSON.stringify(answer);
}"""
NO_RECEIPT = """(text) => {
  const answer = JSON.parse(text);
  if (!answer.data.search) return text;
  delete answer.extensions.receipt;
  return JSON.stringify(answer);
}"""
SAME_AGAIN = """(text) => {
  if (!text.includes('"search":')) return text;
  window.first ??= text;
  return window.first;
}"""


def pin_as(desk: Desk, pin: dict[str, object]) -> None:
    """The log as this device shall have pinned it."""
    desk.run(f"localStorage.setItem('graphsvc.log', {json.dumps(json.dumps(pin))})")


def refused(desk: Desk, code: str) -> None:
    """The red banner says it, nothing is shown, and it stays."""
    banner = desk.page.locator(".banner")
    expect(banner).to_contain_text("does not hold against its receipt", timeout=PATIENCE)
    expect(banner).to_contain_text(code)
    expect(desk.page.get_by_role("article")).to_have_count(0)
    desk.page.get_by_role("navigation").get_by_role("link", name="Help").click()
    expect(desk.page.get_by_role("heading", level=1)).to_be_visible()
    expect(banner).to_be_visible()
    assert desk.faults() == []


@pytest.mark.parametrize(
    ("change", "code"), [(ANOTHER_VALUE, "altered_answer"), (LEFT_OUT, "altered_answer"), (NO_RECEIPT, "bad_receipt")]
)
def test_a_changed_answer_is_not_shown(window: Callable[..., Desk], change: str, code: str) -> None:
    desk = window()
    desk.login()
    desk.forge(change)
    desk.investigate(START)
    refused(desk, code)


def test_a_good_receipt_of_another_answer_is_refused(window: Callable[..., Desk]) -> None:
    desk = window()
    desk.login()
    desk.forge(SAME_AGAIN)
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
    pin = json.loads(desk.run("localStorage.getItem('graphsvc.log')"))
    assert pin["size"] > 50
    pin_as(desk, {**pin, "key": OTHER_KEY})
    desk.search("+254712240912")
    refused(desk, "other_log")


def test_a_log_that_was_rewritten_is_refused(window: Callable[..., Desk]) -> None:
    desk = window()
    desk.login()
    desk.investigate(START)
    expect(desk.page.get_by_role("article").first).to_be_visible(timeout=PATIENCE)
    pin = json.loads(desk.run("localStorage.getItem('graphsvc.log')"))
    forked = {**pin, "root": "A" * 43}
    pin_as(desk, forked)
    desk.search("+254712240912")
    refused(desk, "bad_consistency")
