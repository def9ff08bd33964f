"""A person at the console: a real browser on a real service, by what is on the page and nothing else."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, Page, Request, expect

CHROMIUM = "/usr/bin/chromium"
AXE = Path(__file__).parents[2] / "console" / "node_modules" / "axe-core" / "axe.min.js"
CASE, PURPOSE, BASIS = "NBI/WCU/2025/0417", "investigation", "mutual-assistance"
INVESTIGATOR = "wanjiru@police.example"
PATIENCE = 20_000
"""Milliseconds that the page has for an answer: two processors may be busy with other tests."""
_WATCH = """
window.violations = [];
document.addEventListener("securitypolicyviolation", (event) =>
  window.violations.push(`${event.effectiveDirective} ${event.blockedURI} ${event.sample}`));
window.forge = (text) => text;
const sent = window.fetch;
window.fetch = async (...asked) => {
  const answer = await sent(...asked);
  if (asked[0] !== "/graphql") return answer;
  return new Response(window.forge(await answer.text()), { status: answer.status, headers: answer.headers });
};
"""
"""Notes what the content security policy refuses, and lets a test stand between the page and its service."""


@dataclass
class Desk:
    """One browser window. ``strange`` are requests that left the origin, ``broken`` what the page complained of."""

    url: str
    identity: str
    context: BrowserContext
    page: Page
    strange: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)

    @classmethod
    def at(cls, browser: Browser, url: str, identity: str, **how: Any) -> Desk:
        """A new window; ``how`` are Playwright's settings of a context."""
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 800}, "locale": "en-GB", **how})
        context.set_default_timeout(PATIENCE)
        context.add_init_script(_WATCH)
        desk = cls(url, identity, context, context.new_page())
        desk.page.on("request", desk._note)
        desk.page.on("pageerror", lambda error: desk.broken.append(str(error)))
        return desk

    def run(self, script: str) -> Any:
        """What a script gives, in the page. By the debugger: the page itself runs no text, and is to stay so."""
        session = self.context.new_cdp_session(self.page)
        asked = {"expression": script, "awaitPromise": True, "returnByValue": True}
        answer = session.send("Runtime.evaluate", asked)
        session.detach()
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def forge(self, change: str) -> None:
        """From now on answers are changed on their way: by a function in JavaScript, from text to text."""
        self.run(f"window.forge = {change}")

    def _note(self, request: Request) -> None:
        origin = "{0.scheme}://{0.netloc}".format(urlsplit(request.url))
        leads_to_login = request.is_navigation_request() and origin == self.identity
        if origin != self.url and not leads_to_login:
            self.strange.append(origin)

    def login(self, person: str = INVESTIGATOR) -> None:
        """Log in by the page of the development provider."""
        self.page.goto(f"{self.url}/console")
        self.page.get_by_role("button", name="Log in").click()
        self.page.get_by_role("link", name=person).click()
        expect(self.page.get_by_role("heading", name="Search", level=1)).to_be_visible(timeout=PATIENCE)

    def state(self) -> None:
        """State purpose, legal basis and case in the dialog that is open."""
        dialog = self.page.get_by_role("dialog")
        dialog.get_by_label("Case").select_option(CASE)
        dialog.get_by_label("Purpose").select_option(PURPOSE)
        dialog.get_by_label("Legal basis").select_option(BASIS)
        dialog.get_by_role("button", name="State", exact=True).click()
        expect(dialog).to_be_hidden()

    def search(self, text: str) -> None:
        """Type something into the box and send it."""
        box = self.page.get_by_role("search").get_by_role("textbox")
        box.fill(text)
        box.press("Enter")

    def investigate(self, text: str) -> None:
        """Search with the footing stated: asked for by the page before the first question."""
        self.search(text)
        self.state()

    def chart(self, text: str) -> None:
        """From an identifier to its chart, drawn."""
        self.investigate(text)
        self.page.get_by_role("link", name="Open chart").first.click()
        self.drawn()

    def drawn(self, more_than: int = 1) -> int:
        """Wait until the chart is drawn with more than so many entities; returns how many."""
        until = time.monotonic() + PATIENCE / 1_000
        while time.monotonic() < until:
            canvas = self.page.locator(".canvas")
            if canvas.count() and (drawn := int(canvas.get_attribute("data-drawn") or 0)) > more_than:
                return drawn
            self.page.wait_for_timeout(50)
        raise AssertionError(f"no more than {more_than} entities are drawn")

    def draws(self, count: int) -> None:
        """Wait until exactly so many entities are drawn."""
        expect(self.page.locator(".canvas")).to_have_attribute("data-drawn", str(count), timeout=PATIENCE)

    def is_well(self) -> None:
        """Nothing left the origin, no policy was broken, the page threw nothing, and axe finds no fault."""
        assert not self.strange, self.strange
        assert not self.broken, self.broken
        assert self.run("window.violations") == []
        assert self.faults() == []

    def faults(self) -> list[str]:
        """What axe finds wrong on the page as it is."""
        self.run(AXE.read_text(encoding="utf-8") + ";0")
        found = self.run("axe.run(document, {resultTypes: ['violations']})")["violations"]
        return [f"{one['id']}: {node['html'][:160]}" for one in found for node in one["nodes"]]
