"""What an analyst does with rings at the console: find, read, judge with a key that the browser keeps, search anew."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Locator, expect

from tests.console.desk import BASIS, CASE, PATIENCE, Desk
from tests.paths.process import environment

ANALYST = "otieno@police.example"
PURPOSE = "analysis"
LONG = 60_000
"""Milliseconds that a search may take."""
Window = Callable[..., Desk]
NO_RECEIPT = """(text) => {
  const answer = JSON.parse(text);
  if (!answer.data.annotateRing) return text;
  delete answer.extensions.receipt;
  return JSON.stringify(answer);
}"""
ONE_MORE = """(text) => text.replace(/"records":(\\d+)/, (_, count) => `"records":${Number(count) + 1}`)"""
EXPORTED = """new Promise((resolve, reject) => {
  const opening = indexedDB.open("graphsvc.keys");
  opening.onerror = () => reject(opening.error);
  opening.onsuccess = () => {
    const all = opening.result.transaction("keys").objectStore("keys").getAll();
    all.onsuccess = async () => {
      const told = [];
      for (const pair of all.result) {
        for (const form of ["pkcs8", "jwk"]) {
          told.push(await crypto.subtle.exportKey(form, pair.privateKey).then(() => "exported", (error) => error.name));
        }
      }
      resolve(told);
    };
  };
})"""


def at_rings(desk: Desk, person: str = ANALYST) -> None:
    """Log in and go to the rings, with the footing stated."""
    desk.login(person)
    to_rings(desk)


def to_rings(desk: Desk) -> None:
    """Go to the rings, and state the footing that is asked for there."""
    desk.page.get_by_role("navigation").get_by_role("link", name="Rings").click()
    dialog = desk.page.get_by_role("dialog")
    dialog.get_by_label("Case").select_option(CASE)
    dialog.get_by_label("Purpose").select_option(PURPOSE)
    dialog.get_by_label("Legal basis").select_option(BASIS)
    dialog.get_by_role("button", name="State", exact=True).click()


def ranked(desk: Desk) -> Locator:
    """The rows of the ranked list, once it is there."""
    rows = desk.page.get_by_role("region", name="Rings").locator("tbody tr")
    expect(rows.first).to_be_visible(timeout=PATIENCE)
    return rows


def open_ring(desk: Desk, row: Locator) -> None:
    row.get_by_role("link").click()
    expect(desk.page.get_by_role("heading", name="Why")).to_be_visible(timeout=PATIENCE)


def profile_at(desk: Desk, organisation: Path, folder: Path) -> Path:
    """The analyst's profile of the demo, at the service where it is served now."""
    said = json.loads((organisation / "analyst.json").read_text())
    there = {name: str(organisation / said[name]) for name in ("trust", "secretFile", "signingKey")}
    moved = {**said, **there, "url": desk.url, "tokenEndpoint": f"{desk.identity}/token"}
    path = folder / "profile.json"
    path.write_text(json.dumps(moved))
    return path


