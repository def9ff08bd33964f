"""Evidence packages: one zip for court, which anyone checks offline from pinned keys alone.

::

    manifest.json           {v: 1, format, summary, origin, owner, selected, consistency, growth, entries, epochs,
                            keyEvents, answers, files: {name: digest}}
    checkpoint.txt          the signed checkpoint, cosigned where there are witnesses
    entries/<index>.json    a ledger entry exactly as hashed            entries/<index>.proof   its tlog-proof
    acts/<hex>.jws          a signed act; .json: a signed read          objects/<hex>.bin       a sealed object
    answers/<nnnn>.json     an answer with its receipt, exactly as an investigator received it
    summary.html            for reading; made from the rest, byte for byte
    VERIFY.md               how to check

Every file but the manifest is listed in it by digest, and nothing else may be there. The summary is no evidence by
itself: whoever checks makes it anew and compares, so that nobody is told another story than the evidence tells.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from graphsvc_verify.answers import answer_bytes
from graphsvc_verify.archive import read_archive, write_archive
from graphsvc_verify.canonical import b64u, decode, digest, encode, parse, unb64u
from graphsvc_verify.errors import VerifyError
from graphsvc_verify.evidence import FORMAT as EVIDENCE
from graphsvc_verify.evidence import EvidenceReport, check_evidence
from graphsvc_verify.guide import GUIDE
from graphsvc_verify.merkle import verify_consistency
from graphsvc_verify.note import Checkpoint
from graphsvc_verify.proof import format_proof, parse_proof
from graphsvc_verify.receipt import ReceiptReport, check_receipt
from graphsvc_verify.stamps import TYPE
from graphsvc_verify.summary import VERSION, write_summary
from graphsvc_verify.trust import Trust

FORMAT = "graphsvc-evidence-package"
OTHER_SUMMARY = "The summary was written by another version of the program and is not checked; the evidence itself is."
_MANIFEST = {
    *("v", "format", "summary", "origin", "owner", "selected", "consistency", "growth", "entries", "epochs"),
    *("keyEvents", "answers", "files"),
}


@dataclass(frozen=True, slots=True)
class AnswerReport:
    """One answer as disclosed: the file's name, its data as sent, and what its receipt proves."""

    name: str
    data: bytes
    proof: ReceiptReport


@dataclass(frozen=True, slots=True)
class PackageReport:
    """A checked package. ``limits`` says what is not detectable."""

    evidence: EvidenceReport
    answers: tuple[AnswerReport, ...]
    limits: tuple[str, ...]


def pack_evidence(
    evidence: Mapping[str, Any],
    answers: Sequence[bytes],
    growth: Sequence[Mapping[str, Any]],
    trust: Trust,
) -> bytes:
    """The package of an evidence file's content and of answers as received; checked before it is returned.

    ``growth`` holds ``{old, proof}`` for each size of tree that an answer's receipt is about and that is smaller than
    the evidence's. Raises VerifyError when what is to be packed does not hold.
    """
    files = _evidence_files(evidence)
    names = [f"answers/{number:04d}.json" for number in range(1, len(answers) + 1)]
    files |= dict(zip(names, answers, strict=True))
    said = {
        "v": 1,
        "format": FORMAT,
        "summary": VERSION,
        "origin": evidence["origin"],
        "owner": evidence["owner"],
        "selected": evidence["selected"],
        "consistency": evidence["consistency"],
        "growth": sorted(growth, key=lambda item: int(item["old"])),
        "entries": [{"index": item["index"], "opened": item["opened"]} for item in evidence["entries"]],
        "epochs": [item["index"] for item in evidence["epochs"]],
        "keyEvents": [
            {"index": item["index"], "act": digest(item["act"].encode()), **_person(item)}
            for item in evidence["keyEvents"]
        ],
        "answers": names,
    }
    if stamps := evidence.get("timestamps"):
        said["timestamps"] = [{"index": item["index"], "grown": item["grown"]} for item in stamps]
    report = check_evidence(evidence, trust)
    found = tuple(_check_answers(said, files, report, trust))
    files["summary.html"] = write_summary(report, [(one.name, one.data, one.proof) for one in found])
    files["VERIFY.md"] = GUIDE.encode()
    said["files"] = {name: digest(content) for name, content in sorted(files.items())}
    return write_archive({"manifest.json": encode(said) + b"\n", **dict(sorted(files.items()))})


