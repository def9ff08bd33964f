"""What people write into a cell for telephone numbers: several numbers, labels, extensions, alternate last digits.

A cell is cut into pieces, and each piece is judged alone. Where a piece can be read in two ways it is not linked:
digits after a slash may be a second number, an extension or the end of the first.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import phonenumbers

from graphsvc.model.scalars import ValueProblem, fold

MAX_NUMBERS = 20
"""At most this many numbers in one cell."""

Rest = list[tuple[str, ValueProblem]]
"""Pieces of a cell that are no numbers, each with the reason."""

_SIMPLE = re.compile(r"\(?\+?(?:[ ().\-]{0,3}\d){3,15}\)?")
_TAIL = re.compile(r"\d{3} ?- ?\d{1,2}$|\.\.|---")
_CHAT = re.compile(
    r"(?:https?://)?(?:wa\.me/|(?:api|web)\.whatsapp\.com/send/?\?(?:[^#]*&)?phone="
    r"|whatsapp://send/?\?(?:[^#]*&)?phone=|viber://(?:chat|add|contact)/?\?(?:[^#]*&)?number=)(?:%2[Bb]|\+)?(\d{7,15})"
    r"(?:[/?&#].*)?"
)
_CHAT_MARK = "\x02"
"""Stands before what follows the name of a chat; :func:`fold` has left no such character in the text."""
_HAN = {
    ord(han): str(digit)
    for digit, row in enumerate(("〇零○", "一壹幺", "二贰", "三叁", "四肆", "五伍", "六陆", "七柒", "八捌", "九玖"))
    for han in row
}
_MOBILE = (phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE_OR_MOBILE)
_HAN_RUN = re.compile(r"(?:[〇零○一壹幺二贰三叁四肆五伍六陆七柒八捌九玖][\d\s\-]*){5,}")
_KEYCAPS = dict.fromkeys((0xFE0E, 0xFE0F, 0x20E3))
_ASIDE = " \t:.,;/|&-=·•~'\"!。"
_PIECE = re.compile(r"[(\s]*\+?[\d\s().\-/]{3,60}")
_DOTS = re.compile(r"\.{2}|-{3}|//")
_MASKS = re.compile(r"[*xX•○●?_…＊]")


@dataclass(frozen=True, slots=True)
class CellWords:
    """Words beside numbers, as patterns; regions where a hyphen sets off digits that are dialled with the number."""

    label: re.Pattern[str]
    chat: re.Pattern[str]
    extension: re.Pattern[str]
    joint: re.Pattern[str]
    hyphens: frozenset[str]

    @classmethod
    def of(
        cls,
        labels: Iterable[str],
        chats: Iterable[str],
        extensions: Iterable[str],
        joints: Iterable[str],
        hyphens: Iterable[str],
    ) -> CellWords:
        """From lists of words in any case and script."""
        after = r"(?:\s*[:.)\]#]+|\s*(?:no|nr|số)\s*[.:]+)*"
        return cls(
            re.compile(rf"[\s(\[]*(?:{_any(labels)}){after}", re.I),
            re.compile(rf"[\s(\[]*(?:{_any(chats)}){after}", re.I),
            re.compile(rf"(?<=[\d)])[\s,;(]*(?:{_any(extensions)})[\s.:=]*(\d{{1,6}})(?!\d)\s*\)?", re.I),
            re.compile(rf"(?:{_any(joints)})|[;,、|&]", re.I),
            frozenset(hyphens),
        )


@dataclass(frozen=True, slots=True)
class Reading:
    """How a cell is read: what makes a number of a piece, the words, the region of national numbers."""

    one: Callable[[str, str | None], str]
    words: CellWords
    region: str | None

    def tried(self, raw: str) -> str | None:
        """The number, or None where there is none."""
        try:
            return self.one(raw, self.region) if _PIECE.fullmatch(raw) else None
        except ValueProblem:
            return None


def is_plain(raw: str) -> bool:
    """Whether folded text can only be one number, so that no cell has to be read."""
    return _SIMPLE.fullmatch(raw) is not None and not _TAIL.search(raw)


def several(reading: Reading, value: str) -> tuple[list[str], Rest]:
    """The numbers of a cell in E.164, without doubles, and what in it is none. One of the two is never empty."""
    found: dict[str, None] = {}
    rest: Rest = []
    for piece in _pieces(reading.words, value):
        numbers, strange = _piece(reading, piece)
        found.update(dict.fromkeys(numbers))
        rest += strange
    if len(found) + len(rest) > MAX_NUMBERS:
        return [], [(value, ValueProblem("invalid_phone", f"at most {MAX_NUMBERS} telephone numbers in a cell"))]
    if not found and not rest:
        rest = [(value, _strange(value))]
    return list(found), rest


def _pieces(words: CellWords, value: str) -> list[str]:
    """A cell without labels and extensions, cut where something else begins."""
    lines = re.sub(r"[\r\n]+", ";", value.strip()).translate(_KEYCAPS)
    raw = fold(lines)
    if (chat := _CHAT.fullmatch(raw)) is not None:
        return [f"+{chat[1]}"]
    if _HAN_RUN.search(raw):
        raw = raw.translate(_HAN)
    raw = words.extension.sub("", raw)
    raw = words.chat.sub(f";{_CHAT_MARK}", words.label.sub(";", raw))
    raw = re.sub(r"(?<=[\d)/])\s*(?=\+)", ";", raw)
    pieces = (re.sub(r"\(\s*\)", "", piece) for piece in words.joint.split(raw))
    return [piece for each in pieces if (piece := _trimmed(each))]


def _trimmed(piece: str) -> str:
    """A piece without punctuation around it and without a bracket that has no partner. Dots may be masked digits."""
    if _DOTS.search(piece):
        return piece.strip()
    piece = piece.strip(_ASIDE)
    if piece.count("(") > piece.count(")") and piece.endswith("("):
        piece = piece[:-1]
    if piece.count(")") > piece.count("(") and piece.endswith(")"):
        piece = piece[:-1]
    if piece.startswith("(") and piece.endswith(")") and piece.count("(") == 1:
        piece = piece[1:-1]
    return piece.strip(_ASIDE)


def _piece(reading: Reading, piece: str) -> tuple[list[str], Rest]:
    """Numbers of one piece, which has no words left, and what in it is none."""
    if piece.startswith(_CHAT_MARK):
        return _after_chat(reading, piece.strip(_ASIDE + _CHAT_MARK))
    if (short := re.fullmatch(r"(.*[\d)])(\s*)[x#]\s*(\d{1,6})", piece, re.I)) is not None:
        return _with_extension(reading, piece, short[1], short[3])
    if not _PIECE.fullmatch(piece) or _DOTS.search(piece):
        return [], [(piece, _strange(piece))]
    if "/" in piece:
        return _slashed(reading, piece)
    if (tail := re.fullmatch(r"(.*\d{3})\s*-\s*(\d{1,2})", piece)) is not None:
        return _hyphened(reading, piece, tail[1])
    try:
        return [reading.one(piece, reading.region)], []
    except ValueProblem as problem:
        tokens = [token for token in re.split(r"[\s\-]+", piece) if token]
        numbers = [reading.tried(token) if sum(map(str.isdigit, token)) >= 7 else None for token in tokens]
        if len(tokens) > 1 and all(numbers):
            return [one for one in numbers if one], []
        return [], [(piece, problem)]


def _after_chat(reading: Reading, piece: str) -> tuple[list[str], Rest]:
    """A chat's own ids are no telephone numbers: only mobile numbers are taken for such."""
    found, rest = _piece(reading, piece) if piece else ([], [])
    if any(phonenumbers.number_type(phonenumbers.parse(one)) not in _MOBILE for one in found):
        return [], [(piece, _doubtful("this may be the user's id in a chat and no number"))]
    return found, rest