def graphsvc(folder: Path, *said: str) -> None:
    command = [sys.executable, "-m", "graphsvc", *said]
    done = subprocess.run(command, cwd=folder, env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_from_the_ranked_list_to_what_a_ring_rests_on(window: Window) -> None:
    desk = window()
    at_rings(desk)
    rows = ranked(desk)
    count = rows.count()
    assert count >= 2 and rows.first.get_by_role("rowheader").inner_text() == "Ring 1"
    desk.is_well()
    # Filters narrow the list, each by what the API takes.
    desk.page.get_by_label("Tag", exact=True).select_option("household")
    expect(desk.page.get_by_text("rings listed")).not_to_have_text(f"{count} rings listed", timeout=PATIENCE)
    assert all("household" in text for text in desk.page.locator("tbody tr").all_inner_texts())
    desk.page.get_by_label("Tag", exact=True).select_option("")
    desk.page.get_by_label("Significant", exact=True).select_option("yes")
    expect(rows.first).to_contain_text("significant", timeout=PATIENCE)
    desk.page.get_by_label("With records of").select_option("pasar")
    expect(rows.first).to_contain_text("pasar", timeout=PATIENCE)
    open_ring(desk, rows.first)
    # Every line says which records it rests on: whose they are, and under which code.
    for name in ("What it rests on", "Core"):
        expect(desk.page.get_by_role("heading", name=name)).to_be_visible()
    lines = desk.page.locator("details.sources")
    assert lines.count() > 5
    for line in lines.all():
        said = line.locator("summary")
        assert said.locator("strong").count(), "a line without records"
        assert said.locator(".chip").count() or said.get_by_text("code in the record").count()
    lines.first.locator("summary").click()
    expect(lines.first.locator("li").first).to_contain_text("grad")
    expect(desk.page.get_by_role("banner")).to_contain_text("TLP:")
    assert desk.page.locator("meter").count() >= 3
    desk.is_well()


def test_a_ring_is_judged_with_a_key_that_never_leaves_the_browser(
    window: Window, demo_data: Path, tmp_path: Path
) -> None:
    desk = window(accept_downloads=True)
    at_rings(desk)
    desk.page.get_by_label("Verdict", exact=True).select_option("open")
    expect(desk.page.locator("tbody tr").first).to_contain_text("open", timeout=PATIENCE)
    open_ring(desk, ranked(desk).first)
    judged = desk.page.get_by_role("region", name="What was judged")
    note = "Same crew as in March: «نفس»"
    judged.get_by_role("textbox").fill(note)
    # 1. Without a key all is readable, and the act says what is missing.
    judged.get_by_role("button", name="Accept").click()
    dialog = desk.page.get_by_role("dialog")
    expect(dialog).to_contain_text("A signing key is missing here")
    expect(dialog).to_contain_text("I accept ring")
    expect(dialog).to_contain_text(note)
    expect(dialog.get_by_role("button", name="Sign and send")).to_be_disabled()
    desk.is_well()
    # 2. A key that is not enrolled signs nothing that counts.
    dialog.get_by_role("button", name="Make a key").click()
    dialog.get_by_role("button", name="Sign and send").click()
    expect(dialog.get_by_role("alert")).to_contain_text("key in force", timeout=PATIENCE)
    desk.is_well()
    # 3. The officer enrols it, as the page says.
    with desk.page.expect_download() as coming:
        dialog.get_by_role("button", name="Save the enrolment request").click()
    coming.value.save_as(tmp_path / "request.json")
    organisation = demo_data / "demo" / "organisations" / "police-ke"
    profile = str(profile_at(desk, organisation, tmp_path))
    root = str(organisation / "root.pem")
    enrolling = ("request.json", "--root", root, "--role", "analyst", "--profile", profile, "--out", "key.jws")
    graphsvc(tmp_path, "keys", "enrol", *enrolling)
    graphsvc(tmp_path, "keys", "send", "key.jws", "--profile", profile)
    # 4. The same act, sent again, counts.
    dialog.get_by_role("button", name="Sign and send").click()
    expect(dialog).to_be_hidden(timeout=PATIENCE)
    expect(judged.get_by_role("listitem")).to_contain_text(note, timeout=PATIENCE)
    expect(judged.get_by_role("listitem")).to_contain_text(ANALYST)
    expect(judged.get_by_role("button", name="Reopen")).to_be_visible()
    assert set(desk.run(EXPORTED)) == {"InvalidAccessError"}, "nobody reads the key"
    assert set(desk.run("Object.keys(localStorage)")) == {"graphsvc.log"}
    desk.is_well()
    # 5. It is there after the page was left, and an answer that proves no act is none.
    desk.page.goto(f"{desk.url}/console/key")
    expect(desk.page.get_by_text("The key of this device")).to_be_visible(timeout=PATIENCE)
    desk.is_well()
    to_rings(desk)
    open_ring(desk, ranked(desk).first)
    judged.get_by_role("textbox").fill("Seen.")
    judged.get_by_role("button", name="Annotate").click()
    desk.forge(NO_RECEIPT)
    dialog.get_by_role("button", name="Sign and send").click()
    expect(desk.page.locator(".banner")).to_contain_text("bad_receipt", timeout=PATIENCE)


def test_a_search_is_started_watched_and_cancelled(window: Window, demo_data: Path) -> None:
    desk = window()
    at_rings(desk)
    ranked(desk)
    key = demo_data / "demo" / "organisations" / "police-ke" / "analyst.pem"
    desk.page.get_by_text("Start a search").click()
    dialog = desk.page.get_by_role("dialog")
    for first in (True, False):
        desk.page.get_by_role("button", name="Search…").click()
        expect(dialog).to_contain_text("Search for rings in all that I may analyse")
        if first:
            with desk.page.expect_file_chooser() as choosing:
                dialog.get_by_role("button", name="Choose a key file").click()
            choosing.value.set_files(key)
        dialog.get_by_role("button", name="Sign and send").click()
        expect(dialog).to_be_hidden(timeout=PATIENCE)
    expect(desk.page.locator("progress").first).to_be_visible(timeout=PATIENCE)
    desk.is_well()
    # The second waits for the first: it is cancelled before it begins.
    desk.page.get_by_role("button", name="Cancel the search").first.click()
    dialog.get_by_role("button", name="Sign and send").click()
    expect(dialog).to_be_hidden(timeout=PATIENCE)
    expect(desk.page.get_by_text("Searches that failed or were cancelled (1)")).to_be_visible(timeout=LONG)
    expect(desk.page.locator("progress")).to_have_count(0, timeout=LONG)
    expect(desk.page.get_by_label("Search", exact=True).locator("option")).to_have_count(3)
    # The newest is shown, and a ring's page says how it changed.
    open_ring(desk, ranked(desk).first)
    expect(desk.page.get_by_text("accounts then")).to_be_visible()
    desk.is_well()


def test_who_is_no_analyst_is_told_so(window: Window) -> None:
    desk = window()
    at_rings(desk, "wanjiru@police.example")
    expect(desk.page.get_by_role("alert")).to_contain_text("denied", timeout=PATIENCE)
    desk.is_well()


def test_a_changed_list_of_rings_is_not_shown(window: Window) -> None:
    desk = window()
    desk.login(ANALYST)
    desk.forge(ONE_MORE)
    to_rings(desk)
    expect(desk.page.locator(".banner")).to_contain_text("altered_answer", timeout=PATIENCE)
    expect(desk.page.locator("tbody tr")).to_have_count(0)


def test_in_the_dark_on_a_narrow_screen_and_in_arabic(window: Window) -> None:
    desk = window(color_scheme="dark", viewport={"width": 320, "height": 640})
    at_rings(desk)
    ranked(desk)
    for step in ("list", "arabic", "ring", "sign"):
        if step == "arabic":
            desk.page.get_by_role("combobox", name="Language").select_option("ar")
            assert desk.run("document.documentElement.dir") == "rtl"
        if step == "ring":
            desk.page.locator("tbody tr").first.get_by_role("link").click()
            expect(desk.page.get_by_role("heading", name="لماذا")).to_be_visible(timeout=PATIENCE)
        if step == "sign":
            desk.page.locator("textarea").fill("x")
            desk.page.locator("section textarea ~ .row button").last.click()
            expect(desk.page.get_by_role("dialog")).to_be_visible()
        assert desk.run("document.documentElement.scrollWidth") <= 320, step
        desk.is_well()
