"""Own references: their one form, the column of a mapping, what the client and the verifier hold an entry against."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sealed_world import SealedWorld
from sqlalchemy import Connection, insert, select

from graphsvc.client.check import check_file
from graphsvc.client.manifest import Outgoing
from graphsvc.client.superseding import check_superseding
from graphsvc.ledger import tables
from graphsvc.ledger.entry import EntryDraft, OwnerPart
from graphsvc.ledger.scopeheads import EVERYBODY
from graphsvc.lifecycle.destroy import forget_rows
from graphsvc.lifecycle.recall import Decision, withdrawal_entry
from graphsvc.lifecycle.store import RECALLED
from graphsvc.model import ranges
from graphsvc.model.cleaning import clean_draft
from graphsvc.model.draftleaves import draft_contents
from graphsvc.model.drafts import CleanDraft, Defaults, Draft, RowProblem, Superseded
from graphsvc.model.errors import Conflict, InvalidInput
from graphsvc.model.labels import Handling
from graphsvc.model.principals import Organisation
from graphsvc.model.references import References, own_reference, reference_key
from graphsvc.model.scalars import ValueProblem
from graphsvc.model.schema import load_schema
from graphsvc.projection.changes import WITHDRAWAL
from graphsvc.submission.intake import Intake
from graphsvc.submission.superseding import Superseded as Found
from graphsvc.submission.superseding import find_superseded
from graphsvc_verify.corrections import check_corrections
from graphsvc_verify.deeds import Deed
from graphsvc_verify.errors import VerifyError
from graphsvc_verify.meaning import Said, check_said, mean
from importers import CSV, NDJSON, importer_for
from importers.mapping import load_mapping
from importers.rows import iter_rows

SCHEMA = load_schema()
PASAR = Organisation("pasar", "company", "ID", "Pasar")
DEFAULTS = Defaults(handling=Handling("tlp-2.0", "GREEN"), purposes=["investigation"], legal_basis="agreement")
MAPPING = """format: csv
rows:
  - when: {column: kind, equals: ad}
    entities: [{ref: a, kind: Account, key: {site: {const: shop}, id: account}}]
    supersedes: {reference: %s}
