"""Names as they are searched: in any script, whatever their case, accents and order, word by word.

Words are what stands between spaces and marks. Scripts that put no spaces within a name (Han, kana, Hangul) are
searched by any two characters or more that follow each other; so is nothing else: a Thai name that is written in one
piece is one word. Traditional and simplified characters are not the same. Pure.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from graphsvc.model.errors import InvalidQuery
from graphsvc.model.labels import GROUPS

NAMES: Mapping[str, frozenset[str]] = {
    "identity": frozenset({"displayName", "handle", "name", "alias"}),
    "personal": frozenset(
        {"name", "alias", "nameInOriginalScript", "verifiedName", "subscriber", "holder", "owner"}
        | {"senderName", "receiverName"}
    ),
}
"""By field group, the attributes of entities that are names; a test compares them with the schema."""

MAX_ROWS = 16
"""At most this many words of what one record calls an entity, in one field group, can be searched by."""
MAX_WORDS = 8
"""At most this many words are searched for together."""
LEAD = 3
"""So many letters of a word are its beginning, by which words are found whose end is not given."""
RUN = 2
"""So many characters of a script without spaces."""
MAX_TEXT = 400
"""At most this many characters of what one record calls an entity."""

_MARKS = re.compile("[\u0300-\u036f\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0670\u0640\u06d6-\u06ed]")
"""Accents of Latin, Greek and Cyrillic, points of Hebrew, vowel signs of Arabic, and its lengthening stroke."""
_SAME = str.maketrans(
    {
        **{"đ": "d", "ł": "l", "ø": "o", "ı": "i", "æ": "ae", "œ": "oe", "ħ": "h", "ŧ": "t"},
        **{"ى": "ي", "ی": "ي", "ة": "ه", "ک": "ك", "ٱ": "ا"},
    }
)
_UNSPACED = "\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff"
_PIECE = re.compile(f"[{_UNSPACED}]+|[^{_UNSPACED}]+")
_RUN = re.compile(f"[{_UNSPACED}]")


class NameRows(NamedTuple):
    """What is kept of the names that one record gives an entity in a field group.

    ``group`` is its place in :data:`GROUPS`; ``text`` has all words between spaces; ``terms`` are pairs of a word and
    its beginning. In scripts without spaces every place is a beginning, and there is no word (None).
    """

    group: int
    text: str
    terms: list[tuple[str | None, str]]


class Sought(NamedTuple):
    """A search: rows whose word (or, with ``leading``, beginning) is ``word``, and whose text holds all ``parts``.

    ``kinds`` are those of the entities looked for; None: of any. ``others`` are more words of the same rows, each with
    whether it is a beginning: which one is rarest is only known where the rows are.
    """

    word: str
    leading: bool
    parts: list[str]
    kinds: Sequence[str] | None = None
    others: Sequence[tuple[str, bool]] = ()


def words_of(text: str) -> list[str]:
    """The words of a text in the form in which they are compared."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    plain = unicodedata.normalize("NFKC", _MARKS.sub("", plain)).casefold().translate(_SAME)
    # Marks that belong to letters (as Thai and Indic vowels) stay; all that is neither letter, mark nor digit divides.
    kept = "".join(char if unicodedata.category(char)[0] in "LMN" else " " for char in plain)
    return [piece for word in kept.split() for piece in _PIECE.findall(word)]


def name_rows(attributes: Mapping[str, Mapping[str, Any]]) -> list[NameRows]:
    """What is kept of an entity's names, for each field group that has some; attributes as in a clean draft."""
    found = []
    for group, names in NAMES.items():
        values = attributes.get(group)
        if not values or names.isdisjoint(values):
            continue
        words = list(dict.fromkeys(word for name in sorted(names & values.keys()) for word in _words(values[name])))
        terms = list(dict.fromkeys(term for word in words for term in _terms(word)))[:MAX_ROWS]
        if terms:
            found.append(NameRows(GROUPS.index(group), f" {' '.join(words)[:MAX_TEXT]} ", terms))
    return found


def sought(text: str, beginning: bool, where: str = "text") -> Sought:
    """A search for entities that are called by all words of ``text``; with ``beginning``, the last one may go on.

    Raises InvalidQuery for a text without a word, with too many, or too short a beginning.
    """
    words = words_of(text)
    if not 1 <= len(words) <= MAX_WORDS:
        message = f"write 1 to {MAX_WORDS} words of a name"
        raise InvalidQuery(message, code="no_name" if not words else "out_of_range", where=where)
    whole, last = words[:-1] if beginning else words, words[-1]
    runs = [word for word in words if _RUN.match(word)]
    open_end = beginning and last not in runs
    if open_end and len(last) < LEAD:
        raise InvalidQuery(f"a beginning has at least {LEAD} letters", code="too_short", where=where)
    spaced = [word for word in whole if word not in runs]
    if not spaced and not open_end and max(map(len, runs)) < RUN:
        raise InvalidQuery(f"write at least {RUN} characters", code="too_short", where=where)
    parts = [*runs, *(f" {word} " for word in spaced), *([f" {last}"] if open_end else [])]
    # The longest word is likely the rarest.
    whole_words = [(word, False) for word in sorted(spaced, key=len, reverse=True)]
    run = max(runs, key=len, default="")
    begun = [(run[:RUN], True)] if len(run) >= RUN else []
    first = begun + whole_words if len(run) * RUN >= max(map(len, spaced), default=0) else whole_words + begun
    (word, leading), *others = list(dict.fromkeys(first + ([(last[:LEAD], True)] if open_end else [])))
    return Sought(word, leading, parts, None, others)


def _words(value: Any) -> Sequence[str]:
    values = value if isinstance(value, list) else [value]
    return [word for one in values if isinstance(one, str) for word in words_of(one)]


def _terms(word: str) -> list[tuple[str | None, str]]:
    if not _RUN.match(word):
        return [(word, word[:LEAD])]
    return [(None, word[at : at + RUN]) for at in range(max(1, len(word) - RUN + 1))]