def _with_extension(reading: Reading, piece: str, base: str, extension: str) -> tuple[list[str], Rest]:
    """``… x12``, ``…#12``: an extension, unless the letter may stand for a masked digit of a longer number."""
    found = reading.tried(base)
    if found is None or _may_be_longer(found, 1 + len(extension)):
        return [], [(piece, _strange(piece))]
    return [found], []


def _may_be_longer(e164: str, more: int) -> bool:
    number = phonenumbers.parse(f"{e164}{'0' * more}")
    return bool(phonenumbers.is_possible_number(number))


def _slashed(reading: Reading, piece: str) -> tuple[list[str], Rest]:
    """``030/1234567`` is one number, ``A/B`` two, ``…67/68`` one and its alternate last digits."""
    whole = reading.tried(piece)
    first, *more = (part.strip() for part in piece.split("/"))
    base = reading.tried(first)
    if base is None:
        return ([whole], []) if whole else ([], [(piece, _strange(piece))])
    if whole is not None:
        return [], [(piece, _doubtful("the slash stands within one number, or between two"))]
    numbers, rest = [base], Rest()
    for part in more:
        if (other := reading.tried(part)) is not None or (other := _alternate(numbers[-1], part)) is not None:
            numbers.append(other)
        else:
            rest.append((part, _doubtful("nobody can tell what the digits after the slash are")))
    return numbers, rest


def _alternate(before: str, digits: str) -> str | None:
    """The number whose last one or two digits are ``digits``; they must go upwards, as such lists do."""
    if not re.fullmatch(r"\d{1,2}", digits) or digits <= before[-len(digits) :]:
        return None
    found = before[: -len(digits)] + digits
    return found if phonenumbers.is_valid_number(phonenumbers.parse(found)) else None


def _hyphened(reading: Reading, piece: str, base: str) -> tuple[list[str], Rest]:
    """``…-34``: the end of the number, an extension or an alternate ending."""
    whole, before = reading.tried(piece), reading.tried(base)
    plain = whole is not None and (before is None or _region(whole) in reading.words.hyphens)
    if plain and whole is not None:
        return [whole], []
    return [], [(piece, _doubtful("nobody can tell what the digits after the hyphen are"))]


def _region(e164: str) -> str | None:
    region: str | None = phonenumbers.region_code_for_number(phonenumbers.parse(e164))
    return region


def _doubtful(why: str) -> ValueProblem:
    return ValueProblem("ambiguous_phone", f"{why}: write each number in full; it is kept, not linked")


def _strange(piece: str) -> ValueProblem:
    what = "masked digits" if _MASKS.search(piece) and re.search(r"\d", piece) else "text that is no number"
    return ValueProblem("invalid_phone", f"{what} in the telephone number: it is kept, not linked")


def _any(words: Sequence[str] | Iterable[str]) -> str:
    """A pattern for one of these words. Letters that write words apart must not touch another letter."""
    written = []
    for word in sorted({fold(word) for word in words}, key=len, reverse=True):
        escaped = re.escape(word).replace(r"\ ", r"\s*")
        apart = all(unicodedata.category(char)[0] != "L" or not _runs_on(char) for char in word)
        written.append(rf"(?<![^\W\d_]){escaped}(?![^\W\d_])" if apart else escaped)
    return "|".join(written)


def _runs_on(char: str) -> bool:
    """Whether a script writes without spaces between words: Han, kana, Thai."""
    return unicodedata.name(char, "").split(" ")[0] in ("CJK", "HIRAGANA", "KATAKANA", "THAI")
