"""What cleaning accepts comes through every later stage: sealing, graph, columns, import files, proofs, packing."""

from __future__ import annotations

import tempfile
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from neo4j._codec.packstream.v1 import PackableBuffer, Packer

from graphsvc.columns.claims import claims_table
from graphsvc.columns.store import Columns
from graphsvc.graph.bulk import DraftFiles, write_rest
from graphsvc.graph.marks import Marks
from graphsvc.graph.prepare import prepare
from graphsvc.model.claims import Unfit, check_applicable, decode_draft, encode_draft
from graphsvc.model.cleaning import clean_draft
from graphsvc.model.draftleaves import draft_contents
from graphsvc.model.drafts import CleanDraft, Defaults, Draft, DraftEntity, DraftLink, Observed, Origin, RowProblem
from graphsvc.model.labels import Handling
from graphsvc.model.principals import Organisation
from graphsvc.model.scalars import MAX_YEAR, MIN_YEAR, CleanContext, ValueProblem
from graphsvc.model.schema import load_schema
from graphsvc_verify.canonical import encode
from tests.properties.test_canonical_values import SAMPLES

SCHEMA = load_schema()
MARKS = Marks(b"secret")
PASAR = Organisation("pasar", "company", "ID", "Pasar")
DEFAULTS = Defaults(handling=Handling("tlp-2.0", "GREEN"), purposes=["investigation"], legal_basis="agreement")

_ZONES = ["", "Z", " UTC", "+08:00", "+0800", "-23:59", "+15:59", "+99:99", "+14", "z"]
_NUMBER = st.one_of(st.integers(0, 99), st.sampled_from([0, 1, 12, 13, 29, 30, 31, 32]))
DATES = st.builds(
    lambda year, separator, month, day, rest: f"{year}{separator}{month}{separator}{day}{rest}",
    st.sampled_from(["0000", "0001", "1699", "1700", "1969", "2024", "2025", "2100", "2101", "2568", "9999", "10000"]),
    st.sampled_from(["-", "/", ".", ""]),
    _NUMBER.map(lambda n: f"{n:02d}") | _NUMBER.map(str),
    _NUMBER.map(lambda n: f"{n:02d}"),
    st.one_of(
        st.just(""),
        st.builds(
            lambda t, hour, rest, zone: f"{t}{hour}{rest}{zone}",
            st.sampled_from(["T", " "]),
            _NUMBER.map(str),
            st.sampled_from([":08", ":08:09", ":00:60", ":59:59.999999999", ":60", ":00,5"]),
            st.sampled_from(_ZONES),
        ),
    ),
)
HOSTILE: st.SearchStrategy[Any] = st.one_of(
    DATES,
    st.text(max_size=20),
    st.text(st.sampled_from("\0\x01\t\n\x7f\x85\u2028\u200b\u200d\ufeff\ufffe\ud800\udfff\u0e53a1-/:@."), max_size=12),
    st.integers(-(2**70), 2**70),
    st.sampled_from([2**53, -(2**53), 2**63, 2**64, 10**4_999, -1, 0, True, False]),
    st.sampled_from(["NaN", "inf", "-0", "1e999", "1e-999", "9" * 100, "0x1F", "1_000", "0" * 600]),
    st.builds(lambda c, n: c * n, st.sampled_from(["a", "é", "\U0001f98f", "\0", "۳"]), st.sampled_from([511, 20_001])),
    st.lists(st.text(max_size=3), max_size=3),
    st.sampled_from([[], {}, [[]], {"a": 1}, ["x"] * 201, [10**4_999], None, ""]),
    st.sampled_from(sorted(SAMPLES.values())),
)  # fmt: skip


def any_value(name: str) -> st.SearchStrategy[Any]:
    """Values for a type: mostly such as may pass, with something put in, or nothing like it."""
    good = [SAMPLES[name]] if name in SAMPLES else []
    if name.startswith("code:"):
        good = list(SCHEMA.codelists[name[5:]].codes)[:50]
    if name == "site":
        good = ["taobao", "pasar"]
    put = st.sampled_from(["\0", "\u200b", "\ud800", "\x7f", " ", "\u2028", "\u00ad"])
    touched = st.builds(lambda v, at, c: v[:at] + c + v[at:], st.sampled_from(good or ["ab"]), st.integers(0, 5), put)
    return st.one_of(st.sampled_from(good or ["ab"]), touched, HOSTILE)


@st.composite
def drafts(draw: st.DrawFn) -> Draft:
    """A row of one or two entities of any kinds, with any attributes, and a link where the schema has one."""
    link = draw(st.sampled_from(sorted(SCHEMA.links.values(), key=lambda one: one.name)))
    pair = draw(st.sampled_from(sorted(link.pairs)))
    entities = []
    for ref, name in zip("ab", pair, strict=True):
        kind = SCHEMA.kinds[name]
        form = draw(st.sampled_from(kind.keys))
        key = {part: draw(any_value(type_.name)) for part, type_ in form.parts}
        entities.append(DraftEntity(ref, name, key, draw(_attributes(kind.attributes))))
    made = DraftLink(link.name, "a", "b", draw(_attributes(link.attributes)), draw(_observed()))
    text = st.text(max_size=10) | st.text(st.sampled_from("\0\ud800\u200bab-"), max_size=5)
    return Draft(
        entities,
        [made] if draw(st.booleans()) else [],
        row=draw(st.integers(0, 2**28 - 1)),
        observed=draw(_observed()),
        expires=draw(st.none() | DATES),
        groups=draw(st.none() | st.lists(text, max_size=3)),
        origin=draw(st.none() | st.builds(Origin, st.sampled_from(["", "other-org", "\ud800"]), text)),
    )


