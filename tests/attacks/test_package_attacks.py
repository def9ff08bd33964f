"""Evidence packages as an enemy would change them."""

from __future__ import annotations

import io
import json
import re
import stat
import struct
import subprocess
import sys
import tracemalloc
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from attack_world import Witness, World, size_of, witnesses
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from ledger_actors import trust_value

from graphsvc.ledger.checkpoint import LogSigner
from graphsvc.ledger.tree import Tree, View
from graphsvc_verify.__main__ import main
from graphsvc_verify.archive import read_archive, write_archive
from graphsvc_verify.canonical import decode, digest, encode
from graphsvc_verify.errors import VerifyError
from graphsvc_verify.merkle import leaf_hash
from graphsvc_verify.note import parse_checkpoint, split_note
from graphsvc_verify.package import check_package, pack_evidence
from graphsvc_verify.proof import format_proof
from graphsvc_verify.receipt import check_receipt

Files = dict[str, bytes]


@pytest.fixture(scope="module")
def package(still: World) -> bytes:
    return still.package()


def relisted(files: Files) -> bytes:
    """The files with a manifest that lists them as they are now: what an enemy who knows the format would do."""
    said = decode(files["manifest.json"].rstrip(b"\n"))
    said["files"] = {name: digest(content) for name, content in files.items() if name != "manifest.json"}
    others = {name: content for name, content in sorted(files.items()) if name != "manifest.json"}
    return write_archive({"manifest.json": encode(said) + b"\n", **others})


def changed(files: Files, change: Callable[[dict[str, Any]], Any]) -> Files:
    """The files with the manifest changed."""
    said = decode(files["manifest.json"].rstrip(b"\n"))
    change(said)
    return {**files, "manifest.json": encode(said) + b"\n"}


def test_a_package_holds_and_says_what_it_proves(still: World, package: bytes) -> None:
    report = check_package(package, still.trust())
    assert [one.proof.records for one in report.answers] == [2, 3]
    assert [entry.assurance for entry in report.evidence.entries] == [
        "asserted by the operator",
        "signed by the organisation",
    ]
    assert any("colluding" in limit for limit in report.limits)
    assert package == still.package(), "equal content gives equal bytes"


def test_the_summary_is_one_page_without_scripts_and_escaped(package: bytes) -> None:
    page = read_archive(package)["summary.html"].decode()
    assert "&lt;b&gt;value&lt;/b&gt; 1" in page and "<b>" not in page
    assert "<script" not in page and not re.search(r"""(?:src|href)\s*=""", page)
    assert "Content-Security-Policy" in page and "police-ke · officer-1" in page and "investigation" in page


