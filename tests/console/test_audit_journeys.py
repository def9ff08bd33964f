"""What an officer checks at the console: the log's head, an entry, who saw what; and a log that shows two faces."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

from playwright.sync_api import Locator, expect

from tests.console.desk import PATIENCE, Desk

OFFICER = "dpo@pasar.example"
Window = Callable[..., Desk]


def at_audit(desk: Desk) -> Locator:
    """Log in as the officer and go to the log; returns the rows of who saw what, once they are there."""
    desk.login(OFFICER)
    desk.page.get_by_role("navigation").get_by_role("link", name="Audit").click()
    rows = desk.page.get_by_role("region", name="Who saw the records of pasar").locator("tbody tr")
    expect(rows.first).to_be_visible(timeout=PATIENCE)
    return rows


def pin_of(desk: Desk) -> dict[str, object]:
    pin: dict[str, object] = json.loads(desk.run("localStorage.getItem('graphsvc.log')"))
    return pin


def test_head_entry_and_who_saw_what_are_computed_here(window: Window) -> None:
    desk = window()
    rows = at_audit(desk)
    head = desk.page.get_by_role("region", name="The log's head")
    expect(head.get_by_role("status")).to_contain_text("✓")
    expect(rows.filter(has_text="police-ke").first).to_contain_text("NBI/WCU/2025/0417")
    desk.is_well()
    # The very entry by which somebody saw a record is in the log, by its tiles.
    button = rows.first.get_by_role("button")
    index = button.inner_text()
    button.click()
    entry = desk.page.get_by_role("region", name="One entry")
    expect(entry.get_by_role("status")).to_contain_text(f"entry {index}", timeout=PATIENCE)
    expect(entry.get_by_role("status")).to_contain_text(re.compile("read|told"))
    for number in ("0", str(pin_of(desk)["size"])):
        entry.get_by_role("textbox").fill(number)
        entry.get_by_role("button", name="Check").click()
        if number == "0":
            expect(entry.get_by_role("status")).to_contain_text("entry 0", timeout=PATIENCE)
    # What the log does not have yet is no fault of it.
    entry.get_by_role("textbox").fill("999999999")
    entry.get_by_role("button", name="Check").click()
    expect(entry.get_by_role("alert")).to_contain_text("no entry of that number", timeout=PATIENCE)
    expect(desk.page.locator(".banner")).to_have_count(0)
    # Later the log has only grown, and the page says from where.
    desk.page.reload()
    expect(head.get_by_role("status")).to_contain_text("extends that of", timeout=PATIENCE)
    desk.is_well()


def test_a_log_that_shows_this_device_another_face_is_refused(window: Window) -> None:
    desk = window()
    at_audit(desk)
    # What this device saw before is another tree: the operator shows it a log of its own.
    other = {**pin_of(desk), "root": "A" * 43}
    desk.run(f"localStorage.setItem('graphsvc.log', {json.dumps(json.dumps(other))})")
    desk.page.get_by_role("button", name="Look again").click()
    banner = desk.page.locator(".banner")
    expect(banner).to_contain_text(re.compile("fork|bad_consistency"), timeout=PATIENCE)
    expect(desk.page.get_by_role("region", name="The log's head")).to_have_count(0)
    assert desk.faults() == []


def test_an_entry_that_was_swapped_is_refused(window: Window) -> None:
    desk = window()
    at_audit(desk)

    def swapped(route: object) -> None:
        response = route.fetch()  # type: ignore[attr-defined]
        body = bytearray(response.body())
        body[60] ^= 1
        route.fulfill(response=response, body=bytes(body))  # type: ignore[attr-defined]

    desk.page.route("**/log/tile/entries/**", swapped)
    entry = desk.page.get_by_role("region", name="One entry")
    entry.get_by_role("textbox").fill("0")
    entry.get_by_role("button", name="Check").click()
    expect(desk.page.locator(".banner")).to_contain_text("bad_proof", timeout=PATIENCE)


def test_narrow_dark_and_in_arabic(window: Window) -> None:
    desk = window(color_scheme="dark", viewport={"width": 320, "height": 640})
    at_audit(desk)
    assert desk.run("document.documentElement.scrollWidth") <= 320
    desk.is_well()
    desk.page.get_by_role("combobox", name="Language").select_option("ar")
    expect(desk.page.get_by_role("heading", name="التدقيق")).to_be_visible()
    desk.is_well()