def _attributes(known: Any) -> st.SearchStrategy[dict[str, Any]]:
    if not known:
        return st.just({})
    one = st.sampled_from(sorted(known)).flatmap(
        lambda name: st.tuples(st.just(name), any_value(known[name].type.name))
    )
    return st.lists(one, max_size=4).map(dict)


def _observed() -> st.SearchStrategy[Observed | None]:
    return st.none() | st.builds(Observed, st.none() | DATES, st.none() | DATES)


def walk(clean: CleanDraft) -> None:
    """Every stage that a sealed draft goes through, with the code that does it in the service."""
    assert decode_draft(encode_draft(clean)) == clean
    check_applicable(clean)
    prepared = prepare(7, [clean], 0, MARKS)
    ids, statements = prepared.bind({}, [3] * len(prepared.labels), frozenset(SCHEMA.kinds))
    packer = Packer(PackableBuffer())
    for _, parameters in [("", prepared.lookup([3] * len(prepared.labels))), *statements]:
        packer.pack(parameters)
    own = [[ids[position] for position in row] for row in prepared.positions]
    table = claims_table(7, [clean], own, [3])
    assert table.num_rows == len(clean.links)
    for _, content in draft_contents(clean):
        assert content == encode(msgspec.json.decode(content))
    for time in (clean.since, clean.until, clean.expires):
        if time is not None:
            assert MIN_YEAR <= datetime.fromisoformat(time).year <= MAX_YEAR
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        Columns(folder / "columns").append(7, 0, table)
        with DraftFiles(folder, 0, MARKS) as files:
            files.write(7, [clean], own, [3])
        write_rest(folder, [(n, e.key, e.kind, "3") for n, e in zip(own[0], clean.entities, strict=True)], {}, 7, MARKS)
        for kind in ("about", "claim", "entity", "record"):
            fields = len((folder / f"{kind}.header").read_text().split("\t"))
            for path in folder.glob(f"{kind}-*.tsv"):
                # As the import reads them: a line feed ends a record, and nothing else does.
                lines = path.read_bytes().decode().split("\n")
                assert lines.pop() == ""
                assert all(line.count("\t") == fields - 1 and "\r" not in line for line in lines)


@settings(max_examples=400, deadline=None)
@given(draft=drafts())
def test_an_accepted_row_comes_through_every_stage(draft: Draft) -> None:
    found = clean_draft(draft, SCHEMA, DEFAULTS, PASAR)
    if isinstance(found, CleanDraft):
        walk(found)
        return
    assert found
    for problem in found:
        assert isinstance(problem, RowProblem) and problem.message
        # The net below the cleaners caught something: a cleaner is to be mended.
        assert problem.code != Unfit.code, problem
        msgspec.json.encode(problem)


@pytest.mark.parametrize("name", sorted(SCHEMA.types))
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_what_a_cleaner_returns_can_be_stored(name: str, data: st.DataObject) -> None:
    value = data.draw(any_value(name))
    try:
        clean = SCHEMA.clean(name, value, CleanContext("CN", "pasar"))
    except ValueProblem:
        return
    assert isinstance(clean, str | bool | int)
    if isinstance(clean, str):
        assert clean and len(clean.encode()) <= 80_000
        assert not any(c < " " and c not in "\n\t" for c in clean)
    else:
        assert abs(clean) < 2**53
    if name not in ("own-ref", "listing-url", "profile-url"):  # these say more than they were given
        assert SCHEMA.clean(name, clean, CleanContext("CN", "pasar")) == clean
    Packer(PackableBuffer()).pack(clean)
    if name in ("date", "datetime"):
        year, *rest = str(clean)[:10].split("-")
        assert MIN_YEAR <= int(year) <= MAX_YEAR and all(int(part) for part in rest)
        datetime.fromisoformat(str(clean) if len(str(clean)) > 7 else f"{year}-01-01")


@pytest.mark.parametrize("field", ["expires", "since", "until"])
@given(time=DATES)
@example(time="2030-00-00")
@example(time="2030-06-00")
@example(time="2570-01-01")
@example(time="0001-01-01T00:00:00+14:00")
@example(time="9999-12-31T23:59:59-14:00")
def test_a_time_is_plausible_or_refused(field: str, time: str) -> None:
    observed = {} if field == "expires" else {"observed": Observed(**{field: time})}
    draft = Draft([DraftEntity("a", "Account", {"site": "pasar", "id": "1"})], **observed)
    draft.expires = time if field == "expires" else None
    found = clean_draft(draft, SCHEMA, DEFAULTS, PASAR)
    if isinstance(found, CleanDraft):
        walk(found)
    else:
        (problem,) = found
        assert problem.code in ("invalid_date", "invalid_time", "no_offset", "implausible_year")
        assert problem.pointer == ("/expires" if field == "expires" else f"/observed/{field}")
