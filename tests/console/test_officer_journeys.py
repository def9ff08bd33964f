"""Asking and deciding at the console: an investigator's request, an officer's decision, side by side in two windows."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Locator, expect

from graphsvc.model.product import product_data
from tests.console.conftest import ASKED
from tests.console.desk import CASE, PATIENCE, Desk
from tests.paths.process import environment

OFFICER, COURIER, MARKET = "dpo@customs.example", "dpo@swiftline.example", "dpo@pasar.example"
START = "+84 904 058 501"
SELLER = "maoshi:old.tusk.studio"
WHY = "Called from a phone on a seized parcel."
ANOTHER_STATE = """(text) => text.replaceAll('"state":"revoked"', '"state":"granted"')"""
RULE = """
// Nobody but customs takes our records out of the service.
@id("pasar-export")
forbid (principal, action == Action::"export", resource)
unless { principal.org == "pasar" || principal.kind == "customs" };
"""
LONG = 120_000
"""Milliseconds that comparing all decisions may take."""
Window = Callable[..., Desk]


def key_of(data: Path, organisation: str, role: str) -> Path:
    return data / "demo" / "organisations" / organisation / f"{role}.pem"


def sign(desk: Desk, key: Path | None = None) -> None:
    """Sign what the dialog shows; with a key file where the page has none yet."""
    dialog = desk.page.get_by_role("dialog")
    if key is not None:
        with desk.page.expect_file_chooser() as choosing:
            dialog.get_by_role("button", name="Choose a key file").press("Enter")
        choosing.value.set_files(key)
    dialog.get_by_role("button", name="Sign and send").press("Enter")
    expect(dialog).to_be_hidden(timeout=PATIENCE)


def ask(desk: Desk, groups: tuple[str, ...], key: Path | None) -> str:
    """Fill the form that is open, sign it, and go to the request; returns its address."""
    dialog = desk.page.get_by_role("dialog")
    for group in groups:
        box = dialog.get_by_label(group, exact=True)
        if not box.is_checked():
            box.press("Space")
    dialog.get_by_label("Urgency").select_option("urgent")
    dialog.get_by_label("Justification").fill(WHY)
    desk.is_well()
    dialog.get_by_role("button", name="Request…").press("Enter")
    expect(dialog).to_contain_text("Sign this?", timeout=PATIENCE)
    expect(dialog).to_contain_text(WHY)
    desk.is_well()
    sign(desk, key)
    desk.page.get_by_role("link", name="Follow it").press("Enter")
    expect(desk.page.get_by_role("region", name="What is asked")).to_contain_text("due in 1", timeout=PATIENCE)
    return desk.page.url


def to_requests(desk: Desk) -> None:
    desk.page.get_by_role("navigation").get_by_role("link", name="Requests").press("Enter")


def received(desk: Desk, asker: str) -> Locator:
    """Go to the newest request that came in from an organisation; returns what is said of it."""
    to_requests(desk)
    listed = desk.page.get_by_role("region", name="Received").first
    expect(listed.get_by_role("link").first).to_contain_text(asker, timeout=PATIENCE)
    desk.is_well()
    listed.get_by_role("link").first.press("Enter")
    said = desk.page.get_by_role("region", name="What is asked")
    expect(said).to_be_visible(timeout=PATIENCE)
    return said


def search_until_shown(desk: Desk, text: str) -> None:
    """Search until something is shown: what was granted is there once the graph has it."""
    for _ in range(20):
        desk.search(text)
        desk.page.wait_for_timeout(1_000)
        if desk.page.get_by_role("article").count():
            return


def names_on(desk: Desk) -> set[str]:
    """The entities of the chart, as its outline names them."""
    desk.drawn()
    desk.page.get_by_role("tab", name="Outline").click()
    rows = desk.page.get_by_role("treegrid").get_by_role("row")
    expect(rows.first).to_be_visible()
    return {one.split("\n")[0] for one in rows.locator(".key").all_inner_texts()}


def check_told(police: Desk, address: str, foreseen: set[str]) -> None:
    """The investigator is told of the grant, and sees what the preview showed and no more."""
    to_requests(police)
    police.page.get_by_role("link", name="customs-cn, entry").first.press("Enter")
    expect(police.page.get_by_role("region", name="What is asked")).to_contain_text("partly granted", timeout=PATIENCE)
    expect(police.page.get_by_role("main")).to_contain_text("For this case only.")
    assert police.page.url == address
    police.is_well()
    police.page.get_by_role("navigation").get_by_role("link", name="Search").press("Enter")
    search_until_shown(police, ASKED)
    expect(police.page.get_by_role("article").first).to_contain_text("customs-cn", timeout=PATIENCE)
    police.page.get_by_role("link", name="Open chart").first.press("Enter")
    assert names_on(police) == foreseen
    assert "Console Two" not in police.page.content()


def test_asked_previewed_granted_in_part_seen_and_revoked(window: Window, demo_data: Path) -> None:
    police, customs = window(), window()
    police.login()
    customs.login(OFFICER)
    # 1. A hit says whom to ask, and asks it.
    police.investigate(ASKED)
    expect(police.page.locator(".mark.hit")).to_contain_text("China Customs", timeout=PATIENCE)
    police.page.get_by_role("button", name="Request disclosure").press("Enter")
    address = ask(police, ("Identity", "Personal"), key_of(demo_data, "police-ke", "investigator"))
    kept = police.run("JSON.stringify([location.href, document.title, {...localStorage}, {...sessionStorage}])")
    assert "13792190462" not in kept and "wanjiru" not in kept and CASE not in kept
    police.is_well()
    # 2. The officer sees what is asked, which records it means, and what the other side would see of them.
    said = received(customs, "police-ke")
    expect(said).to_contain_text(WHY)
    expect(said).to_contain_text("urgent")
    expect(customs.page.get_by_role("region", name="Your records that it means (1)")).to_contain_text("Console Two")
    expect(customs.page.get_by_role("banner")).to_contain_text("TLP:AMBER+STRICT")
    decide = customs.page.get_by_role("region", name="Decide")
    preview = customs.page.get_by_role("region", name="What police-ke will see")
    expect(preview).to_contain_text("Console Two", timeout=PATIENCE)
    customs.is_well()
    decide.get_by_label("Personal", exact=True).press("Space")
    expect(preview).not_to_contain_text("Console Two", timeout=PATIENCE)
    expect(preview).to_contain_text("Personal: withheld by customs-cn")
    expect(preview).to_contain_text("uses")
    foreseen = set(preview.locator(".key").all_inner_texts())
    assert len(foreseen) == 2, foreseen
    customs.is_well()
    # 3. Nothing is granted where nothing is ticked; then a part, on terms.
    box = decide.get_by_label("Identity", exact=True)
    box.press("Space")
    expect(preview).to_contain_text("Nothing: tick")
    expect(decide.get_by_role("button", name="Grant…")).to_be_disabled()
    box.press("Space")
    decide.get_by_label("Conditions").fill("For this case only.")
    decide.get_by_role("button", name="Grant…").press("Enter")
    expect(customs.page.get_by_role("dialog")).to_contain_text("I grant, of 1 of our records: Identity")
    customs.is_well()
    sign(customs, key_of(demo_data, "customs-cn", "officer"))
    expect(said).to_contain_text("partly granted", timeout=PATIENCE)
    # 4. The investigator is told, and sees what the preview showed and no more.
    check_told(police, address, foreseen)
    # 5. The grant ends at once.
    customs.page.get_by_label("Reason, question").fill("The case was handed over.")
    customs.page.get_by_role("button", name="Revoke the grant…").press("Enter")
    sign(customs)
    expect(said).to_contain_text("revoked", timeout=PATIENCE)
    police.page.get_by_role("navigation").get_by_role("link", name="Search").press("Enter")
    police.search(ASKED)
    expect(police.page.locator(".mark.hit")).to_be_visible(timeout=PATIENCE)
    expect(police.page.get_by_role("article")).to_have_count(0)


def test_what_is_withheld_of_a_record_is_asked_for_asked_back_answered_and_refused(
    window: Window, demo_data: Path
) -> None:
    police, courier = window(), window()
    police.login()
    courier.login(COURIER)
    police.chart(START)
    # 1. From the evidence of a chart: the groups that are withheld are ticked.
    drawer = police.page.get_by_role("complementary", name="Evidence")
    drawer.get_by_role("button", name="Request disclosure from swiftline").press("Enter")
    expect(police.page.get_by_role("dialog").get_by_label("Personal", exact=True)).to_be_checked()
    ask(police, (), key_of(demo_data, "police-ke", "investigator"))
    summary = police.page.get_by_role("region", name="What is asked")
    expect(summary).to_contain_text("records that I see in part")
    # 2. The courier asks back, the police answer, the courier refuses: each with its words.
    said = received(courier, "police-ke")
    text = "Reason, question"
    expect(courier.page.get_by_role("button", name="Ask back…")).to_be_disabled()
    courier.page.get_by_label(text).fill("Which parcel is it?")
    courier.page.get_by_role("button", name="Ask back…").press("Enter")
    sign(courier, key_of(demo_data, "swiftline", "officer"))
    expect(said).to_contain_text("asked back", timeout=PATIENCE)
    # What is decided about a request that has changed meanwhile is refused.
    police.page.get_by_label(text).fill("Never mind")
    police.page.get_by_role("button", name="Remind…").press("Enter")
    dialog = police.page.get_by_role("dialog")
    dialog.get_by_role("button", name="Sign and send").press("Enter")
    expect(dialog.get_by_role("alert")).to_be_visible(timeout=PATIENCE)
    dialog.get_by_role("button", name="Cancel").press("Enter")
    to_requests(police)
    police.page.get_by_role("link", name="swiftline, entry").first.press("Enter")
    expect(summary).to_contain_text("Which parcel is it?", timeout=PATIENCE)
    police.page.get_by_label(text).fill("The one that was seized.")
    police.page.get_by_role("button", name="Answer…").press("Enter")
    sign(police)
    expect(summary).to_contain_text("open", timeout=PATIENCE)
    received(courier, "police-ke")
    expect(courier.page.get_by_text("The one that was seized.")).to_be_visible(timeout=PATIENCE)
    courier.page.get_by_label(text).fill("Ask with an order of a court.")
    courier.page.get_by_role("button", name="Refuse…").press("Enter")
    sign(courier)
    expect(said).to_contain_text("refused", timeout=PATIENCE)
    expect(courier.page.get_by_role("region", name="What you may do")).to_have_count(0)
    courier.is_well()


def test_lists_are_narrowed_and_a_changed_one_is_not_shown(window: Window) -> None:
    customs = window()
    customs.login(OFFICER)
    to_requests(customs)
    came = customs.page.get_by_role("region", name="Received").first
    expect(came.locator("tbody tr").first).to_be_visible(timeout=PATIENCE)
    customs.page.get_by_label("State", exact=True).select_option("refused")
    expect(came).to_contain_text("None.", timeout=PATIENCE)
    customs.page.get_by_label("State", exact=True).select_option("")
    customs.page.get_by_label("For", exact=True).select_option("preservation")
    expect(came).to_contain_text("None.", timeout=PATIENCE)
    customs.is_well()
    customs.forge(ANOTHER_STATE)
    customs.page.get_by_label("State", exact=True).select_option("revoked")
    customs.page.get_by_label("For", exact=True).select_option("disclosure")
    expect(customs.page.locator(".banner")).to_contain_text("altered_answer", timeout=PATIENCE)
    expect(customs.page.locator("tbody tr")).to_have_count(0)


def test_a_request_of_others_is_as_absent_as_none(window: Window) -> None:
    desk = window()
    desk.login(MARKET)
    desk.page.goto(f"{desk.url}/console/requests/nobody")
    expect(desk.page.get_by_role("heading", name="No such request")).to_be_visible(timeout=PATIENCE)
    desk.is_well()


def test_requests_in_the_dark_on_a_narrow_screen_and_in_arabic(window: Window, demo_data: Path) -> None:
    desk = window(color_scheme="dark", viewport={"width": 320, "height": 640})
    desk.login()
    desk.investigate(ASKED)
    desk.page.get_by_role("button", name="Request disclosure").click()
    assert desk.run("document.documentElement.scrollWidth") <= 320
    ask(desk, ("Operational",), key_of(demo_data, "police-ke", "investigator"))
    desk.is_well()
    officer = window(color_scheme="dark", viewport={"width": 320, "height": 640})
    officer.login(OFFICER)
    received(officer, "police-ke")
    expect(officer.page.locator(".preview .key").first).to_be_visible(timeout=PATIENCE)
    for language, direction in (("en", "ltr"), ("ar", "rtl")):
        officer.page.get_by_role("combobox", name="Language").select_option(language)
        assert officer.run("document.documentElement.dir") == direction
        assert officer.run("document.documentElement.scrollWidth") <= 320, language
        officer.is_well()


def propose(desk: Desk, data: Path, folder: Path) -> None:
    """Another officer of the marketplace proposes a rule, by the command line."""
    organisation = data / "demo" / "organisations" / "pasar"
    said = json.loads((organisation / "officer.json").read_text())
    there = {name: str(organisation / said[name]) for name in ("trust", "secretFile", "signingKey") if name in said}
    moved = {**said, **there, "url": desk.url, "tokenEndpoint": f"{desk.identity}/token"}
    (folder / "profile.json").write_text(json.dumps(moved))
    shutil.copytree(product_data("policies"), folder / "mine")
    with (folder / "mine" / "orgs" / "pasar.cedar").open("a") as file:
        file.write(RULE)
    # Its tables described the old rule.
    (folder / "mine" / "tests" / "story.yaml").unlink()
    enrolling = ("--person", "ratna", "--role", "officer", "--root", str(organisation / "root.pem"))
    for command in (
        ("policy", "fmt", "mine"),
        ("keys", "add", "ratna.pem", *enrolling, "--profile", "profile.json"),
        (
            "policy",
            "propose",
            "pasar",
            "mine",
            "--note",
            "by customs only",
            "--sign",
            "ratna.pem",
            "--profile",
            "profile.json",
        ),
    ):
        asked = [sys.executable, "-m", "graphsvc", *command]
        done = subprocess.run(asked, cwd=folder, env=environment(), capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_a_version_is_approved_from_its_difference_in_words(window: Window, demo_data: Path, tmp_path: Path) -> None:
    desk = window()
    desk.login(MARKET)
    propose(desk, demo_data, tmp_path)
    policies = desk.page.get_by_role("navigation").get_by_role("link", name="Policies")
    policies.press("Enter")
    row = desk.page.get_by_role("region", name="Versions and proposals").locator("tbody tr").first
    expect(row).to_contain_text("still needs: a second person", timeout=PATIENCE)
    expect(row).to_contain_text("by customs only")
    desk.is_well()
    row.get_by_role("link").press("Enter")
    changes = desk.page.get_by_role("region", name="What it changes")
    expect(changes).to_contain_text("Readers lose export on records of pasar", timeout=LONG)
    expect(changes).to_contain_text("Your records under these codes:")
    expect(changes).to_contain_text("+ orgs/pasar.cedar pasar-export")
    changes.locator("summary").filter(has_text="The text of orgs/pasar.cedar").press("Enter")
    expect(changes.locator(".gains").filter(has_text='@id("pasar-export")')).to_be_visible()
    desk.is_well()
    desk.page.get_by_role("button", name="Approve…").press("Enter")
    dialog = desk.page.get_by_role("dialog")
    expect(dialog).to_contain_text("I approve version")
    expect(dialog).to_contain_text("by customs only")
    desk.is_well()
    with desk.page.expect_file_chooser() as choosing:
        dialog.get_by_role("button", name="Choose a key file").press("Enter")
    choosing.value.set_files(key_of(demo_data, "pasar", "officer"))
    dialog.get_by_role("button", name="Sign and send").press("Enter")
    expect(dialog).to_be_hidden(timeout=LONG)
    standing = desk.page.get_by_role("region", name="Where it stands")
    expect(standing).to_contain_text("in force", timeout=PATIENCE)
    expect(standing).to_contain_text(MARKET)
    # Rules in force are read in their author's words.
    policies.press("Enter")
    rules = desk.page.get_by_role("region", name="Rules: pasar")
    rules.locator("summary").first.press("Enter")
    expect(rules).to_contain_text("Nobody but customs takes our records out of the service.")
    expect(rules.get_by_text("forbids").first).to_be_visible()
    desk.is_well()


def test_policies_in_the_dark_on_a_narrow_screen_and_in_arabic(window: Window) -> None:
    desk = window(color_scheme="dark", viewport={"width": 320, "height": 640})
    desk.login(MARKET)
    desk.page.get_by_role("navigation").get_by_role("link", name="Policies").press("Enter")
    expect(desk.page.locator("tbody tr").first).to_be_visible(timeout=PATIENCE)
    for step in ("list", "version", "arabic"):
        if step == "version":
            desk.page.locator("tbody tr").first.get_by_role("link").press("Enter")
            expect(desk.page.locator("dl dd").first).to_be_visible(timeout=PATIENCE)
        if step == "arabic":
            desk.page.get_by_role("combobox", name="Language").select_option("ar")
            assert desk.run("document.documentElement.dir") == "rtl"
        assert desk.run("document.documentElement.scrollWidth") <= 320, step
        desk.is_well()


def test_paths_between_two_that_are_found_by_what_is_known_of_them(window: Window) -> None:
    desk = window()
    desk.login()
    desk.page.get_by_role("navigation").get_by_role("link", name="Paths").press("Enter")
    desk.state()
    for end, text in (("From", START), ("To", SELLER)):
        group = desk.page.get_by_role("group", name=end, exact=True)
        group.get_by_role("textbox").fill(text)
        group.get_by_role("textbox").press("Enter")
        group.get_by_role("radio").first.press("Space")
        expect(group.get_by_role("radio").first).to_be_checked(timeout=PATIENCE)
    desk.is_well()
    find = desk.page.get_by_role("button", name="Find paths")
    find.press("Enter")
    first = desk.page.get_by_role("region", name="Path 1")
    expect(first).to_contain_text("uses", timeout=PATIENCE)
    # Each hop says who says so, under which code.
    hops = first.locator(".hop")
    assert hops.count() >= 2 and all(one.locator(".chip").count() for one in hops.all())
    kept = desk.run("JSON.stringify([location.href, document.title, {...localStorage}])")
    assert "904058501" not in kept and "tusk" not in kept
    desk.is_well()
    # What is asked can be narrowed, by time as by length.
    desk.page.get_by_label("Links at most").select_option("1")
    find.press("Enter")
    expect(desk.page.get_by_text("No such path is visible to you.")).to_be_visible(timeout=PATIENCE)
    desk.page.get_by_label("Links at most").select_option("6")
    find.press("Enter")
    first.get_by_role("button", name="Show on the chart").press("Enter")
    assert desk.drawn(2) >= 3
    desk.is_well()


def test_paths_on_a_narrow_screen(window: Window) -> None:
    desk = window(color_scheme="dark", viewport={"width": 320, "height": 640})
    desk.login()
    desk.page.get_by_role("navigation").get_by_role("link", name="Paths").press("Enter")
    desk.state()
    desk.page.get_by_text("Only by these links").first.press("Enter")
    assert desk.run("document.documentElement.scrollWidth") <= 320
    desk.is_well()
