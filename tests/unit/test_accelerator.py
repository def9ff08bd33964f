"""What the accelerator makes is byte for byte what the reference makes, and nothing that is handed to it breaks it."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphsvc.graph.handles import Handles
from graphsvc.ledger.daykeys import OVERSIGHT, DayKey, Epoch
from graphsvc.ledger.entry import Disclosure, EntryDraft, Hits, Late, OwnerPart
from graphsvc.ledger.fastsealer import FastSealer, open_sealer
from graphsvc.ledger.runs import Finished, Refused, Run, seal_run
from graphsvc.ledger.sealer import Sealer
from graphsvc.model import accelerator
from graphsvc.settings import read_settings

NATIVE = accelerator.load()
SOURCES = Path(__file__).parents[2] / "native"
needed = pytest.mark.skipif(NATIVE is None, reason=accelerator.describe())
ORIGIN, T = "log.example/test", "2026-11-25T10:00:00.000Z"
OWNERS = ("pasar", "swiftline", "tide", "ng-customs")
NAMES = (OVERSIGHT, "police-ke", *OWNERS, *(f"owner-{n}" for n in range(80)))


def stream(seed: int) -> Callable[[int], bytes]:
    """Bytes that both ways can draw, however they cut them."""
    place, whole = 0, hashlib.shake_256(seed.to_bytes(8, "big")).digest(1 << 17)

    def draw(size: int) -> bytes:
        nonlocal place
        place += size
        assert place <= len(whole)
        return whole[place - size : place]

    return draw


EPOCH = Epoch(
    3, "", {name: DayKey(*(stream(n)(64)[at : at + 32] for at in (0, 32))) for n, name in enumerate(NAMES)}, {}
)


def both(run: Run, seed: int = 1) -> tuple[list[Finished | Refused], list[Finished | Refused]]:
    """What the accelerator makes of a run, and what the reference makes of it."""
    assert NATIVE is not None
    return FastSealer(NATIVE, "", stream(seed)).seal(run, EPOCH), seal_run(run, EPOCH, stream(seed))


def run_of(drafts: list[EntryDraft], **more: Any) -> Run:
    numbers = {part.owner: (n, n or None) for n, part in enumerate(p for d in drafts for p in d.owners)}
    return Run(ORIGIN, more.get("index", 40), T, more.get("key_head", 9), numbers, drafts)


def told(owner: str, shown: int, late: Late | None = None, hits: Hits | None = None) -> OwnerPart:
    """An owner's part that shows so many records of two submissions."""
    groups = (("identity",), ("content", "identity"), ())
    records = [Disclosure(7 + n % 2, n, f"h-{owner}-{n}", groups[n % 3]) for n in range(shown)]
    return OwnerPart(owner, {"reader": "police-ke", "purpose": "investigation"}, records, hits, late)


def asking(*owners: OwnerPart, **more: Any) -> EntryDraft:
    draft = EntryDraft(
        type="read", who={"org": "police-ke", "person": "officer-1"}, purpose="investigation", basis="mlat", case="K-1",
        policy="sha256:00", at=5, query=b"{entity}", answer=b"{}", requester="police-ke", owners=[*owners], read=True,
    )  # fmt: skip
    for name, value in more.items():
        setattr(draft, name, value)
    draft.let_go()
    return draft


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
names = st.text(st.characters(max_codepoint=127), max_size=12)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=6,
)
said = st.dictionaries(names, values, max_size=4)
disclosures = st.lists(
    st.builds(
        Disclosure, st.integers(0, 2**40), st.integers(0, 2**28 - 1), texts, st.lists(texts, max_size=3).map(tuple)
    ),
    max_size=10,
)
hits = st.none() | st.builds(
    Hits, st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2**32 - 1)), max_size=5), st.booleans()
)
lates = st.none() | st.builds(Late, texts, texts, st.sampled_from(["", "2027-01-01"]))
parts = st.builds(OwnerPart, st.sampled_from(OWNERS), said, disclosures, hits, lates)
drafts = st.lists(parts, max_size=5, unique_by=lambda one: (one.owner, one.late is None)).flatmap(
    lambda owners: st.builds(
        asking, *map(st.just, owners), type=st.sampled_from(["read", "match"]), body=said, who=st.none() | said,
        at=st.none() | st.integers(-1, 2**40), case=st.none() | texts, requester=st.sampled_from([None, "police-ke"]),
    )
)  # fmt: skip


