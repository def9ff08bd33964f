"""What an investigator does at the console, from logging in to a path between two, in a real browser."""

from __future__ import annotations

import re
from collections.abc import Callable

from playwright.sync_api import expect

from tests.console.conftest import WITHHELD
from tests.console.desk import CASE, PATIENCE, Desk

START = "+84 904 058 501"
"""The phone on the seized parcel, as somebody would write it."""
ABSENT = "+86 138 2174 0239"
Window = Callable[..., Desk]


def test_nobody_is_shown_anything_before_logging_in(window: Window) -> None:
    desk = window()
    desk.page.goto(f"{desk.url}/console/chart/whatever")
    expect(desk.page.get_by_role("button", name="Log in")).to_be_visible()
    desk.is_well()


def test_from_an_identifier_to_what_own_and_other_records_say(window: Window) -> None:
    desk = window()
    desk.login()
    desk.is_well()
    desk.search(START)
    desk.page.get_by_role("dialog").wait_for()
    desk.is_well()
    desk.state()
    expect(desk.page.get_by_role("heading", name="With records of your own")).to_be_visible(timeout=PATIENCE)
    card = desk.page.get_by_role("article").first
    expect(card).to_contain_text("+84904058501")
    expect(card).to_contain_text("withheld by swiftline, rule swiftline-personal")
    expect(desk.page.get_by_role("banner")).to_contain_text("TLP:AMBER")
    expect(desk.page.get_by_role("banner")).to_contain_text(CASE)
    expect(desk.page.get_by_role("banner")).to_contain_text("answers checked")
    desk.is_well()
    # Nothing of the person asked for is in the address, the title or what the browser keeps.
    kept = desk.run("JSON.stringify([location.href, document.title, {...localStorage}, {...sessionStorage}])")
    assert "904058501" not in re.sub(r"\s", "", kept) and "904 058 501" not in kept and "wanjiru" not in kept
    assert set(desk.run("Object.keys(localStorage)")) == {"graphsvc.log"}
    assert all(cookie["httpOnly"] for cookie in desk.context.cookies(desk.url))


def test_a_hit_no_hit_and_not_asked_are_three_things(window: Window) -> None:
    desk = window()
    desk.login()
    desk.investigate(WITHHELD)
    mark = desk.page.locator(".mark")
    expect(mark).to_contain_text("HIT", timeout=PATIENCE)
    expect(mark).to_contain_text("China Customs, Pingxiang")
    expect(desk.page.get_by_role("article")).to_have_count(0)
    assert "Console One" not in desk.page.content() and "CONSOLE-1" not in desk.page.content()
    desk.is_well()
    desk.search(ABSENT)
    expect(mark).to_contain_text("NO HIT", timeout=PATIENCE)
    desk.is_well()


def test_without_a_footing_only_own_records_are_asked(window: Window) -> None:
    desk = window()
    desk.login()
    desk.search(START)
    desk.page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    desk.page.get_by_role("button", name="Ask own records only").click()
    expect(desk.page.locator(".mark")).to_contain_text("NOT ASKED", timeout=PATIENCE)
    expect(desk.page.locator(".mark")).to_contain_text("no_footing")
    owners = desk.page.locator(".record strong").all_inner_texts()
    assert set(owners) == {"police-ke"}, owners
    desk.is_well()


def test_a_chart_grows_and_what_was_there_stays(window: Window) -> None:
    desk = window()
    desk.login()
    desk.chart(START)
    first = desk.drawn()
    desk.is_well()
    assert re.fullmatch(rf"{re.escape(desk.url)}/console/chart/[\w-]+", desk.page.url), (
        "an address holds a handle alone"
    )
    drawer = desk.page.get_by_role("complementary", name="Evidence")
    drawer.get_by_role("button", name="pasar:u3143470").first.click()
    expect(drawer.get_by_role("heading", level=2)).to_contain_text("pasar:u3143470")
    drawer.get_by_role("button", name="Expand").click()
    more = desk.drawn(first)
    desk.page.get_by_role("button", name="Undo").click()
    desk.draws(first)
    desk.page.keyboard.press("Control+Shift+Z")
    desk.draws(more)
    drawer.get_by_role("button", name="Hide").click()
    desk.draws(more - 1)
    expect(desk.page.get_by_role("button", name="Show 1 hidden")).to_be_visible()
    desk.is_well()


def test_the_outline_does_all_of_it_by_keyboard_alone(window: Window) -> None:
    desk = window()
    desk.login()
    desk.chart(START)
    first, keys = desk.drawn(), desk.page.keyboard
    keys.press("t")
    tree = desk.page.get_by_role("treegrid")
    expect(tree.get_by_role("row").first).to_be_visible()
    rows = tree.get_by_role("row").count()
    assert rows - tree.get_by_text("stands in full elsewhere").count() == first
    desk.page.get_by_role("tab", name="Outline").focus()
    for _ in range(4):
        keys.press("Tab")
        if desk.run("document.activeElement?.closest('[role=treegrid]') !== null"):
            break
    keys.press("Home")
    keys.press("p")
    expect(desk.page.get_by_text("choose the other end")).to_be_visible()
    seller = tree.get_by_role("row", name="pasar:u3143470").first
    for _ in range(rows):
        keys.press("ArrowDown")
        if seller.get_attribute("aria-selected") == "true":
            break
    keys.press("e")
    expect(tree.get_by_role("row").nth(rows)).to_be_attached(timeout=PATIENCE)
    desk.is_well()
    keys.press("p")
    paths = desk.page.get_by_role("region", name="Path 1")
    expect(paths).to_be_visible(timeout=PATIENCE)
    expect(paths).to_contain_text("uses")
    expect(paths).to_contain_text("pasar")
    desk.is_well()
    paths.get_by_role("button", name="Show on the chart").press("Enter")
    expect(tree.get_by_text("on the path").first).to_be_visible()


def test_signing_out_ends_it(window: Window) -> None:
    desk = window()
    desk.login()
    desk.page.get_by_role("button", name="Sign out").click()
    expect(desk.page.get_by_role("button", name="Log in")).to_be_visible()
    assert desk.run("fetch('/session').then((answer) => answer.status)") == 401
    # The device still knows the log: the next person's answers are held against the same one.
    desk.login("otieno@police.example")
    expect(desk.page.get_by_role("banner")).to_contain_text("otieno@police.example")


def test_in_the_dark_and_on_a_narrow_screen_nothing_is_lost(window: Window) -> None:
    desk = window(color_scheme="dark", viewport={"width": 320, "height": 640})
    desk.login()
    desk.chart(START)
    for screen in ("search", "chart", "help"):
        desk.page.get_by_role("navigation").get_by_role("link", name=screen.title()).click()
        expect(desk.page.get_by_role("heading", level=1)).to_be_attached()
        assert desk.run("document.documentElement.scrollWidth") <= 320, screen
        desk.is_well()


def test_in_arabic_it_reads_from_the_right(window: Window) -> None:
    desk = window(locale="ar")
    desk.page.goto(f"{desk.url}/console")
    assert desk.run("document.documentElement.dir") == "rtl"
    desk.page.get_by_role("button", name="تسجيل الدخول").click()
    desk.page.get_by_role("link", name="wanjiru@police.example").click()
    expect(desk.page.get_by_role("heading", name="بحث")).to_be_visible()
    left = desk.page.get_by_role("navigation").bounding_box()
    assert left is not None and left["x"] > 640, "the navigation is on the right"
    desk.is_well()