def check_package(data: bytes, trust: Trust) -> PackageReport:
    """Check a package against pinned keys. Raises VerifyError that says what does not hold."""
    # 1. The archive itself: nothing twice, nothing outside, nothing unlisted (archive).
    files = read_archive(data)
    said = _read_manifest(files)
    try:
        # 2. Entries, proofs, keys, acts, opened sections (evidence).
        report = check_evidence(_evidence(said, files), trust)
        # 3. Each answer under its receipt, and the receipt in this very log (receipt).
        answers = tuple(_check_answers(said, files, report, trust))
        # 4. What people read is what was checked (summary).
        summary = write_summary(report, [(one.name, one.data, one.proof) for one in answers])
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise VerifyError("bad_package", f"the package is malformed: {type(error).__name__}") from None
    if said["summary"] != VERSION:
        return PackageReport(report, answers, (*report.limits, OTHER_SUMMARY))
    if files["summary.html"] != summary:
        raise VerifyError("wrong_summary", "the summary says something else than the evidence")
    if files["VERIFY.md"] != GUIDE.encode():
        raise VerifyError("wrong_summary", "VERIFY.md is not the one of this format")
    return PackageReport(report, answers, report.limits)


def _read_manifest(files: Mapping[str, bytes]) -> dict[str, Any]:
    if "manifest.json" not in files:
        raise VerifyError("bad_package", "there is no manifest.json")
    if not files["manifest.json"].endswith(b"}\n"):
        raise VerifyError("bad_zip", "the manifest is not one line with its end")
    said = decode(files["manifest.json"][:-1])
    if not isinstance(said, dict) or said.get("format") != FORMAT or said.get("v") != 1:
        raise VerifyError("bad_package", "not an evidence package of version 1")
    whole = set(said) - {"timestamps"} == _MANIFEST
    if not whole or not isinstance(said["files"], dict) or type(said["summary"]) is not int:
        raise VerifyError("bad_package", "the manifest is malformed")
    listed = set(said["files"]) | {"manifest.json"}
    if unlisted := sorted(set(files) - listed):
        raise VerifyError("unlisted_file", f"the manifest does not list {unlisted[0]}")
    if missing := sorted(listed - set(files)):
        raise VerifyError("missing_file", f"{missing[0]} is missing")
    if list(files) != ["manifest.json", *sorted(said["files"])]:
        raise VerifyError("bad_zip", "the files are not in their order: the manifest, then the others by name")
    for name, expected in said["files"].items():
        if digest(files[name]) != expected:
            raise VerifyError("altered_file", f"{name} is not the file that the manifest lists")
    if not {"checkpoint.txt", "summary.html", "VERIFY.md"} <= listed:
        raise VerifyError("missing_file", "checkpoint, summary or guide are missing")
    return said


def _evidence_files(evidence: Mapping[str, Any]) -> dict[str, bytes]:
    note = str(evidence["checkpoint"])
    files = {"checkpoint.txt": note.encode()}
    acts: set[str] = set()
    for item in [*evidence["entries"], *evidence["epochs"], *evidence["keyEvents"], *evidence.get("timestamps", ())]:
        raw, index = unb64u(item["leaf"]), int(item["index"])
        files[_entry_name(index, "json")] = raw
        path = [unb64u(step, 32) for step in item["proof"]]
        files[_entry_name(index, "proof")] = format_proof(index, path, note).encode()
        leaf = decode(raw)
        acts.update(leaf["acts"] if leaf["type"] not in ("keys", TYPE) else ())
    for item in evidence["keyEvents"]:
        files[_named("acts", digest(item["act"].encode()))] = item["act"].encode()
    for name, text in evidence["objects"].items():
        content = unb64u(text)
        files[_named("acts" if name in acts else "objects", name, content)] = content
    return files


