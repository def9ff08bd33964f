"""Names are found in any script, whatever their case, accents, marks and order."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphsvc.model.errors import InvalidQuery
from graphsvc.model.labels import GROUPS
from graphsvc.model.names import MAX_ROWS, NAMES, name_rows, sought, words_of
from graphsvc.model.schema import load_schema

FOUND = {
    "Nguyễn Văn Ấn": ["nguyen", "NGUYỄN an", "van", "văn ấn", "an nguyen van"],
    "Đặng Thị Hương": ["dang", "đặng hương", "thi"],
    "张伟明": ["张伟", "伟明", "张伟明"],
    "李 小龙": ["李 小龙", "小龙"],
    "محمَّد عبد الله": ["محمد", "الله محمد", "عبد"],
    "أحمد علىّ": ["احمد", "علي"],
    "สมชาย ใจดี": ["สมชาย", "ใจดี สมชาย"],
    "Фёдор Достоевский": ["федор", "ДОСТОЕВСКИЙ", "Фёдор Достоевский"],
    "Łukasz Żółć": ["lukasz", "zolc"],
    "김철수": ["철수", "김철"],
    "O'Neill-Smith, José": ["neill", "jose smith", "o neill"],
    "ivory_shop.88": ["ivory", "shop 88"],
    "ﬁne ＦＵＬＬ": ["fine", "full"],
}
NOT_FOUND = {
    "Nguyễn Văn Ấn": ["nguy", "anh", "nguyen thi"],
    "张伟明": ["伟张", "张明", "王伟"],
    "สมชาย ใจดี": ["สมชา"],
    "Li Wei": ["liwei", "lin"],
}
BEGUN = {
    "Nguyễn Văn Ấn": ["nguy", "van nguy", "NGUYỄN"],
    "Chandrasekhar Rao": ["cha", "rao chandra"],
    "张伟明": ["张伟", "伟明"],
    "สมชาย ใจดี": ["สมชา"],
}


def holds(name: str, text: str, beginning: bool = False) -> bool:
    """Whether the rows of a name are found by a search, as the database finds them."""
    search = sought(text, beginning)
    return any(
        any((lead if search.leading else word) == search.word for word, lead in rows.terms)
        and all(part in rows.text for part in search.parts)
        for rows in name_rows({"personal": {"name": name}})
    )


@pytest.mark.parametrize("name", FOUND)
def test_a_name_is_found_by_its_words_in_any_writing(name: str) -> None:
    assert [text for text in FOUND[name] if not holds(name, text)] == []


@pytest.mark.parametrize("name", NOT_FOUND)
def test_a_name_is_not_found_by_what_it_does_not_say(name: str) -> None:
    assert [text for text in NOT_FOUND[name] if holds(name, text)] == []


@pytest.mark.parametrize("name", BEGUN)
def test_a_name_is_found_by_the_beginning_of_a_word(name: str) -> None:
    assert [text for text in BEGUN[name] if not holds(name, text, True)] == []


@pytest.mark.parametrize(
    ("text", "beginning", "code"),
    [("", False, "no_name"), ("…!", False, "no_name"), ("ab", True, "too_short"), ("张", False, "too_short"),
     ("张", True, "too_short"), ("a b c d e f g h i", False, "out_of_range")],
)  # fmt: skip
def test_what_can_not_be_searched_for_is_an_error(text: str, beginning: bool, code: str) -> None:
    with pytest.raises(InvalidQuery) as caught:
        sought(text, beginning)
    assert caught.value.code == code and caught.value.where == "text"


@given(st.text(max_size=60))
def test_every_name_is_found_by_itself(name: str) -> None:
    words = words_of(name)
    assert words_of(" ".join(words)) == words, "once folded it stays"
    if 0 < len(words) <= 8 and len({*words}) <= MAX_ROWS and all(len(word) < 10 for word in words):
        try:
            assert holds(name, name)
        except InvalidQuery as problem:
            assert problem.code == "too_short"


def test_rows_are_bounded_and_of_their_group() -> None:
    many: dict[str, Any] = {"identity": {"displayName": " ".join(f"w{n}" for n in range(99)), "profile": "https://x.y"}}
    many["personal"] = {"alias": ["Anna", "Bo"], "birthDate": "1980"}
    many["financial"] = {"holder": "Nobody"}
    rows = name_rows(many)
    assert [GROUPS[one.group] for one in rows] == ["identity", "personal"]
    assert len(rows[0].terms) == MAX_ROWS and rows[1].terms == [("anna", "ann"), ("bo", "bo")]
    assert name_rows({}) == name_rows({"identity": {"raw": "x"}}) == []


def test_all_names_of_the_schema_are_searched() -> None:
    listed: dict[str, set[str]] = {group: set() for group in NAMES}
    for kind in load_schema().kinds.values():
        for name, attribute in kind.attributes.items():
            if attribute.type.name in ("name", "handle") and attribute.group in NAMES:
                listed[attribute.group].add(name)
    assert listed == {group: {*names} for group, names in NAMES.items()}
