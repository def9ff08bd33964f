"""One suite for both payload stores."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from graphsvc.ledger.objects import FilePayloadStore, PayloadStore
from graphsvc.ledger.opening import open_payloads
from graphsvc.model.errors import IntegrityError, InvalidInput
from graphsvc.model.files import temporary
from graphsvc_verify.canonical import digest

Place = tuple[str, str]


@pytest.fixture
def store(place: Place) -> PayloadStore:
    return open_payloads(*place)


def test_what_was_put_comes_back_under_its_digest(store: PayloadStore, place: Place) -> None:
    data = [b"", b"x", bytes(range(256)) * 4096, b"graphsvc pack 2\n" + bytes(5 << 20)]
    names = [store.put(one) for one in data]
    assert names == [digest(one) for one in data]
    assert [open_payloads(*place).get(name) for name in names] == data
    assert sorted(store.names()) == sorted(names)
    assert store.put(data[1]) == names[1] and len(list(store.names())) == 4


def test_absent_and_removed(store: PayloadStore) -> None:
    with pytest.raises(IntegrityError, match="missing"):
        store.get(digest(b"never"))
    name = store.put(b"gone")
    store.remove(name)
    store.remove(name)
    with pytest.raises(IntegrityError, match="missing"):
        store.get(name)
    assert list(store.names()) == []


def test_what_failed_is_removed(store: PayloadStore) -> None:
    names: list[str] = []
    with pytest.raises(ZeroDivisionError), store.or_removed(names):
        names.append(store.put(b"half"))
        raise ZeroDivisionError
    with store.or_removed(names):
        names.append(store.put(b"whole"))
    assert list(store.names()) == [digest(b"whole")]


def test_many_put_the_same_at_once(store: PayloadStore) -> None:
    seen: list[str] = []
    threads = [threading.Thread(target=lambda: seen.append(store.put(b"same" * 1000))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [digest(b"same" * 1000)] * 8 and len(list(store.names())) == 1


def test_alteration_is_seen(store: PayloadStore, alter: Callable[[str, bytes], None]) -> None:
    name = store.put(b"as it was")
    alter(name, b"as it is")
    with pytest.raises(IntegrityError, match="altered"):
        store.get(name)
    # Conditional put: what lies there is not written over, even when it is wrong.
    store.put(b"as it was")
    with pytest.raises(IntegrityError, match="altered"):
        store.get(name)


@pytest.fixture
def alter(place: Place) -> Callable[[str, bytes], None]:
    """Puts other bytes behind a digest, past the store."""
    location, endpoint = place

    def in_files(name: str, data: bytes) -> None:
        next(path for path in Path(location).rglob(name.removeprefix("sha256:"))).write_bytes(data)

    def in_objects(name: str, data: bytes) -> None:
        import boto3

        bucket, _, prefix = location.removeprefix("s3://").partition("/")
        plain = name.removeprefix("sha256:")
        boto3.client("s3", endpoint_url=endpoint).put_object(
            Bucket=bucket, Key=f"{prefix}/{plain[:2]}/{plain}", Body=data
        )

    return in_objects if endpoint else in_files


def test_a_server_that_refuses_or_is_not_there(s3_place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(OSError, match="refused: NoSuchBucket"):
        open_payloads("s3://no-such-bucket/x", s3_place[1]).put(b"x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another")
    with pytest.raises(OSError, match="refused") as caught:
        open_payloads(*s3_place).put(b"x")
    assert "another" not in str(caught.value)
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with pytest.raises(OSError, match="can't be reached"):
        open_payloads("s3://bucket/x", "http://127.0.0.1:9").get(digest(b"x"))


def test_other_places_are_refused() -> None:
    for location in ("ftp://x", "s3:///x"):
        with pytest.raises(InvalidInput):
            open_payloads(location)


def test_half_written_files_are_no_objects(tmp_path: Path) -> None:
    store = FilePayloadStore(tmp_path)
    name = store.put(b"x")
    folder = next(path for path in tmp_path.iterdir())
    temporary(folder / name[7:]).write_bytes(b"half")
    assert list(store.names()) == [name]
