"""Reports in a zip: found and read as a stream, in bounded memory and work, whatever the archive says of itself."""

from __future__ import annotations

import io
import os
import tracemalloc
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphsvc.client.convert import Input, convert
from graphsvc.model.drafts import Defaults
from graphsvc.model.errors import InvalidInput
from graphsvc.model.labels import Handling
from graphsvc.model.principals import Organisation
from graphsvc.model.schema import load_schema
from importers import zipped
from importers.ufed import FORMAT as UFED
from importers.zipped import Unzipped
from tests.unit.test_seized_phones import TWO, call, party, report

DEFAULTS = Defaults(handling=Handling("tlp-2.0", "AMBER"), purposes=["investigation"], legal_basis="statutory-duty")
POLICE = Organisation("police-ke", "police", "KE", "Police")
REPORT = report(TWO, call("Outgoing", party("+254722345678", role="To")))
PICTURE = os.urandom(70_000)


class Forward:
    """A file that can only be read on, at most ``most`` bytes at a time; or only be written on."""

    def __init__(self, data: bytes = b"", most: int = 1 << 20) -> None:
        self._file, self._most = io.BytesIO(data), most

    def read(self, size: int, /) -> bytes:
        return self._file.read(min(size, self._most))

    def write(self, data: bytes) -> int:
        return self._file.write(data)

    def flush(self) -> None:
        pass

    def all(self) -> bytes:
        return self._file.getvalue()


def archive(members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED, **how: bool) -> bytes:
    """A zip; ``on``: written without going back, so that sizes follow each member; ``large``: with fields for zip64."""
    file = Forward() if how.get("on") else io.BytesIO()
    with zipfile.ZipFile(file, "w") as made:  # type: ignore[arg-type]
        for name, data in members.items():
            info = zipfile.ZipInfo(name)
            info.compress_type = method
            with made.open(info, "w", force_zip64=how.get("large", False)) as one:
                one.write(data)
    return file.all() if isinstance(file, Forward) else file.getvalue()


def rows(data: bytes, most: int = 1 << 20) -> list[bytes | None]:
    return [row.data for row in UFED.cut(Forward(data, most), 1 << 20, None)]


MEMBERS = {"files/Image/a.jpg": PICTURE, "files/Text/": b"", "report.XML": REPORT, "z.txt": b"z" * 1_000}


@pytest.mark.parametrize("most", [1, 1_000, 1 << 20])
@pytest.mark.parametrize(
    ("method", "on", "large"),
    [(zipfile.ZIP_STORED, False, False), (zipfile.ZIP_STORED, False, True), (zipfile.ZIP_DEFLATED, False, False),
     (zipfile.ZIP_DEFLATED, True, False), (zipfile.ZIP_DEFLATED, True, True)],
    ids=["stored", "stored large", "deflated", "sizes follow", "large sizes follow"],
)  # fmt: skip
def test_the_report_is_found_in_every_kind_of_zip(method: int, on: bool, large: bool, most: int) -> None:
    members = MEMBERS if most > 1 else {**MEMBERS, "files/Image/a.jpg": PICTURE[:500]}
    assert rows(archive(members, method, on=on, large=large), most) == rows(REPORT)


def test_a_ufdr_is_converted_as_its_report_is(tmp_path: Path) -> None:
    schema = load_schema()
    plain, packed = tmp_path / "report.xml", tmp_path / "phone.ufdr"
    plain.write_bytes(REPORT)
    packed.write_bytes(archive({"extraction/report.xml": REPORT, "files/a": PICTURE}))
    one, other = (convert(Input(path, None, DEFAULTS, POLICE), schema) for path in (plain, packed))
    assert one.format.name == other.format.name == "ufed"
    assert one.drafts == other.drafts and one.losses == other.losses and one.accepted == other.accepted > 2


def bomb(size: int) -> bytes:
    return archive({"report.xml": REPORT[:200] + b" " * size})


@pytest.mark.parametrize(
    ("data", "code", "said"),
    [
        (archive({"a.txt": b"x"}), "bad_document", "holds no report.xml"),
        (archive({}), "bad_document", "no UFED report"),
        (archive(MEMBERS)[:70_200], "bad_document", "ends too early"),
        (b"PK\x03\x04" + bytes(20), "bad_document", "ends too early"),
        (bomb(80 << 20), "document_too_large", "200 times its size"),
        (archive({"a": b" " * (80 << 20), "report.xml": REPORT}, on=True), "document_too_large", "200 times its size"),
        (archive(MEMBERS)[:6] + b"\x01" + archive(MEMBERS)[7:], "bad_document", "without a password"),
        (archive(MEMBERS)[:8] + b"\x63" + archive(MEMBERS)[9:], "bad_document", "not known here"),
        (archive(MEMBERS, zipfile.ZIP_STORED)[:6] + b"\x08" + archive(MEMBERS, zipfile.ZIP_STORED)[7:], "bad_document",
         "does not say where it ends"),
        (archive({"report.xml": b"PK\x03\x04" + bytes(90)}), "bad_document", "UFED report"),
    ],
    ids=["no report", "empty", "cut short", "nothing", "bomb", "bomb before it", "encrypted", "method", "endless",
         "zip in a zip"],
)  # fmt: skip
def test_hostile_archives_are_refused(data: bytes, code: str, said: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        rows(data)
    assert caught.value.code == code and said in caught.value.message


def test_too_many_members_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zipped, "MAX_MEMBERS", 3)
    with pytest.raises(InvalidInput, match="too many files"):
        rows(archive({f"f{n}": b"x" for n in range(4)} | {"report.xml": REPORT}))
    monkeypatch.setattr(zipped, "MAX_UNPACKED", len(REPORT) - 1)
    with pytest.raises(InvalidInput, match="unpacks to more"):
        rows(archive({"report.xml": REPORT}))


@settings(max_examples=150, deadline=None)
@given(at=st.integers(0, 3_000), put=st.binary(min_size=0, max_size=4), end=st.integers(0, 3_000))
def test_a_damaged_archive_gives_rows_or_an_error(at: int, put: bytes, end: int) -> None:
    data = archive({"a": b"x" * 40, "report.xml": REPORT}, on=bool(end % 2))
    damaged = (data[:at] + put + data[at + len(put) :])[: len(data) - (end if end < 1_000 else 0)]
    try:
        rows(damaged, 100)
    except InvalidInput as error:
        assert error.code in ("bad_document", "document_too_large")


def test_memory_is_flat_whatever_is_in_the_archive() -> None:
    peaks = []
    for size in (1 << 20, 16 << 20):
        data = archive({"a.bin": os.urandom(1 << 20) * (size >> 20), "report.xml": REPORT + b" " * (size // 8)})
        tracemalloc.start()
        stream = Unzipped(Forward(data), lambda name: name == "report.xml", "report.xml")
        total = 0
        while piece := stream.read(1 << 18):
            total += len(piece)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert total == len(REPORT) + size // 8
    assert peaks[1] < peaks[0] + (2 << 20)
