"""Both databases and both payload stores; one of each kind needs nothing, the other a server of its own."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1] / "unit"))

from tests.databases import S3_LOGIN, object_store

_count = itertools.count()


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with object_store(tmp_path_factory.mktemp("s3")) as url:
        yield url


@pytest.fixture
def s3_place(s3_server: str, monkeypatch: pytest.MonkeyPatch) -> tuple[str, str]:
    """A fresh prefix in a bucket, and the server's URL."""
    boto3 = pytest.importorskip("boto3", reason="graphsvc[s3] is not installed")
    for name, value in S3_LOGIN.items():
        monkeypatch.setenv(name, value)
    client = boto3.client("s3", endpoint_url=s3_server)
    bucket = f"bucket{next(_count)}"
    client.create_bucket(Bucket=bucket)
    return f"s3://{bucket}/some/prefix", s3_server


Place = tuple[str, str]


@pytest.fixture(params=["files", "s3"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """Where payloads lie, and the server's URL if there is one."""
    if request.param == "files":
        return str(tmp_path / "payloads"), ""
    found: Place = request.getfixturevalue("s3_place")
    return found