def _evidence(said: Mapping[str, Any], files: Mapping[str, bytes]) -> dict[str, Any]:
    """The evidence file's content that a package holds; every entry, act and object in it must have been named."""
    note = files["checkpoint.txt"].decode()
    objects = {
        "sha256:" + name.partition("/")[2].partition(".")[0]: b64u(content)
        for name, content in files.items()
        if name.startswith(("acts/", "objects/"))
    }
    stamps = said.get("timestamps", [])
    indexes = {int(item["index"]) for item in [*said["entries"], *said["keyEvents"], *stamps]} | set(said["epochs"])
    referred = set().union(*(_referred(files[_entry_name(index, "json")], files) for index in indexes))
    if set(objects) != referred & set(objects) or any(digest(unb64u(text)) != name for name, text in objects.items()):
        raise VerifyError("bad_package", "an act or object belongs to no entry here, or is not what its name says")
    if any(name.endswith(".jws") is files[name].startswith(b"{") for name in files if name.startswith("acts/")):
        raise VerifyError("bad_package", "a signed read is kept as .json, any other act as .jws")
    named = {_entry_name(index, kind) for index in indexes for kind in ("json", "proof")}
    if named != {name for name in files if name.startswith("entries/")}:
        raise VerifyError("bad_package", "the entries are not those that the manifest names")
    if set(said["answers"]) != {name for name in files if name.startswith("answers/")}:
        raise VerifyError("bad_package", "the answers are not those that the manifest names")

    def proved(index: int) -> dict[str, Any]:
        shown = parse_proof(files[_entry_name(index, "proof")].decode())
        if shown.index != index or shown.note != note:
            raise VerifyError("bad_package", "a proof is of another entry or checkpoint")
        leaf = b64u(files[_entry_name(index, "json")])
        return {"index": index, "leaf": leaf, "proof": [b64u(step) for step in shown.path]}

    return {
        "v": 1,
        "format": EVIDENCE,
        **{name: said[name] for name in ("origin", "owner", "selected", "consistency")},
        "checkpoint": note,
        "entries": [{**proved(item["index"]), "opened": item["opened"]} for item in said["entries"]],
        "epochs": [proved(index) for index in said["epochs"]],
        "keyEvents": [
            {**proved(item["index"]), "act": files[_named("acts", item["act"])].decode("ascii"), **_person(item)}
            for item in said["keyEvents"]
        ],
        "objects": objects,
        "timestamps": [{**proved(item["index"]), "grown": item["grown"]} for item in stamps],
    }


def _referred(raw: bytes, files: Mapping[str, bytes]) -> set[str]:
    """The digests that an entry refers to: acts, and sealed parts kept as objects."""
    leaf = decode(raw)
    names = set(leaf["acts"])
    parts = leaf["sections"]
    if isinstance(parts, dict):
        names.add(parts["object"])
        parts = decode(files[_named("objects", parts["object"])])
    return names | {part["object"] for part in [leaf["header"], *parts] if "object" in part}


def _check_answers(
    said: Mapping[str, Any], files: Mapping[str, bytes], report: EvidenceReport, trust: Trust
) -> Iterable[AnswerReport]:
    growth = {item["old"]: [unb64u(step, 32) for step in item["proof"]] for item in said["growth"]}
    leaves = {
        _index_of(name): content for name, content in files.items() if name.endswith(".json") and "entries" in name
    }
    seen: set[int] = set()
    for name in said["answers"]:
        raw = files[name]
        data = answer_bytes(raw)
        receipt: dict[str, Any] = (parse(raw).get("extensions") or {}).get("receipt") or {}
        proof = check_receipt(receipt, trust, data)
        if proof.header.get("answer") is None:
            raise VerifyError("bad_package", f"{name} is no answer to a question")
        if (
            proof.index not in {entry.index for entry in report.entries}
            or unb64u(receipt["leaf"]) != leaves[proof.index]
        ):
            raise VerifyError("wrong_entry", f"the entry that {name} rests on is not in the package")
        if proof.index in seen:
            raise VerifyError("act_replayed", f"the receipt of {name} is there twice")
        seen.add(proof.index)
        _check_growth(proof.checkpoint, report.checkpoint, growth)
        yield AnswerReport(name, data, proof)


def _check_growth(old: Checkpoint, new: Checkpoint, growth: Mapping[int, list[bytes]]) -> None:
    """Check that the tree of a receipt is a part of the evidence's tree."""
    if old.size > new.size:
        raise VerifyError("truncated", "a receipt is of a larger tree than the evidence")
    if old.size < new.size and old.size not in growth:
        raise VerifyError("no_consistency", f"the package does not show how the log grew from size {old.size}")
    try:
        verify_consistency(old.size, new.size, old.root, new.root, growth[old.size] if old.size < new.size else [])
    except VerifyError as error:
        raise VerifyError("fork", f"a receipt is of another tree than the evidence: {error.message}") from None


def _entry_name(index: int, kind: str) -> str:
    return f"entries/{index:012d}.{kind}"


def _index_of(name: str) -> int:
    return int(name.partition("/")[2].partition(".")[0])


def _person(item: Mapping[str, Any]) -> dict[str, Any]:
    """What opens the person of a key event, where it is told."""
    return {"person": item["person"]} if "person" in item else {}


def _named(folder: str, name: str, content: bytes = b"") -> str:
    """The name of an act or object by its digest; a signed read is JSON, any other act a JWS."""
    kind = "bin" if folder != "acts" else "json" if content.startswith(b"{") else "jws"
    return f"{folder}/{name.removeprefix('sha256:')}.{kind}"