otherwise: skip
"""


def drafts(source: str, *lines: str) -> list[Draft | RowProblem | None]:
    mapping = load_mapping((MAPPING % source).encode(), SCHEMA)
    body = io.BytesIO("\n".join(("kind,account,advert,line", *lines)).encode())
    importer = importer_for(CSV, mapping, body)
    return [found for _, found in importer.drafts(iter_rows(body, "csv"))][1:]


def reference_of(found: Draft | RowProblem | None) -> str | None:
    assert isinstance(found, Draft) and found.supersedes is not None, found
    return own_reference(found.supersedes)


def test_a_mapping_takes_it_from_a_column_or_a_template() -> None:
    assert [reference_of(one) for one in drafts("advert", "ad,u1, A-1 ,1", "ad,u2,A-2,1")] == ["A-1", "A-2"]
    template = '{template: "{advert}/{line}"}'
    assert [reference_of(one) for one in drafts(template, "ad,u1,A,1", "ad,u1,A,2")] == ["A/1", "A/2"]
    # Only where its rule holds.
    assert drafts("advert", "note,u1,A-1,1") == [None]


def test_a_row_without_one_is_refused_unless_the_mapping_says_otherwise() -> None:
    [found] = drafts("advert", "ad,u1,,1")
    assert isinstance(found, RowProblem)
    assert (found.code, found.pointer) == ("missing_value", "/supersedes/reference")
    [found] = drafts("{column: advert, optional: true}", "ad,u1,,1")
    assert isinstance(found, Draft) and found.supersedes is None
    [found] = drafts('{template: "{advert}/{line}"}', "ad,u1,A,")
    assert isinstance(found, RowProblem) and "advert, line is empty" in found.message
    with pytest.raises(InvalidInput, match="no column nothing"):
        drafts("nothing", "ad,u1,A,1")
    with pytest.raises(InvalidInput, match="one word"):
        drafts('{column: advert, split: ";"}', "ad,u1,A,1")


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (" A-1 ", "A-1"),
        ("Cafe\u0301", "Caf\u00e9"),
        ("a" * 200, "a" * 200),
        ("单号 7", "单号 7"),
        ("1234567.0", "1234567"),
    ],
)
def test_it_has_one_form(given: str, kept: str) -> None:
    assert own_reference(Superseded(reference=given)) == kept


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ("", "bad_reference"), (" \t", "bad_reference"), ("a" * 201, "bad_reference"), ("a\nb", "bad_reference"),
        ("a\x00b", "bad_reference"), ("a\u200bb", "bad_reference"), ("a\ud800", "bad_reference"),
        ("#N/A", "error_cell"), ("1.23457E+14", "digits_lost"), ("n/a", "no_value"),
    ],
)  # fmt: skip
def test_what_would_make_one_of_two_is_refused(given: str, code: str) -> None:
    with pytest.raises(ValueProblem) as refused:
        own_reference(Superseded(reference=given))
    assert refused.value.code == code and (len(given) < 5 or given not in refused.value.message)


def test_a_reference_is_taken_once_and_keyed_by_organisation() -> None:
    one, other = (References(reference_key(bytes(32), org)) for org in ("pasar", "swiftline"))
    digest = one.take(3, "A-1")
    assert len(digest) == 32 and digest != one.take(4, "a-1") and digest != other.take(3, "A-1")
    assert digest == References(reference_key(bytes(32), "pasar")).take(0, "A-1")
    with pytest.raises(ValueProblem, match="row 3 of the file") as refused:
        one.take(7, "A-1")
    assert refused.value.code == "double_reference"


def test_the_clean_draft_has_it_in_a_leaf_of_its_own() -> None:
    def clean(reference: str | None) -> CleanDraft:
        said = None if reference is None else Superseded(reference=reference)
        [found] = [one for one in drafts("advert", "ad,u1,A-1,1") if isinstance(one, Draft)]
        found.supersedes = said
        made = clean_draft(found, SCHEMA, DEFAULTS, PASAR)
        assert isinstance(made, CleanDraft), made
        return made

    with_it, without = (dict(draft_contents(clean(one))) for one in ("A-1", None))
    assert with_it.pop("reference") == b'{"group":"reference","row":1,"values":{"reference":"A-1"}}'
    assert with_it == without and b"A-1" not in b"".join(with_it.values())


def test_the_local_check_finds_doubles(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("kind,account,advert,line\nad,u1,A,1\nad,u2,B,1\nad,u3,A,1\n")
    outgoing = Outgoing(path, CSV, (MAPPING % "advert").encode(), DEFAULTS)
    checked = check_file(outgoing, SCHEMA, PASAR)
    assert (checked.accepted, checked.refused) == (2, (3,))
    assert checked.problems[0].code == "double_reference"


class Log:
    """A ledger of submissions and withdrawals that hold references only, without HTTP and without a graph."""

    def __init__(self, folder: Path, database: str) -> None:
        self.world = SealedWorld(folder, database=database)
        self.ledger = self.world.ledger

    def look(self, **rows: str) -> tuple[Intake, Found]:
        """Rows by number, as ``r0="A"``, and what they supersede now."""
        key = References(bytes(32))
        intake = Intake(references=[(int(row[1:]), key.take(int(row[1:]), word)) for row, word in rows.items()])
        return intake, find_superseded(self.ledger, "pasar", intake)

    def enter(self, intake: Intake, superseded: Found) -> int:
        def effects(connection: Connection, index: int, t: str) -> None:
            superseded.hold(connection, "pasar", intake)
            superseded.enter(connection, index, ("pasar", "feed"), intake)
            row = {"index": index, "org": "pasar", "t": t, "media_type": "x", "manifest": "", "objects": []}
            connection.execute(insert(tables.submissions), {**row, "rows": 9, "accepted": 9, "rejected": 0})

        return self._append("submission", effects)

    def send(self, **rows: str) -> int:
        return self.enter(*self.look(**rows))

    def erase(self, submission: int, *rows: int) -> None:
        def effects(connection: Connection, _index: int, _t: str) -> None:
            forget_rows(connection, ranges.of_rows(submission, rows))

        self._append("erasure", effects)

    def recall(self, submission: int, *rows: int) -> None:
        decision = Decision("pasar", RECALLED, "dpo", "wrong", "2099-01-01T00:00:00Z")
        self.ledger.append(
            withdrawal_entry(decision, ranges.of_rows(submission, rows), WITHDRAWAL, {}, len(rows))
        ).result()

    def _append(self, kind: str, effects: Any) -> int:
        part = OwnerPart("pasar", {"action": kind}, [])
        concerns = EVERYBODY if kind == "erasure" else None
        draft = EntryDraft(type=kind, requester="pasar", owners=[part], effects=effects, concerns=concerns)
        return self.ledger.append(draft).result().index

    def digests(self) -> int:
        """How many there are, in the index and in the lists by submission."""
        with self.ledger.reading() as connection:
            lists = connection.execute(select(tables.referring.c.digests)).scalars()
            index = connection.execute(select(tables.references.c.digest)).scalars().all()
            return len(index) + sum(len(one) // 36 for one in lists)


@pytest.fixture
def log(tmp_path: Path, database: str) -> Iterator[Log]:
    """On either database."""
    made = Log(tmp_path, database)
    yield made
    made.world.close()


def test_the_index_names_the_record_that_was_sent_last(log: Log) -> None:
    first = log.send(r0="A", r1="B", r2="C")
    assert log.look(r5="B", r6="D")[1].pairs == ((5, first, 1),)
    second = log.send(r5="B")
    assert log.look(r0="A", r1="B")[1].pairs == ((0, first, 0), (1, second, 5))
    log.recall(second, 5)
    assert log.look(r1="B")[1].pairs == (), "not the one before it either: that was taken back with the correction"


def test_an_erasure_forgets_the_digests_of_what_it_erases(log: Log) -> None:
    first = log.send(r0="A", r1="B", r2="C")
    second = log.send(r0="B")
    assert log.digests() == 3 + 3 + 1
    log.erase(first, 0, 1)
    # What was superseded is forgotten with its row; the newer record keeps its reference.
    assert log.digests() == 2 + 1 + 1
    assert log.look(r0="A", r1="B", r2="C")[1].pairs == ((1, second, 0), (2, first, 2))
    log.erase(first, 2)
    log.erase(second, 0)
    assert log.digests() == 0


def test_what_has_changed_since_the_look_is_not_entered(log: Log) -> None:
    first = log.send(r0="A")
    # Something of its own came between, but not of these: nothing is to be done again.
    looked = log.look(r0="A")
    log.send(r0="Z")
    second = log.enter(*looked)
    for kind in ("send", "recall"):
        looked = log.look(r0="A")
        if kind == "send":
            log.send(r0="A")
        else:
            log.recall(second, 0)
        with pytest.raises(Conflict) as refused:
            log.enter(*looked)
        assert refused.value.code == "references_moved"
        second = log.send(r0="A")
    assert first < second and log.look(r0="A")[1].pairs == ((0, second, 0),)
    # And by place.
    intake = Intake(supersedes=[(0, second, 0)])
    looked = (intake, find_superseded(log.ledger, "pasar", intake))
    log.recall(second, 0)
    with pytest.raises(Conflict):
        log.enter(*looked)


ROW = '{"entities": [], "supersedes": %s}\n'


@pytest.fixture
def outgoing(tmp_path: Path) -> Outgoing:
    """Row 0 names a place and a reference, row 1 a reference, row 2 nothing."""
    path = tmp_path / "rows.ndjson"
    said = ('{"submission": 4, "row": 9, "reference": "A"}', '{"reference": "B"}', "null")
    path.write_text("".join(ROW % one for one in said))
    return Outgoing(path, NDJSON, None, DEFAULTS)


@pytest.mark.parametrize(
    ("pairs", "count"), [([], 0), ([[0, 4, 9]], 1), ([[0, 4, 9], [0, 5, 0], [1, 5, 1]], 3), ([[1, 3, 0]], 1)]
)
def test_the_client_takes_what_the_file_asks_for(outgoing: Outgoing, pairs: list[Any], count: int) -> None:
    assert check_superseding(outgoing, 7, {"body": {"supersedes": pairs} if pairs else {}}) == count


@pytest.mark.parametrize(
    "pairs",
    [
        [[2, 4, 9]],  # a row that asks for nothing
        [[9, 4, 9]],  # a row that is not there
        [[1, 4, 0], [1, 4, 1]],  # two records by one reference
        [[0, 5, 0], [1, 5, 0]],  # one record by two references
        [[1, 7, 0]],  # a record of this submission
        [[1, 4]],
        "none",
    ],
)
def test_the_client_refuses_what_is_made_up(outgoing: Outgoing, pairs: Any) -> None:
    with pytest.raises(VerifyError) as refused:
        check_superseding(outgoing, 7, {"body": {"supersedes": pairs}})
    assert refused.value.code == "wrong_fact"


def entries(ranges: list[list[int]], by: int = 7, **more: Any) -> dict[int, tuple[str, dict[str, Any]]]:
    """A submission at 7 that supersedes three records, and a withdrawal at 8."""
    pairs = [[0, 4, 0], [1, 4, 1], [2, 5, 9]]
    body = {"cause": "corrected", "by": by, "ranges": ranges, **more}
    return {
        7: ("submission", {"who": {"org": "pasar"}, "body": {"supersedes": pairs}}),
        8: ("withdrawal", {"who": {"org": "pasar"}, "body": body}),
    }


def test_a_withdrawal_follows_from_its_submission() -> None:
    check_corrections(entries([[4, 0, 1], [5, 9, 9]]))
    check_corrections(entries([[4, 1, 1]]))  # the others went in between
    check_corrections(entries([[6, 0, 3]], cause="recalled"))
    check_corrections(entries([[6, 0, 3]], by=3))  # not in the evidence
    later = {9 if index == 7 else index: one for index, one in entries([[4, 0, 0]], by=9).items()}
    foreign = entries([[4, 0, 0]])
    foreign[7][1]["who"] = {"org": "swiftline"}
    for bad in (entries([[4, 0, 2]]), entries([[6, 0, 0]]), entries([[4, 0, 1 << 27]]), later, foreign):
        with pytest.raises(VerifyError) as refused:
            check_corrections(bad)
        assert refused.value.code == "wrong_fact"


def test_an_entry_lists_no_rows_that_the_manifest_does_not_count() -> None:
    said = {"answers": None, "jti": "x", "rows": 2}
    deed = Deed("submission", "pasar", "feed", ("submitter",), "", "", "sha256:0", said)
    for row, holds in ((1, True), (2, False), (-1, False)):
        body = {"name": "pasar|x", "supersedes": [[row, 0, 0]]}
        header = {"who": {"org": "pasar", "person": "feed"}, "body": body, "owners": []}
        header |= {"purpose": None, "basis": None, "case": None}
        entry = Said("submission", header, {})
        if holds:
            check_said(entry, deed, mean(deed))
            continue
        with pytest.raises(VerifyError) as refused:
            check_said(entry, deed, mean(deed))
        assert refused.value.code == "wrong_fact"
