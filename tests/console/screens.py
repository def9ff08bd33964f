"""``python -m tests.console.screens URL``: pictures of every screen of a demo that is being served, into docs/img.

Names of people and numbers on them are the demo's, which are invented.
"""

from __future__ import annotations

import sys
from pathlib import Path

import httpx2
from playwright.sync_api import expect, sync_playwright

from tests.console.desk import CHROMIUM, PATIENCE, Desk

IMAGES = Path(__file__).parents[2] / "docs" / "img"
START = "+84 904 058 501"
SELLER = "pasar:u3143470"


def write(url: str, folder: Path) -> None:
    """One picture a screen, in light; chart and outline in the dark as well."""
    identity = httpx2.get(f"{url}/session/login").headers["location"].partition("/authorize")[0]
    with sync_playwright() as run:
        browser = run.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for scheme in ("light", "dark"):
            desk = Desk.at(browser, url, identity, color_scheme=scheme)
            suffix = "" if scheme == "light" else "-dark"

            def picture(name: str, desk: Desk = desk, suffix: str = suffix) -> None:
                desk.page.wait_for_timeout(300)
                desk.page.screenshot(path=folder / f"console-{name}{suffix}.png")

            desk.login()
            desk.search(START)
            expect(desk.page.get_by_role("dialog").get_by_role("option").nth(1)).to_be_attached(timeout=PATIENCE)
            picture("footing")
            desk.state()
            expect(desk.page.get_by_role("article").first).to_be_visible(timeout=PATIENCE)
            picture("search")
            desk.page.get_by_role("link", name="Open chart").first.click()
            first = desk.drawn()
            drawer = desk.page.get_by_role("complementary", name="Evidence")
            drawer.get_by_role("button", name=SELLER).click()
            drawer.get_by_role("button", name="Expand").click()
            desk.drawn(first)
            desk.page.get_by_role("button", name="Fit").click()
            picture("chart")
            desk.page.get_by_role("tab", name="Outline").click()
            picture("outline")
            desk.page.get_by_role("navigation").get_by_role("link", name="Help").click()
            picture("help")
            desk.context.close()
        browser.close()


if __name__ == "__main__":
    write(sys.argv[1].rstrip("/"), IMAGES)
