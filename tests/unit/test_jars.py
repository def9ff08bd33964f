"""The list of jars, and what fetching does without a network."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from graphsvc.local.jars import fetch_jars, jar_list, user_cache
from graphsvc.model.errors import Unavailable

SETTINGS = """<settings xmlns="http://maven.apache.org/SETTINGS/1.2.0"><mirrors>
<mirror><id>other</id><mirrorOf>plugins</mirrorOf><url>http://127.0.0.1:1/other</url></mirror>
<mirror><id>here</id><mirrorOf>*, !plugins</mirrorOf><url>http://127.0.0.1:9/maven/</url></mirror>
</mirrors></settings>"""


def test_the_list_names_each_jar_once_with_its_hash() -> None:
    jars = jar_list()
    assert len({jar.filename for jar in jars}) == len(jars) == 224
    assert all(re.fullmatch("[0-9a-f]{64}", jar.sha256) for jar in jars)
    assert "netty-transport-native-epoll-4.1.137.Final-linux-x86_64.jar" in {jar.filename for jar in jars}


def test_a_jar_with_another_hash_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "home"
    (home / ".m2").mkdir(parents=True)
    (home / ".m2" / "settings.xml").write_text(SETTINGS)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("USERPROFILE", str(home))
    monkeypatch.delenv("M2_REPO", raising=False)
    folder = tmp_path / "cache" / "neo4j-5.26.30"
    folder.mkdir(parents=True)
    for jar in jar_list():
        (folder / jar.filename).write_bytes(b"not a jar")
    # The mirror that the settings name is asked, and it is not there.
    with pytest.raises(Unavailable, match="can't be fetched"):
        fetch_jars(tmp_path / "cache")
    assert {path.read_bytes() for path in folder.glob("*.jar")} == {b"not a jar"}
    assert not list(folder.glob("fetch-*"))


def test_the_cache_directory_can_be_chosen() -> None:
    assert user_cache({"GRAPHSVC_CACHE": "/srv/cache"}) == Path("/srv/cache")
