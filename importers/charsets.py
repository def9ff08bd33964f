"""In which encoding a table is written: UTF-8 if it is, GB18030 if it reads like Chinese, else what the mapping says.

Most files in Windows-1252 or -1251 also decode as GB18030, and names become other names without a word. So a file that
merely decodes is not taken for GB18030. What Chinese text looks like in it: GB/T 2312-1980 lays its 3,755 common
characters out by sound on lead bytes B0-D7 and the others on D8-F7, all with trail bytes from A1 on; nearly all
characters of a text are common ones, about a third of those on C9-D7.
"""

from __future__ import annotations

import codecs
import unicodedata
from collections import Counter
from collections.abc import Iterator
from typing import BinaryIO

from graphsvc.model.errors import InvalidInput
from importers.rows import CHUNK, LOOK, utf16_of

CANDIDATES = (
    "windows-1252", "windows-1250", "windows-1251", "windows-1254", "windows-1256", "windows-1258", "tis-620", "big5",
    "shift_jis", "euc-kr",
)  # fmt: skip
"""What is proposed where a file is neither: none of them is ever chosen without being named in the mapping."""
_PROPOSED = 3
_SAMPLE = 1 << 18
_SCRIPTS = {
    "windows-1251": "CYRILLIC", "windows-1256": "ARABIC", "tis-620": "THAI", "big5": "CJK", "shift_jis": "",
    "euc-kr": "HANGUL",
}  # fmt: skip
_TYPICAL = {
    "windows-1252": "áéíóúñüàèçêãõäöåøæßôîûâÁÉÍÓÚÑÜÇÄÖ¿¡ºª",
    "windows-1250": "ąćęłńóśźżčďěňřšťůýžáéíőűöüŁŚŻŠŽČŘ",
    "windows-1254": "çğıöşüÇĞİÖŞÜâ",
    "windows-1258": "ăâđêôơưàáèéìíòóùúýĂÂĐÊÔƠƯ\u0300\u0301\u0303\u0309\u0323",
}


def detect_charset(stream: BinaryIO) -> str:
    """``utf-8``, ``utf-16`` or ``gb18030``; the stream is read from its start and left there.

    All of it is read, because a first part in ASCII decides nothing, and short Chinese texts may look like UTF-8.
    Raises InvalidInput, with the encodings that it may be in, if it is none of these.
    """
    stream.seek(0)
    if utf16_of(stream.read(LOOK)) is not None:
        stream.seek(0)
        return "utf-16"
    if _decodes(stream, "utf-8"):
        return "utf-8"
    if _decodes(stream, "gb18030") and _reads_as_chinese(stream):
        return "gb18030"
    maybe = proposals(_high_sample(stream))
    said = f"it may be {' or '.join(maybe)}: try encoding: {maybe[0]}" if maybe else "name the encoding"
    message = f"neither UTF-8 nor Chinese in GB18030: {said} in the mapping, or save the file as UTF-8"
    raise InvalidInput(message, code="unknown_charset", where="encoding")


def proposals(sample: bytes) -> list[str]:
    """The encodings in which a sample reads like words, the most likely first."""
    scores = {charset: score for charset in CANDIDATES if (score := _score(sample, charset)) > 0.5}
    return sorted(scores, key=lambda charset: (-scores[charset], CANDIDATES.index(charset)))[:_PROPOSED]


def _decodes(stream: BinaryIO, charset: str) -> bool:
    decoder = codecs.getincrementaldecoder(charset)("strict")
    try:
        for chunk in _chunks(stream):
            decoder.decode(chunk)
        decoder.decode(b"", True)
    except UnicodeDecodeError:
        return False
    finally:
        stream.seek(0)
    return True


def _chunks(stream: BinaryIO) -> Iterator[bytes]:
    stream.seek(0)
    while chunk := stream.read(CHUNK):
        yield chunk


def _reads_as_chinese(stream: BinaryIO) -> bool:
    """Whether what is not ASCII in a stream that decodes as GB18030 is mostly common Chinese characters."""
    seen: Counter[str] = Counter()
    decoder = codecs.getincrementaldecoder("gb18030")("strict")
    for chunk in _chunks(stream):
        seen.update(char for char in decoder.decode(chunk) if not char.isascii())
    stream.seek(0)
    common = late = other = 0
    for char, count in seen.items():
        lead, trail = [*char.encode("gb18030"), 0, 0][:2]
        if 0xA1 <= lead <= 0xA3 and trail >= 0xA1:
            continue  # punctuation, and Latin letters of full width, stand in texts of any language
        if 0xB0 <= lead <= 0xD7 and trail >= 0xA1:
            common += count
            late += count if lead >= 0xC9 else 0
        else:
            other += count
    return common >= 4 * other and 10 * late >= common > 0


def _high_sample(stream: BinaryIO) -> bytes:
    """Lines with bytes beyond ASCII, up to a quarter of a MiB: what an encoding is told by."""
    stream.seek(0)
    sample = bytearray()
    while len(sample) < _SAMPLE and (line := stream.readline(CHUNK)):
        if not line.isascii():
            sample += line
    stream.seek(0)
    return bytes(sample)


def _score(sample: bytes, charset: str) -> float:
    """The part of what is not ASCII that is letters typical of the encoding's languages; 0 where it doesn't decode."""
    try:
        text = sample.decode(charset)
    except UnicodeDecodeError:
        return 0.0
    high = [char for char in text if not char.isascii()]
    if not high:
        return 0.0
    if (typical := _TYPICAL.get(charset)) is not None:
        return sum(char in typical for char in high) / len(high)
    script = _SCRIPTS[charset]
    if charset == "shift_jis":
        return sum(unicodedata.name(char, "").startswith(("HIRAGANA", "KATAKANA")) for char in high) / len(high) + 0.3
    return sum(unicodedata.name(char, "").startswith(script) for char in high) / len(high)