def test_the_command_checks_a_package_without_the_service(still: World, package: bytes, tmp_path: Path) -> None:
    file, trust = tmp_path / "evidence.zip", tmp_path / "trust.json"
    file.write_bytes(package)
    trust.write_text(json.dumps(trust_value(still.ledger, still.members, checkpoint=still.pinned)))
    # Without the folder of the service on the path: the verifier must not need it.
    verifier = str(Path(__file__).parents[2] / "verifier")
    code = (
        "import sys; sys.path.insert(0, sys.argv.pop(1))\n"
        "class Refuse:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.split('.')[0] in {'graphsvc', 'httpx2', 'msgspec', 'sqlalchemy', 'rich', 'typer'}:\n"
        "            raise ImportError(name)\n"
        "sys.meta_path.insert(0, Refuse())\n"
        "from graphsvc_verify.__main__ import main; sys.exit(main())"
    )
    command = [sys.executable, "-c", code, verifier, str(file), "--trust", str(trust)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr + done.stdout
    assert "HOLDS  package" in done.stdout and "of police-ke: signed by the organisation" in done.stdout
    done = subprocess.run([*command, "--json"], capture_output=True, text=True, check=False)
    assert [one["recordsChecked"] for one in json.loads(done.stdout)["answers"]] == [2, 3]


def flip(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


@pytest.mark.parametrize(
    ("name", "codes"),
    [
        ("checkpoint.txt", {"bad_package", "bad_note"}),
        ("entries/000000000012.json", {"bad_package", "not_json", "not_canonical", "bad_leaf", "bad_proof"}),
        ("acts/", {"bad_package"}),
        ("objects/", {"bad_package"}),
        (
            "answers/0001.json",
            {"altered_answer", "bad_answer", "not_json", "bad_package", "bad_proof", "bad_receipt", "bad_base64"},
        ),
        ("summary.html", {"wrong_summary"}),
        ("VERIFY.md", {"wrong_summary"}),
    ],
)
def test_an_altered_file_does_not_hold(still: World, package: bytes, name: str, codes: set[str]) -> None:
    files = read_archive(package)
    name = next((one for one in files if one.startswith(name)), f"entries/{still.indexes[0]:012d}.json")
    files[name] = flip(files[name])
    assert still.refused_package(write_archive(files)) == "altered_file"
    assert still.refused_package(relisted(files)) in codes


def test_a_summary_that_tells_another_story_does_not_hold(still: World, package: bytes) -> None:
    files = read_archive(package)
    files["summary.html"] = files["summary.html"].replace(b"investigation", b"curiosity")
    assert still.refused_package(relisted(files)) == "wrong_summary"
    older = changed(files, lambda said: said.update(summary=0))
    report = check_package(relisted(older), still.trust())
    assert any("not checked" in limit for limit in report.limits), "of another version it is said so"


def test_an_unlisted_or_missing_file_does_not_hold(still: World, package: bytes) -> None:
    files = read_archive(package)
    assert still.refused_package(write_archive({**files, "notes.html": b"believe me"})) == "unlisted_file"
    without = {name: content for name, content in files.items() if name != "VERIFY.md"}
    assert still.refused_package(write_archive(without)) == "missing_file"
    stray = {**files, f"acts/{digest(b'x')[7:]}.jws": b"x"}
    assert still.refused_package(relisted(stray)) == "bad_package", "listed, but belongs to no entry"
    assert still.refused_package(relisted({**files, "answers/0009.json": files["answers/0001.json"]})) == "bad_package"


def test_an_answer_whose_entry_is_left_out_does_not_hold(still: World, package: bytes) -> None:
    gone = f"{still.indexes[0]:012d}"
    files = {name: content for name, content in read_archive(package).items() if gone not in name}
    files = changed(
        files, lambda said: said.update(entries=[one for one in said["entries"] if one["index"] != still.indexes[0]])
    )
    # Acts and objects may stay: a package may hold only what its entries refer to, and one of them is gone.
    assert still.refused_package(relisted(files)) in {"wrong_entry", "bad_package"}


def test_a_receipt_that_comes_twice_does_not_hold(still: World, package: bytes) -> None:
    files = read_archive(package)
    files["answers/0003.json"] = files["answers/0001.json"]
    files = changed(files, lambda said: said["answers"].append("answers/0003.json"))
    assert still.refused_package(relisted(files)) == "act_replayed"


def test_an_answer_from_another_log_does_not_hold(still: World, package: bytes, world: World) -> None:
    files = read_archive(package)
    files["answers/0001.json"] = world.answers[0]
    assert still.refused_package(relisted(files)) in {"bad_note", "bad_signature"}


def test_a_receipt_of_a_tree_that_is_no_part_of_this_one_does_not_hold(still: World) -> None:
    evidence, answers, growth = still.case_file()
    answer = json.loads(answers[0])
    receipt = answer["extensions"]["receipt"]
    # The operator signed another tree of the same size for this reader alone: its entry among others.
    index, size = receipt["index"], size_of(receipt["checkpoint"])
    fork = Tree(lambda level, n: None)
    for _, _, leaf in still.ledger.entries(0, size):
        fork.append(leaf_hash(leaf if fork.size else b"another first entry"))
    note = still.ledger._state.signer.sign(size, fork.root(size))
    receipt.update(checkpoint=note, proof=format_proof(index, View(fork, size).inclusion(index), note))
    start = answers[0][: answers[0].index(b',"extensions":')]
    forged = start + b',"extensions":' + json.dumps(answer["extensions"]).encode() + b"}"
    check_receipt(receipt, still.trust(checkpoint=None))  # By itself it holds.
    with pytest.raises(VerifyError) as caught:
        pack_evidence(evidence, [forged, answers[1]], growth, still.trust())
    assert caught.value.code == "fork"


def test_a_checkpoint_by_another_key_does_not_hold(still: World, package: bytes) -> None:
    files = read_archive(package)
    note = files["checkpoint.txt"].decode()
    forged = LogSigner(still.ledger.origin, Ed25519PrivateKey.generate()).sign(
        size_of(note), parse_checkpoint(split_note(note)[0], note).root
    )
    swapped = {name: content.replace(note.encode(), forged.encode()) for name, content in files.items()}
    assert still.refused_package(relisted(swapped)) == "bad_note"


def test_stripped_cosignatures_do_not_hold(still: World) -> None:
    first, second = Witness("witness.example/a"), Witness("witness.example/b")
    plain = still.ledger.checkpoint()
    pinned = {"witnesses": witnesses(first.key, second.key)}
    both = still.package(second.cosign(first.cosign(plain)), **pinned)
    report = check_package(both, still.trust(**pinned))
    assert [one.name for one in report.evidence.witnesses] == ["witness.example/a", "witness.example/b"]
    files = read_archive(both)
    note = files["checkpoint.txt"]
    one_line = b"".join(note.splitlines(keepends=True)[:-1])
    stripped = {name: content.replace(note, one_line) for name, content in files.items()}
    assert still.refused_package(relisted(stripped), **pinned) == "not_witnessed"
    assert still.refused_package(still.package(), **pinned) == "not_witnessed"


def test_a_package_is_refused_whatever_is_wrong_with_its_zip(still: World, package: bytes) -> None:
    for name, spoil in ZIPS.items():
        assert still.refused_package(spoil(read_archive(package), package)) == "bad_zip", name


def raw_zip(files: Files, change: Callable[[zipfile.ZipInfo], Any] = lambda info: None, **options: Any) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", **options) as archive:
        for name, content in files.items():
            info = zipfile.ZipInfo(name)
            info.create_system, info.external_attr = 3, (stat.S_IFREG | 0o644) << 16
            change(info)
            archive.writestr(info, content)
    return out.getvalue()


def twice(files: Files, package: bytes, name: str = "summary.html") -> bytes:
    out = io.BytesIO(package)
    with warnings.catch_warnings(), zipfile.ZipFile(out, "a") as archive:
        warnings.simplefilter("ignore")
        archive.writestr(name, b"another story")
    return out.getvalue()


def with_name(name: str) -> Callable[[Files, bytes], bytes]:
    return lambda files, package: raw_zip({**files, name: b"x"})


def link(info: zipfile.ZipInfo) -> None:
    if info.filename == "VERIFY.md":
        info.create_system = 3
        info.external_attr = (stat.S_IFLNK | 0o777) << 16


def encrypted(files: Files, package: bytes) -> bytes:
    data = bytearray(package)
    at = data.index(b"PK\x01\x02") + 8
    data[at] |= 1
    return bytes(data)


def renamed_locally(files: Files, package: bytes) -> bytes:
    """The file's own header says another name than the directory: programs that read only one are told two stories."""
    at = package.index(b"VERIFY.md")
    return package[:at] + b"verify.md" + package[at + 9 :]


def larger_than_said(files: Files, package: bytes) -> bytes:
    data = bytearray(package)
    at = data.index(b"PK\x01\x02")
    size = struct.unpack_from("<I", data, at + 24)[0]
    struct.pack_into("<I", data, at + 24, size - 1)
    return bytes(data)


def gap(files: Files, package: bytes) -> bytes:
    """Bytes between the last file and the directory, with all offsets right."""
    end = package.rindex(b"PK\x05\x06")
    start = struct.unpack_from("<I", package, end + 16)[0]
    data = bytearray(package[:start] + b"hidden" + package[start:])
    struct.pack_into("<I", data, end + 6 + 16, start + 6)
    return bytes(data)


def overlapping(files: Files, package: bytes) -> bytes:
    """Two names for one content: the second directory record points at the first file."""
    data = bytearray(package)
    first = data.index(b"PK\x01\x02")
    second = data.index(b"PK\x01\x02", first + 4)
    data[second + 42 : second + 46] = data[first + 42 : first + 46]
    return bytes(data)


def bomb(files: Files, package: bytes) -> bytes:
    """A file that says it is larger than all that is ever unpacked here."""
    data = bytearray(package)
    struct.pack_into("<I", data, data.index(b"PK\x01\x02") + 24, (1 << 30) + 1)
    return bytes(data)


def with_byte(data: bytes, at: int, value: int) -> bytes:
    return data[:at] + bytes([value]) + data[at + 1 :]


def hidden(package: bytes, what: bytes) -> bytes:
    """Bytes in the last file's own header, which the directory does not speak of; all offsets right."""
    at = package.rindex(b"PK\3\4")
    name = struct.unpack_from("<H", package, at + 26)[0]
    end = package.rindex(b"PK\5\6")
    start = struct.unpack_from("<I", package, end + 16)[0]
    data = bytearray(package[: at + 30 + name] + what + package[at + 30 + name :])
    struct.pack_into("<H", data, at + 28, len(what))
    struct.pack_into("<I", data, end + len(what) + 16, start + len(what))
    return bytes(data)


def many(files: Files, package: bytes) -> bytes:
    data = bytearray(package)
    end = data.rindex(b"PK\x05\x06")
    struct.pack_into("<HH", data, end + 8, 60_000, 60_000)
    return bytes(data)


ZIPS: dict[str, Callable[[Files, bytes], bytes]] = {
    "duplicate name": twice,
    "duplicate name in another case": lambda files, package: twice(files, package, "SUMMARY.html"),
    "traversal": with_name("../evil.html"),
    "absolute": with_name("/etc/evil.html"),
    "backslash": with_name("acts\\evil.jws"),
    "deep": with_name("acts/more/evil.jws"),
    "folder": with_name("acts/"),
    "null": lambda files, package: package.replace(b"VERIFY.md", b"VERIFY\0md"),
    "unicode": with_name("summary．html"),
    "link": lambda files, package: raw_zip(files, link),
    "comment of a file": lambda files, package: raw_zip(files, lambda info: setattr(info, "comment", b"x")),
    "extra field": lambda files, package: raw_zip(files, lambda info: setattr(info, "extra", b"UT\1\0x")),
    "comment": lambda files, package: package[:-2] + b"\4\0more",
    "bytes before": lambda files, package: b"PK\3\4<script>" + package,
    "bytes after": lambda files, package: package + b"more",
    "bytes within": gap,
    "overlap": overlapping,
    "encrypted": encrypted,
    "other compression": lambda files, package: raw_zip(
        files, lambda info: setattr(info, "compress_type", zipfile.ZIP_BZIP2)
    ),
    "two names": renamed_locally,
    "wrong size": larger_than_said,
    "bomb": bomb,
    "wrong number of files": many,
    "compressed": lambda files, package: raw_zip(
        files, lambda info: setattr(info, "compress_type", zipfile.ZIP_DEFLATED)
    ),
    "extra field in the file's own header": lambda files, package: hidden(package, b"more"),
    "version needed": lambda files, package: with_byte(package, package.index(b"PK\3\4") + 4, 45),
    "another day": lambda files, package: raw_zip(
        files, lambda info: setattr(info, "date_time", (2026, 1, 1, 0, 0, 0))
    ),
    "another order": lambda files, package: write_archive(dict(reversed(files.items()))),
    "no file": lambda files, package: b"PK\5\6" + bytes(18),
    "manifest without its line end": lambda files, package: write_archive(
        {**files, "manifest.json": files["manifest.json"].rstrip()}
    ),
    "cut off": lambda files, package: package[: len(package) // 2],
    "damaged": lambda files, package: package[:200] + flip(package[200:400]) + package[400:],
    "not one": lambda files, package: b"PK\3\4",
}


def test_the_form_is_the_plainest_that_others_read_and_write(still: World, package: bytes) -> None:
    """Another program makes the same bytes of the same files, so each attack above changes what it says and no more."""
    assert raw_zip(read_archive(package)) == package
    assert read_archive(hidden(package, b"")) == read_archive(package)
    with zipfile.ZipFile(io.BytesIO(package)) as archive:
        assert archive.testzip() is None and {one.compress_type for one in archive.infolist()} == {zipfile.ZIP_STORED}


def test_no_byte_of_a_package_can_be_changed(still: World, package: bytes) -> None:
    """Every byte of headers, directory and end record; of what the files hold, every 11th."""
    held, trust = False, still.trust()
    within = [range(at + 30 + len(name), at + 30 + len(name) + size) for name, at, size in places(package)]
    content = {at for part in within for at in part if at % 11}
    for at in range(len(package)):
        if at in content:
            continue
        try:
            check_package(with_byte(package, at, package[at] ^ 1 << at % 8), trust)
        except VerifyError:
            continue
        held = True
    assert not held


def places(package: bytes) -> list[tuple[str, int, int]]:
    with zipfile.ZipFile(io.BytesIO(package)) as archive:
        return [(one.filename, one.header_offset, one.file_size) for one in archive.infolist()]


def test_a_small_zip_does_not_become_large(still: World) -> None:
    """What is packed is told by its header, and not unpacked."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo("manifest.json"), b"{}", zipfile.ZIP_STORED)
        archive.writestr(zipfile.ZipInfo("summary.html"), bytes(64 << 20), zipfile.ZIP_DEFLATED)
    small = out.getvalue()
    assert len(small) < 200_000
    tracemalloc.start()
    try:
        assert still.refused_package(small) == "bad_zip"
        assert tracemalloc.get_traced_memory()[1] < 4 << 20
    finally:
        tracemalloc.stop()


def test_the_command_says_so_and_ends_with_1(
    still: World, package: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, trust = tmp_path / "evidence.zip", tmp_path / "trust.json"
    trust.write_text(json.dumps(trust_value(still.ledger, still.members)))
    file.write_bytes(twice({}, package))
    assert main([str(file), "--trust", str(trust)]) == 1
    assert "DOES NOT HOLD  bad_zip: a name is there twice" in capsys.readouterr().out
