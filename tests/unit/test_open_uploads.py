"""Uploads in pieces, without HTTP: what a killed process leaves, who takes over from whom, what expires."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from graphsvc.api.resumable import KEPT, OpenUploads, sha256_of
from graphsvc.model.errors import Conflict, NotFound, TooLarge, TooMany
from graphsvc.model.principals import Organisation, Principal
from graphsvc.settings import Settings

PASAR = Organisation("pasar", "company", "ID", "Pasar")
ME = Principal(PASAR, "feed@pasar.example", ("submitter",), "pasar.feed")
OTHERS = (
    Principal(PASAR, "other@pasar.example", ("submitter",), "pasar.feed"),
    Principal(PASAR, "feed@pasar.example", ("submitter",), "pasar.other"),
    Principal(Organisation("swift", "company", "ID", "Swift"), "feed@pasar.example", ("submitter",), "pasar.feed"),
)
CHILD = """
import sys
from pathlib import Path
from tests.unit.test_open_uploads import ME, opened
uploads = opened(Path(sys.argv[1]))
writing = uploads.writing(ME, sys.argv[2], 0)
for n in range(10_000):
    writing.write(b"%07d\\n" % n)
    print(n, flush=True)
"""


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as made:
        yield made


def opened(folder: Path, clock: list[float] | None = None, **said: int) -> OpenUploads:
    made = OpenUploads(Settings(folder, **said), (lambda: clock[0]) if clock else time.time)
    made.open()
    return made


def test_a_killed_process_leaves_what_it_had_written_and_another_goes_on(tmp_path: Path) -> None:
    whole = b"".join(b"%07d\n" % n for n in range(10_000))
    name = opened(tmp_path).begin(ME, len(whole), "application/x-ndjson").name
    child = subprocess.Popen([sys.executable, "-c", CHILD, str(tmp_path), name], stdout=subprocess.PIPE)
    assert child.stdout is not None
    while int(child.stdout.readline()) < 500:
        continue
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    child.stdout.close()
    uploads = opened(tmp_path)
    offset = uploads.standing(ME, name).offset
    assert 500 * 8 <= offset <= len(whole)
    writing = uploads.writing(ME, name, offset)
    writing.write(whole[offset:])
    assert writing.finish(None)
    writing.close()
    found = uploads.use(ME, name)
    assert found.path.read_bytes() == whole and len(sha256_of(found.path)) == 32


def test_what_is_half_said_is_swept(tmp_path: Path) -> None:
    folder = tmp_path / "spool" / "uploads"
    first = opened(tmp_path)
    kept = first.begin(ME, 10, "text/csv").name
    lost = first.begin(ME, 10, "text/csv").name
    (folder / f"{lost}.json").unlink()
    (folder / f"{'B' * 22}.json").write_text("{")
    opened(tmp_path)
    assert sorted(path.name for path in folder.iterdir()) == sorted([f"{kept}.bytes", f"{kept}.json"])


def test_a_later_request_takes_over_and_the_hanging_one_writes_no_more(tmp_path: Path, stack: ExitStack) -> None:
    uploads = opened(tmp_path)
    name = uploads.begin(ME, 10, "text/csv").name
    hanging = stack.enter_context(closing(uploads.writing(ME, name, 0)))
    hanging.write(b"01")
    assert uploads.standing(ME, name).offset == 2
    with pytest.raises(Conflict):
        hanging.write(b"23")
    with pytest.raises(Conflict):
        uploads.writing(ME, name, 0)
    second = stack.enter_context(closing(uploads.writing(ME, name, 2)))
    second.write(b"23456789")
    with pytest.raises(TooLarge):
        second.write(b"x")
    with pytest.raises(Conflict):
        hanging.finish(b"wrong")
    assert uploads.standing(ME, name).offset == 10


def test_a_piece_of_another_digest_is_taken_back(tmp_path: Path) -> None:
    uploads = opened(tmp_path)
    name = uploads.begin(ME, 10, "text/csv").name
    with closing(uploads.writing(ME, name, 0)) as writing:
        writing.write(b"0123")
        assert not writing.finish(b"0" * 32)
    assert uploads.standing(ME, name).offset == 0


def test_nobody_else_s_and_nothing_expired(tmp_path: Path) -> None:
    clock = [1_000.0]
    uploads = opened(tmp_path, clock)
    name = uploads.begin(ME, 10, "text/csv").name
    for other in OTHERS:
        for ask in (uploads.standing, uploads.use, uploads.remove):
            with pytest.raises(NotFound) as real:
                ask(other, name)
            with pytest.raises(NotFound) as none:
                ask(other, "A" * 22)
            assert (real.value.message, real.value.where) == (none.value.message, none.value.where)
    for strange in ("", "../../ledger", "A" * 21, "A" * 23, f"{name}.json"):
        with pytest.raises(NotFound):
            uploads.standing(ME, strange)
    clock[0] += KEPT
    with pytest.raises(NotFound):
        uploads.standing(ME, name)
    uploads.begin(ME, 10, "text/csv")
    assert not list((tmp_path / "spool" / "uploads").glob(f"{name}*"))


def test_what_is_in_use_stays(tmp_path: Path) -> None:
    clock = [1_000.0]
    uploads = opened(tmp_path, clock)
    name = uploads.begin(ME, 1, "text/csv").name
    with pytest.raises(Conflict) as caught:
        uploads.use(ME, name)
    assert caught.value.code == "upload_incomplete"
    with closing(uploads.writing(ME, name, 0)) as writing:
        writing.write(b"x")
    path = uploads.use(ME, name).path
    with pytest.raises(Conflict):
        uploads.use(ME, name)
    with pytest.raises(Conflict):
        uploads.remove(ME, name)
    clock[0] += KEPT + 1
    uploads.begin(ME, 1, "text/csv")
    assert path.exists()
    uploads.used(name, remove=True)
    assert not path.exists()


def test_an_organisation_s_room_is_bounded(tmp_path: Path) -> None:
    uploads = opened(tmp_path, None, max_body=100, spool_an_organisation=250)
    with pytest.raises(TooLarge):
        uploads.begin(ME, 101, "text/csv")
    for _ in range(2):
        uploads.begin(ME, 100, "text/csv")
    with pytest.raises(TooMany):
        uploads.begin(ME, 100, "text/csv")
    uploads.begin(OTHERS[2], 100, "text/csv")