@needed
@settings(max_examples=40, deadline=None)
@given(st.lists(drafts, min_size=1, max_size=2), st.integers(0, 2**32))
def test_both_make_the_same_bytes_of_any_read(made: list[EntryDraft], seed: int) -> None:
    fast, slow = both(run_of(made), seed)
    assert fast == slow


@needed
@pytest.mark.parametrize(
    "owners",
    [
        [],
        [("pasar", 33)],
        [("pasar", 18), ("tide", 200)],
        [("pasar", 1_500)],
        [(name, 150) for name in NAMES[6:12]],
        [(name, 3) for name in NAMES[6:46]],
        [(name, 1) for name in NAMES[6:]],
    ],
    ids=["nothing", "8 KiB", "an object", "large", "full", "a header as object", "sections as object"],
)
def test_both_make_the_same_of_every_size(owners: list[tuple[str, int]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("graphsvc.ledger.fastsealer.seal_run", None)
    run = run_of([asking(*(told(*one) for one in owners)), asking(told("pasar", 1))])
    fast, slow = both(run)
    assert fast == slow and all(isinstance(one, Finished) for one in fast)


@needed
def test_both_make_the_same_of_who_is_told_late(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("graphsvc.ledger.fastsealer.seal_run", None)
    covert, never = Late("covert", "a law", "2027-01-01"), Late("never", "another", "")
    found = Hits([(7, 1), (9, 2), (7, 3)], more=True)
    owners = [told("pasar", 2, hits=found), told("pasar", 0, covert, found), told("tide", 0, never, found)]
    run = run_of([asking(*owners, told("swiftline", 0, covert, found), body={"export": True, "zone": [1, -2]})] * 2)
    fast, slow = both(run)
    assert fast == slow and isinstance(fast[1], Finished) and len(fast[1].later) == 6 and len(fast[1].shown) == 4


@needed
def test_one_byte_of_randomness_changes_what_is_made() -> None:
    """So the comparisons above would see a way that ignores what it is given."""
    fast, slow = both(run_of([asking(told("pasar", 2))]))
    others = both(run_of([asking(told("pasar", 2))]), seed=2)
    assert fast != others[0] and slow != others[1]


@needed
@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"body": {"number": 1 << 60}}, "not_canonical"),
        ({"body": {"share": 0.5}}, "not_canonical"),
        ({"body": {"when": b"bytes"}}, "not_canonical"),
        ({"requester": "nobody"}, "invalid_input"),
        ({"owners": [told("pasar", 1), told("pasar", 2)]}, "invalid_input"),
        ({"owners": [told("pasar", 1, hits=Hits([(1, 1 << 40)]))]}, "not_sealed"),
        ({"policy": "\ud800"}, "not_canonical"),
    ],
)
def test_what_the_reference_refuses_it_refuses_here_too(change: dict[str, Any], code: str) -> None:
    run = run_of([asking(told("pasar", 1)), asking(told("pasar", 1), **change), asking(told("pasar", 1))])
    outcomes = both(run)[0]
    assert [type(one) for one in outcomes] == [Finished, Refused, Finished]
    assert isinstance(outcomes[1], Refused) and outcomes[1].code == code


def native_keys() -> accelerator.EpochKeys:
    assert NATIVE is not None
    return NATIVE.EpochKeys(0, {name: (pair.key, pair.tag_key) for name, pair in EPOCH.keys.items()})


def message_of(run: Run) -> tuple[bytes, int]:
    return msgspec.msgpack.encode(run), 32 + sum(96 + 64 * len(draft.owners) for draft in run.drafts)


@needed
def test_names_beyond_ascii_are_left_to_the_reference() -> None:
    """They have an order of their own in canonical JSON."""
    run = run_of([asking(told("pasar", 1), body={"\ue000": 1, "\U0001f40b": 2})])
    message, need = message_of(run)
    assert native_keys().seal_run(message, bytes(need)) is None
    assert isinstance(both(run)[0][0], Finished)


