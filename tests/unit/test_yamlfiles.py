"""YAML from anybody is read within bounds, and says where it is wrong."""

from __future__ import annotations

import pytest

from graphsvc.model.errors import InvalidInput
from graphsvc.model.yamlfiles import MAX_NODES, load_yaml

_LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{one}: &{one} [*{before}, *{before}, *{before}, *{before}, *{before}, *{before}, *{before}, *{before}]\n"
    for before, one in zip("abcdefghi", "bcdefghij", strict=True)
)
REFUSED: list[tuple[str, str | bytes, str, int]] = [
    ("aliases that unfold to gigabytes", _LAUGHS, "bad_yaml", 1),
    ("an alias", "x: 1\na: *b", "bad_yaml", 2),
    ("an anchor", "x: 1\na: &b 1", "bad_yaml", 2),
    ("a tag", "x: 1\na: !!python/object:os.system x", "bad_yaml", 2),
    ("deep lists", "[" * 100_000, "too_large", 1),
    ("deep blocks", "".join(" " * n + "- \n" for n in range(300)) + " " * 300 + "- a", "too_large", 26),
    ("many values", "- a\n" * (MAX_NODES + 1), "too_large", MAX_NODES),
    ("a key twice", "a: 1\nb: 2\na: 3", "bad_yaml", 3),
    ("a list as key", "a: 1\n? [b]\n: c", "bad_yaml", 2),
    ("a number as key", "a: 1\n1: c", "bad_yaml", 2),
    ("a second document", "a: 1\n---\nb: 2", "bad_yaml", 2),
    ("a tab", "a:\n\t- b", "bad_yaml", 2),
    ("a control character", "a: \x01", "bad_yaml", 1),
    ("a lone surrogate", "b: 1\na: \ud800", "bad_yaml", 2),
    ("a lone surrogate, escaped", 'a: "\\ud800"', "bad_yaml", 1),
    ("no UTF-8", b"a: 1\nb: \xff", "bad_yaml", 2),
    ("UTF-16", "a: b".encode("utf-16"), "bad_yaml", 1),
    ("a huge number", "a: " + "9" * 5_000, "bad_yaml", 1),
    ("an infinite number", "a: 1e999", "bad_yaml", 1),
    ("no number", "a: .nan", "bad_yaml", 1),
    ("zeros that would go", "a: 0812345", "bad_yaml", 1),
    ("an open quote", 'a: "b', "bad_yaml", 1),
]


@pytest.mark.parametrize(("text", "code", "line"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_what_is_refused_says_the_line(text: str | bytes, code: str, line: int) -> None:
    with pytest.raises(InvalidInput) as caught:
        load_yaml(text, where="some.yaml")
    assert (caught.value.code, caught.value.where) == (code, "some.yaml")
    assert caught.value.message.startswith(f"some.yaml: line {line}: ")
    assert len(caught.value.message) < 200


def test_a_file_above_its_limit_is_refused_unread() -> None:
    with pytest.raises(InvalidInput, match="more than 10 bytes") as caught:
        load_yaml("&" * 11, where="some.yaml", max_bytes=10)
    assert caught.value.code == "too_large"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("# nothing", None),
        ("a: no", {"a": "no"}),
        ("region: NO", {"region": "NO"}),
        ("a: 2030-00-00", {"a": "2030-00-00"}),
        ("a: 1:30:20", {"a": "1:30:20"}),
        ("a: 0x1F", {"a": "0x1F"}),
        ("<<: {a: b}", {"<<": {"a": "b"}}),
        ("[true, False, null, ~, 12, -3, 0, 1.5, 1e3, '12', \"true\"]",
         [True, False, None, None, 12, -3, 0, 1.5, 1000.0, "12", "true"]),
        ("\ufeffa: |\n  x\n  y\n", {"a": "x\ny\n"}),
        ("a: 'R&D'\nb: J&T", {"a": "R&D", "b": "J&T"}),
    ],
)  # fmt: skip
def test_plain_words_mean_what_they_say(text: str, value: object) -> None:
    assert load_yaml(text, where="some.yaml") == value
