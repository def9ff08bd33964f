"""What a company does at the console: see what it sent and who saw it, take it back, and send a file of its own."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Route, expect

from tests.console.desk import PATIENCE, Desk
from tests.paths.process import environment
from tests.workbooks import workbook

SUBMITTER, OFFICER = "feed@pasar.example", "dpo@pasar.example"
Window = Callable[..., Desk]
_ROWS = """user_id,phone
jc-{n}0,+62812777{n}0001
jc-{n}1,+62812777{n}0002
jc-{n}2,not a number
,+62812777{n}0003
"""
_SHEET = """ID Penjual;No. HP;Kolom;Tanggal daftar
jc-30;0812-7773-0001;x;13/03/2025 09:15
jc-31;0812-7773-00XX;y;14/03/2025 09:15
;0812-7773-0003;z;15/03/2025 09:15
jc-33;0812-7773-0004;z;16/03/2025 09:15
"""
_MAPPING = """format: csv
rows:
  - entities:
      - {ref: seller, kind: Account, key: {site: {const: pasar}, id: user_id}}
      - {ref: phone, kind: Phone, key: {value: phone}, optional: true}
    links: [{kind: USES, from: seller, to: phone}]
"""


@pytest.fixture(scope="module")
def home(demo_data: Path) -> Path:
    """The files of the marketplace."""
    return demo_data / "demo" / "organisations" / "pasar"


def submitted(desk: Desk, home: Path, folder: Path, n: int) -> int:
    """Submit four rows by the command line: two good ones, one that is not linked, one bad; its entry."""
    said = json.loads((home / "feed.json").read_text())
    there = {name: str(home / said[name]) for name in ("trust", "secretFile", "signingKey") if name in said}
    moved = {**said, **there, "url": desk.url, "tokenEndpoint": f"{desk.identity}/token"}
    (folder / "here.json").write_text(json.dumps(moved))
    (folder / "users.csv").write_text(_ROWS.format(n=n))
    (folder / "users.yaml").write_text(_MAPPING)
    options = ["--map", "users.yaml", "--sign", str(home / "working.pem"), "--profile", "here.json", "--json"]
    command = [sys.executable, "-m", "graphsvc", "submit", "users.csv", *options]
    done = subprocess.run(command, cwd=folder, env=environment(), capture_output=True, text=True, check=False)
    found = re.search(r'"index":\s*(\d+)', done.stdout)
    assert found, done.stdout + done.stderr
    return int(found[1])


def to_submissions(desk: Desk) -> Locator:
    """Go to the list; returns its rows, once they are there."""
    desk.page.get_by_role("navigation").get_by_role("link", name="Submissions").click()
    rows = desk.page.get_by_role("region", name="Submissions").locator("tbody tr")
    expect(rows.first).to_be_visible(timeout=PATIENCE)
    return rows


def with_key(desk: Desk, file: Path) -> None:
    """Choose a key file in the dialog that is open."""
    with desk.page.expect_file_chooser() as choosing:
        desk.page.get_by_role("dialog").get_by_role("button", name="Choose a key file").click()
    choosing.value.set_files(file)


def signed(desk: Desk) -> None:
    """Sign what the dialog shows, and wait until it is taken."""
    dialog = desk.page.get_by_role("dialog")
    dialog.get_by_role("button", name="Sign and send").click()
    expect(dialog).to_be_hidden(timeout=PATIENCE)


def test_what_became_of_a_submission_and_its_recall(window: Window, home: Path, tmp_path: Path) -> None:
    desk = window(accept_downloads=True)
    index = submitted(desk, home, tmp_path, 1)
    desk.login(SUBMITTER)
    # 1. The list has it first, with its counts.
    row = to_submissions(desk).first
    expect(row).to_contain_text(f"Submission {index}")
    for said in ("text/csv", "5", "3", "1"):
        expect(row.get_by_role("cell", name=said, exact=True)).to_be_visible()
    expect(row).to_contain_text("in the graph", timeout=PATIENCE)
    desk.is_well()
    # 2. Its page: that it is in the log is computed here, and what is said of its rows.
    row.get_by_role("link").click()
    expect(desk.page.get_by_role("heading", name=f"Submission {index}", level=1)).to_be_visible()
    receipt = desk.page.get_by_role("region", name="One entry").get_by_role("status")
    expect(receipt).to_contain_text(f"entry {index}, a “submission”", timeout=PATIENCE)
    errors = desk.page.get_by_role("region", name="Rows that were not accepted").locator("tbody tr")
    expect(errors.first.get_by_role("rowheader")).to_have_text("4")
    notes = desk.page.get_by_role("region", name="Values that are kept and not linked").locator("tbody tr")
    expect(notes.first).to_contain_text("invalid_phone")
    with desk.page.expect_download() as coming:
        desk.page.get_by_role("button", name="Save the list of errors").click()
    assert json.loads(coming.value.path().read_text().splitlines()[0])["row"] == 4
    expect(desk.page.get_by_text("told to your organisation's officer")).to_be_visible()
    desk.is_well()
    # 3. Its recall is shown in words before it is signed.
    recall = desk.page.get_by_role("region", name="Recall")
    propose = recall.get_by_role("button", name="Recall…")
    expect(propose).to_be_disabled()
    reason = recall.get_by_label("Reason")
    reason.fill("Wrong month was exported")
    propose.click()
    dialog = desk.page.get_by_role("dialog")
    expect(dialog).to_contain_text(f"I take back the records of submission {index}")
    expect(dialog).to_contain_text("within 14 days")
    desk.is_well()
    with_key(desk, home / "working.pem")
    signed(desk)
    expect(recall.get_by_role("status")).to_contain_text(re.compile(r"recalled by entry \d+: 3"), timeout=PATIENCE)
    # 4. Nothing is there to be taken back twice, and that is said.
    reason.fill("Again")
    propose.click()
    dialog.get_by_role("button", name="Sign and send").click()
    expect(dialog.get_by_role("alert")).to_be_visible(timeout=PATIENCE)
    desk.is_well()
    assert set(desk.run("Object.keys(localStorage)")) == {"graphsvc.log"}


def test_an_officer_sees_who_saw_one_submission(window: Window) -> None:
    desk = window()
    desk.login(OFFICER)
    rows = to_submissions(desk)
    rows.last.get_by_role("link").click()
    seen = desk.page.get_by_role("region", name="Who saw the records of submission").locator("tbody tr")
    expect(seen.filter(has_text="police-ke").first).to_be_visible(timeout=PATIENCE)
    index = desk.page.url.rsplit("/", 1)[1]
    seen.first.locator("summary").click()
    for told in seen.first.locator("details p").all_inner_texts():
        assert f"submission {index}," in told
    number = seen.first.get_by_role("button").inner_text()
    seen.first.get_by_role("button").click()
    receipt = desk.page.get_by_role("region", name="One entry").get_by_role("status")
    expect(receipt).to_contain_text(f"entry {number}", timeout=PATIENCE)
    desk.is_well()


def test_a_number_that_is_no_submission_of_ours(window: Window) -> None:
    desk = window()
    desk.login(SUBMITTER)
    for number in ("0", "999999999"):
        desk.page.goto(f"{desk.url}/console/submissions/{number}")
        expect(desk.page.get_by_text("no submission of this number")).to_be_visible(timeout=PATIENCE)
    desk.is_well()


def test_submissions_narrow_dark_and_in_arabic(window: Window) -> None:
    desk = window(color_scheme="dark", viewport={"width": 320, "height": 640})
    desk.login(SUBMITTER)
    to_submissions(desk).last.get_by_role("link").click()
    expect(desk.page.get_by_role("region", name="One entry").get_by_role("status")).to_be_visible(timeout=PATIENCE)
    assert desk.run("document.documentElement.scrollWidth") <= 320
    desk.is_well()
    desk.page.get_by_role("combobox", name="Language").select_option("ar")
    expect(desk.page.get_by_role("heading", name="السحب")).to_be_visible()
    assert desk.run("document.documentElement.scrollWidth") <= 320
    desk.is_well()


def at_new(desk: Desk) -> None:
    """Log in as the submitter, and go to where a file is submitted."""
    desk.login(SUBMITTER)
    to_submissions(desk)
    desk.page.get_by_role("link", name="New submission").click()
    expect(desk.page.get_by_role("heading", name="New submission", level=1)).to_be_visible()


def choose(desk: Desk, file: Path) -> None:
    """Choose a file, and wait until the service has looked at it."""
    with desk.page.expect_file_chooser() as choosing:
        desk.page.get_by_role("button", name="Choose a file").click()
    choosing.value.set_files(file)
    expect(desk.page.get_by_role("heading", name="Columns, and what becomes")).to_be_visible(timeout=PATIENCE)


def say(desk: Desk, **answers: str) -> None:
    """Say what no file says, and let the service look again."""
    page = desk.page
    page.get_by_label("Handling code").select_option("AMBER")
    page.get_by_label("Legal basis").select_option("legitimate-interest")
    page.get_by_role("checkbox", name="investigation", exact=True).check()
    for begins, answer in answers.items():
        page.get_by_label(re.compile(begins.replace("_", " "))).fill(answer)
    again(desk)


def again(desk: Desk) -> None:
    desk.page.get_by_role("button", name="Look again").click()
    expect(desk.page.get_by_text("Something was changed")).to_have_count(0, timeout=PATIENCE)


def counts(desk: Desk, accepted: int, rejected: int) -> None:
    said = f"{accepted} of the rows would be accepted, {rejected} would not"
    expect(desk.page.get_by_role("status").filter(has_text=said)).to_be_visible(timeout=PATIENCE)


def mapped_and_corrected(desk: Desk) -> None:
    """The chosen sheet is mapped, one of its columns read otherwise, one of its cells corrected in place."""
    page = desk.page
    # 1. What the columns seem to hold, on the rows; what the file does not say is asked.
    for column, holds in (("ID Penjual", "user_id"), ("No. HP", "phone"), ("Kolom", ""), ("Tanggal daftar", "date")):
        expect(page.get_by_label(f"What column {column} holds")).to_have_value(holds)
    submit = page.get_by_role("button", name="Submit…")
    expect(submit).to_be_disabled()
    desk.is_well()
    say(desk, On_which_site="pasar", Of_which_country="ID", Which_offset="+07:00")
    counts(desk, 3, 1)
    table = page.get_by_role("region", name="Columns, and what becomes")
    expect(table.locator("tbody tr").first).to_contain_text("e164:+6281277730001")
    # 2. A column is read as a person says.
    page.get_by_label("What column Kolom holds").select_option("note")
    expect(page.get_by_text("Looking at the file")).to_have_count(0, timeout=PATIENCE)
    expect(page.get_by_label("What column Kolom holds")).to_have_value("note")
    # 3. A cell is corrected in place, and the file looked at again: what is left says why.
    rows = page.get_by_role("region", name="To be corrected").get_by_role("listitem")
    expect(rows).to_have_count(2)
    expect(rows.first).to_contain_text("invalid_phone")
    rows.first.get_by_label("No. HP").fill("0812-7773-0002")
    expect(submit).to_be_disabled()
    desk.is_well()
    again(desk)
    expect(rows).to_have_count(1)
    counts(desk, 3, 1)


def test_from_a_sheet_to_records_in_the_graph(window: Window, home: Path, tmp_path: Path) -> None:
    desk = window()
    at_new(desk)
    desk.is_well()
    (tmp_path / "Rina Wijaya.csv").write_text(_SHEET)
    sent: list[str] = []
    desk.page.on("request", lambda request: sent.append(request.url + (request.post_data or "")))
    choose(desk, tmp_path / "Rina Wijaya.csv")
    # 1. What the columns hold is proposed, chosen and corrected.
    mapped_and_corrected(desk)
    page = desk.page
    submit = page.get_by_role("button", name="Submit…")
    rows = page.get_by_role("region", name="To be corrected").get_by_role("listitem")
    # 2. Signed in words; the receipt is checked; what was not accepted goes on by itself.
    submit.click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("I submit 3 of the file's rows under TLP:AMBER, on the legal basis")
    dialog.get_by_text("To the letter").click()
    expect(dialog).to_contain_text("rowsRoot")
    desk.is_well()
    with_key(desk, home / "working.pem")
    signed(desk)
    done = page.get_by_role("region", name="Submitted", exact=True)
    expect(done.get_by_role("status")).to_contain_text("Rows accepted: 3; not accepted: 1", timeout=PATIENCE)
    desk.is_well()
    done.get_by_role("button", name="Correct the others").click()
    counts(desk, 0, 1)
    expect(submit).to_be_disabled()
    rows.first.get_by_label("ID Penjual").fill("jc-32")
    again(desk)
    counts(desk, 1, 0)
    submit.click()
    signed(desk)
    # 3. It is followed into the graph.
    done.get_by_role("link", name="Follow submission").click()
    summary = page.get_by_role("region", name="What became of it")
    expect(summary.get_by_role("status")).to_have_text("in the graph", timeout=PATIENCE)
    expect(page.get_by_role("region", name="One entry").get_by_role("status")).to_contain_text("✓", timeout=PATIENCE)
    page.get_by_role("navigation").get_by_role("link", name="Search").click()
    desk.search("+62 812 7773 0002")
    page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    page.get_by_role("button", name="Ask own records only").click()
    expect(page.get_by_role("article").first).to_contain_text("6281277730002", timeout=PATIENCE)
    # Nothing of the file's name went anywhere, and nothing stays in the browser.
    assert sent and not [one for one in sent if "Rina" in one]
    assert set(desk.run("Object.keys(localStorage)")) == {"graphsvc.log"}
    assert "Rina" not in page.title() + page.url
    desk.is_well()


def test_rows_that_were_not_accepted_are_corrected_later(window: Window, home: Path, tmp_path: Path) -> None:
    desk = window()
    index = submitted(desk, home, tmp_path, 2)
    desk.login(SUBMITTER)
    desk.page.goto(f"{desk.url}/console/submissions/{index}")
    desk.page.get_by_role("link", name="Correct these rows").click()
    (tmp_path / "other.csv").write_text("user_id,phone\nu1,\n")
    with desk.page.expect_file_chooser() as choosing:
        desk.page.get_by_role("button", name="Choose a file").click()
    choosing.value.set_files(tmp_path / "other.csv")
    expect(desk.page.get_by_role("alert")).to_contain_text("other_file", timeout=PATIENCE)
    choose(desk, tmp_path / "users.csv")
    rows = desk.page.get_by_role("region", name="To be corrected").get_by_role("listitem")
    expect(rows).to_have_count(1)
    counts(desk, 0, 1)
    rows.first.get_by_label("user_id").fill("jc-23")
    say(desk, On_which_site="pasar")
    counts(desk, 1, 0)
    desk.is_well()


def test_a_workbook_is_submitted_as_the_cells_that_are_shown(window: Window, home: Path, tmp_path: Path) -> None:
    desk = window()
    at_new(desk)
    rows: list[list[object]] = [
        ["user id", "phone", "note"],
        ["jc-40", "+6281277740001", 'a; "b"\nc, d'],
        ["jc-41", 6281277740002, "x"],
    ]
    (tmp_path / "book.xlsx").write_bytes(workbook({"All": rows}))
    choose(desk, tmp_path / "book.xlsx")
    say(desk, On_which_site="pasar", Of_which_country="ID")
    counts(desk, 2, 0)
    desk.page.get_by_role("button", name="Submit…").click()
    with_key(desk, home / "working.pem")
    signed(desk)
    done = desk.page.get_by_role("region", name="Submitted", exact=True)
    expect(done.get_by_role("status")).to_contain_text("Rows accepted: 2; not accepted: 0", timeout=PATIENCE)
    done.get_by_role("link").click()
    expect(desk.page.get_by_role("region", name="What became of it")).to_contain_text("text/csv", timeout=PATIENCE)
    desk.is_well()


def test_lines_that_say_what_they_are_are_corrected_and_sent_by_keyboard(
    window: Window, home: Path, tmp_path: Path
) -> None:
    desk = window()
    at_new(desk)
    good = '{"entities": [{"ref": "p", "kind": "Phone", "key": {"value": "+6281277750001"}}]}'
    (tmp_path / "rows.ndjson").write_text(f"{good}\n{good[:-1]}\n")
    choose(desk, tmp_path / "rows.ndjson")
    say(desk)
    counts(desk, 1, 1)
    page = desk.page
    line = page.get_by_role("region", name="To be corrected").get_by_role("textbox")
    line.focus()
    page.keyboard.press("End")
    page.keyboard.type("}")
    page.get_by_role("button", name="Look again").press("Enter")
    counts(desk, 2, 0)
    page.get_by_role("button", name="Submit…").press("Enter")
    # What is not enrolled signs nothing that counts, and says what to do.
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Make a key").press("Enter")
    dialog.get_by_role("button", name="Sign and send").press("Enter")
    expect(dialog.get_by_role("alert")).to_contain_text("unknown_key", timeout=PATIENCE)
    expect(dialog.get_by_role("button", name="Save the enrolment request")).to_be_visible()
    desk.is_well()
    with_key(desk, home / "working.pem")
    dialog.get_by_role("button", name="Sign and send").press("Enter")
    expect(dialog).to_be_hidden(timeout=PATIENCE)
    expect(page.get_by_role("region", name="Submitted", exact=True)).to_be_visible()


def test_a_submission_without_a_receipt_is_not_called_taken(window: Window, home: Path, tmp_path: Path) -> None:
    desk = window()
    at_new(desk)
    (tmp_path / "rows.ndjson").write_text(
        '{"entities": [{"ref": "p", "kind": "Phone", "key": {"value": "+6281277760001"}}]}\n'
    )
    choose(desk, tmp_path / "rows.ndjson")
    say(desk)

    def unproved(route: Route) -> None:
        answer = route.fetch()
        told = {name: value for name, value in answer.json().items() if name != "receipt"}
        route.fulfill(response=answer, json=told)

    desk.page.route("**/v1/submissions", unproved)
    desk.page.get_by_role("button", name="Submit…").click()
    with_key(desk, home / "working.pem")
    dialog = desk.page.get_by_role("dialog")
    dialog.get_by_role("button", name="Sign and send").click()
    expect(dialog.get_by_role("alert")).to_contain_text("bad_receipt", timeout=PATIENCE)
    expect(desk.page.locator(".banner")).to_contain_text("bad_receipt")
    # Sent again, it is the same submission, and this time it is proved.
    desk.page.unroute("**/v1/submissions")
    dialog.get_by_role("button", name="Sign and send").click()
    expect(desk.page.get_by_role("region", name="Submitted", exact=True)).to_be_visible(timeout=PATIENCE)


def test_what_is_no_table_and_who_is_no_submitter(window: Window, tmp_path: Path) -> None:
    desk = window()
    desk.login(OFFICER)
    desk.page.goto(f"{desk.url}/console/submissions/new")
    expect(desk.page.get_by_text("Only a submitter of your organisation")).to_be_visible(timeout=PATIENCE)
    (tmp_path / "a.csv").write_text("user id\nu1\n")
    (tmp_path / "large.csv").write_bytes(b"a,b\n" * (1 << 20 | 1))
    for name, said in (("a.csv", "denied"), ("large.csv", "At most 4 MiB")):
        with desk.page.expect_file_chooser() as choosing:
            desk.page.get_by_role("button", name="Choose a file").click()
        choosing.value.set_files(tmp_path / name)
        expect(desk.page.get_by_role("alert").filter(has_text=said)).to_be_visible(timeout=PATIENCE)
    desk.is_well()


def test_a_new_submission_narrow_dark_and_in_arabic(window: Window, tmp_path: Path) -> None:
    desk = window(color_scheme="dark", viewport={"width": 320, "height": 640})
    at_new(desk)
    (tmp_path / "t.csv").write_text(_SHEET)
    choose(desk, tmp_path / "t.csv")
    for language in ("en", "ar"):
        desk.page.get_by_role("combobox", name="Language").select_option(language)
        assert desk.run("document.documentElement.scrollWidth") <= 320, language
        desk.is_well()