@needed
@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32))
def test_a_damaged_message_is_refused_and_harms_nothing(seed: int) -> None:
    keys = native_keys()
    late = Late("covert", "a law", "")
    message, need = message_of(run_of([asking(told("pasar", 3, hits=Hits([(1, 2)])), told("tide", 0, late, Hits([])))]))
    chance, refused = random.Random(seed), 0
    for _ in range(40):
        spoiled = bytearray(message)
        for _ in range(chance.randint(1, 3)):
            spoiled[chance.randrange(len(spoiled))] = chance.choice((0, 0xFF, 0xDF, 0xDD, 0xC6, chance.randrange(256)))
        if chance.random() < 0.3:
            del spoiled[chance.randrange(len(spoiled)) :]
        try:
            keys.seal_run(bytes(spoiled), bytes(need))
        except ValueError:
            refused += 1
    assert refused, "not one of forty was refused"


@needed
def test_wrong_lengths_and_lies_about_them_are_value_errors() -> None:
    assert NATIVE is not None
    pair = (bytes(32), bytes(32))
    for wrong in ((bytes(31), bytes(32)), (bytes(32), b""), (bytes(64), bytes(32))):
        with pytest.raises(ValueError, match="32 bytes"):
            NATIVE.EpochKeys(0, {OVERSIGHT: wrong})
    keys = NATIVE.EpochKeys(0, dict.fromkeys(NAMES, pair))
    message, need = message_of(run_of([asking(told("pasar", 3))]))
    for size in (0, 31, need - 1, need + 1):
        with pytest.raises(ValueError, match="random bytes"):
            keys.seal_run(message, bytes(size))
    deep = b"\x91" * 100_000 + b"\xc0"
    for data in (
        b"",
        b"\xc1",
        b"\xdf\xff\xff\xff\xff",
        b"\xdd\xff\xff\xff\xff",
        b"\xc6\xff\xff\xff\xff",
        message + b"\x00",
    ):
        with pytest.raises(ValueError, match=r"."):
            keys.seal_run(data, bytes(need))
    body = message.replace(b"\xa4body\x80", b"\xa4body\x81\xa1a" + deep)
    assert len(body) > len(message) and keys.seal_run(body, bytes(need)) is None
    for key in (b"", bytes(32), bytes(65)):
        with pytest.raises(ValueError, match="64 bytes"):
            NATIVE.HandleCipher(key)
    for plain in (b"", bytes(24), bytes(26)):
        with pytest.raises(ValueError, match="25 bytes"):
            NATIVE.HandleCipher(bytes(64)).seal(plain)


@needed
@settings(deadline=None)
@given(st.binary(min_size=64, max_size=64), st.integers(0, 250), st.integers(0, 2**192 - 1))
def test_both_make_the_same_handle(key: bytes, kind: int, number: int) -> None:
    fast, slow = Handles(key), Handles(key, fast=accelerator.OFF)
    handle = fast.seal(kind, number)
    assert handle == slow.seal(kind, number)
    assert fast.open(handle) == slow.open(handle) == (kind, number)


@needed
def test_new_keys_under_an_old_index_are_taken() -> None:
    """A batch that is taken back may have begun an epoch; its index comes again, with other keys."""
    assert NATIVE is not None
    again = Epoch(EPOCH.index, "", {name: DayKey(os.urandom(32), os.urandom(32)) for name in NAMES}, {})
    sealer, run = FastSealer(NATIVE, "", lambda size: stream(5)(size)), run_of([asking(told("pasar", 1))])
    for epoch in (EPOCH, again, EPOCH):
        assert sealer.seal(run, epoch) == FastSealer(NATIVE, "", lambda size: stream(5)(size)).seal(run, epoch)


def test_it_is_chosen_in_one_place_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    assert accelerator.load(accelerator.OFF) is None and "off" in accelerator.describe(accelerator.OFF)
    assert isinstance(open_sealer(accelerator.OFF), Sealer)
    other = ModuleType(accelerator.PACKAGE)
    other.__version__ = "0.0.1"  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, accelerator.PACKAGE, other)
    assert accelerator.load() is None and "0.0.1" in accelerator.describe()
    monkeypatch.setitem(sys.modules, accelerator.PACKAGE, None)
    assert accelerator.load() is None and "not installed" in accelerator.describe()
    assert open_sealer(accelerator.AUTO).code == accelerator.describe() and len(Handles(bytes(64)).seal(1, 2)) == 55


def test_the_setting_is_auto_or_off() -> None:
    assert read_settings(Path("state"), {}).accelerator == accelerator.AUTO
    assert read_settings(Path("state"), {"GRAPHSVC_ACCELERATOR": "off"}).accelerator == accelerator.OFF


def pinned() -> dict[str, str]:
    """The crates that Cargo.toml pins, with their versions."""
    said = tomllib.loads((SOURCES / "Cargo.toml").read_text())
    tables = (said["dependencies"], said["target"]["cfg(any())"]["dependencies"])
    assert all(not one["default-features"] for table in tables for one in table.values())
    return {name: one["version"].removeprefix("=") for table in tables for name, one in table.items()}


def test_every_crate_is_pinned_by_version_and_checksum() -> None:
    lines = [line.split(" ") for line in (SOURCES / "crates.lock").read_text().splitlines()]
    assert {name: version for name, version, _ in lines} == pinned()
    assert all(re.fullmatch("[0-9a-f]{64}", checksum) for _, _, checksum in lines)
    assert not [name for name in pinned() if "sqlite" in name], "one SQLite library only"


def test_versions_agree_and_no_code_of_ours_is_unsafe() -> None:
    for name in ("Cargo.toml", "pyproject.toml"):
        said = tomllib.loads((SOURCES / name).read_text())
        assert (said.get("package") or said["project"])["version"] == accelerator.VERSION
    assert "#![forbid(unsafe_code)]" in (SOURCES / "src" / "lib.rs").read_text()
    assert f"graphsvc-native=={accelerator.VERSION}" in (SOURCES.parent / "pyproject.toml").read_text()


def test_without_cargo_it_is_told_and_nothing_fails(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, SOURCES / "build.py", "--strict"], env={"PATH": str(tmp_path)}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout.count("\n")) == (0, 1) and "cargo is not here" in done.stdout, done.stderr


def test_another_crate_than_the_pinned_one_is_not_built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.spec_from_file_location("native_build", SOURCES / "build.py")
    assert found is not None and found.loader is not None
    build = importlib.util.module_from_spec(found)
    found.loader.exec_module(build)
    monkeypatch.setattr(build, "HERE", tmp_path)
    (tmp_path / "Cargo.lock").touch()
    expected = build.listed()
    build.compare(dict(expected), expected)
    name = next(iter(expected))
    for other in ({**expected, name: "0" * 64}, {**expected, "left-pad 1.0.0": "0" * 64}):
        (tmp_path / "Cargo.lock").touch()
        with pytest.raises(build.NotBuilt, match=r"not those of crates\.lock") as caught:
            build.compare(other, expected)
        assert caught.value.broken and not (tmp_path / "Cargo.lock").exists()


ALLOWED = {"Apache-2.0", "MIT", "Unicode-3.0", "Apache-2.0 WITH LLVM-exception", "BSD-3-Clause", "Zlib"}


def test_every_crate_has_a_licence_that_is_allowed() -> None:
    cargo = shutil.which("cargo")
    if cargo is None or not (SOURCES / "Cargo.lock").exists():
        pytest.skip("no cargo here, or the accelerator was not built")
    command = [cargo, "metadata", "--offline", "--locked", "--format-version", "1"]
    done = subprocess.run(command, cwd=SOURCES, capture_output=True, text=True, check=True)
    for crate in json.loads(done.stdout)["packages"]:
        # All of what is joined by AND, one of what is joined by OR.
        for needed_one in crate["license"].replace("(", "").replace(")", "").split(" AND "):
            assert ALLOWED & set(needed_one.split(" OR ")), (crate["name"], crate["license"])
