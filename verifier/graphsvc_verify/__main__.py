"""``python -m graphsvc_verify FILE --trust KEYS [--json]``: check evidence (zip or file), a saved answer or a receipt.

Exit status 0: everything holds; 1: something does not; 2: the command was wrong.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from graphsvc_verify.answers import answer_bytes
from graphsvc_verify.archive import MAX_TOTAL, is_archive
from graphsvc_verify.canonical import parse
from graphsvc_verify.cosignature import Cosignature
from graphsvc_verify.errors import VerifyError
from graphsvc_verify.evidence import FORMAT, EntryReport, EvidenceReport, check_evidence
from graphsvc_verify.keychain import OPERATOR
from graphsvc_verify.package import PackageReport, check_package
from graphsvc_verify.receipt import ReceiptReport, attention_of, check_receipt
from graphsvc_verify.stamps import told
from graphsvc_verify.trust import Trust, parse_trust


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    parser = argparse.ArgumentParser(prog="graphsvc-verify", description="Check receipts and evidence offline.")
    parser.add_argument("file", type=Path, help="evidence package (zip) or file, saved GraphQL answer, or receipt")
    parser.add_argument("--trust", type=Path, required=True, help="trust file: pinned keys (JSON)")
    parser.add_argument("--data", type=Path, help="the bytes of the answer's data, to check a bare receipt against")
    parser.add_argument("--json", action="store_true", help="machine-readable result")
    chosen = parser.parse_args(arguments)
    try:
        trust = parse_trust(parse(chosen.trust.read_bytes()))
        data = None if chosen.data is None else _read(chosen.data)
        result = check_file(_read(chosen.file), trust, data)
    except OSError as error:
        parser.error(f"{error.filename}: {error.strerror}")
    except VerifyError as error:
        failure = {"ok": False, "code": error.code, "message": error.message}
        sys.stdout.write(
            json.dumps(failure) + "\n" if chosen.json else f"DOES NOT HOLD  {error.code}: {error.message}\n"
        )
        return 1
    sys.stdout.write(json.dumps(result, ensure_ascii=False) + "\n" if chosen.json else _text(result))
    return 0


def _read(path: Path) -> bytes:
    """A file's bytes, but not of one that no check would take."""
    if path.stat().st_size > MAX_TOTAL:
        raise VerifyError("too_large", f"{path.name} has more than {MAX_TOTAL >> 20} MiB")
    return path.read_bytes()


def check_file(raw: bytes, trust: Trust, data: bytes | None = None) -> dict[str, Any]:
    """Check the bytes of a file, whichever of the four kinds it is. Raises VerifyError."""
    if is_archive(raw):
        return _package_result(check_package(raw, trust))
    value = parse(raw)
    if isinstance(value, dict) and value.get("format") == FORMAT:
        return _evidence_result(check_evidence(value, trust))
    if isinstance(value, dict) and "extensions" in value:
        receipt = (value["extensions"] or {}).get("receipt")
        return _receipt_result(check_receipt(receipt, trust, answer_bytes(raw)))
    return _receipt_result(check_receipt(value, trust, data))


def _receipt_result(report: ReceiptReport) -> dict[str, Any]:
    header = report.header
    return {
        "ok": True,
        "kind": "receipt",
        "origin": report.checkpoint.origin,
        "index": report.index,
        "type": report.leaf.type,
        "t": report.leaf.t,
        "size": report.checkpoint.size,
        "who": header["who"],
        "purpose": header["purpose"],
        "basis": header["basis"],
        "case": header["case"],
        "owners": {owner: len(handles) for owner, handles in report.disclosed.items()},
        "later": {owner: dict(late) for owner, late in report.later.items()},
        "recordsChecked": report.records,
        "attention": attention_of(report),
        "witnesses": _witnesses(report.witnesses),
        "limits": list(report.limits),
    }


def _evidence_result(report: EvidenceReport) -> dict[str, Any]:
    return {
        "ok": True,
        "kind": "evidence",
        "origin": report.origin,
        "owner": report.owner,
        "size": report.checkpoint.size,
        "entries": [
            {
                "index": entry.index,
                "type": entry.type,
                "t": entry.t,
                "assurance": entry.assurance,
                "acts": entry.acts,
                "void": entry.void,
                "facts": None if entry.told is None else _facts(entry),
                "records": None if entry.records is None else [[s, row, list(g)] for s, row, _, g in entry.records],
                "recordsBy": OPERATOR if entry.records else None,
                "late": None if entry.later is None else entry.later["facts"]["late"],
            }
            for entry in report.entries
        ],
        "leftOut": [list(gap) for gap in report.missing],
        "witnesses": _witnesses(report.witnesses),
        "timestamps": told(report.stamps),
        "limits": list(report.limits),
    }


def _package_result(report: PackageReport) -> dict[str, Any]:
    answers = [{"file": one.name, **_receipt_result(one.proof)} for one in report.answers]
    for one in answers:
        del one["ok"], one["kind"], one["limits"]
    return {**_evidence_result(report.evidence), "kind": "package", "answers": answers, "limits": list(report.limits)}


def _witnesses(found: tuple[Cosignature, ...]) -> list[dict[str, str]]:
    return [{"name": one.name, "t": one.time.isoformat().replace("+00:00", "Z")} for one in found]


def _facts(entry: EntryReport) -> dict[str, Any]:
    """Each fact that the owner was told as {value, by}: whose word it is."""
    told = {} if entry.told is None else entry.told["facts"]
    return {name: {"value": told[name], "by": by} for name, by in entry.facts.items()}


def _text(result: dict[str, Any]) -> str:
    lines = [f"HOLDS  {result['kind']} of {result['origin']}, log size {result['size']}"]
    answers = [result] if result["kind"] == "receipt" else result.get("answers", ())
    lines += [f"  ATTENTION: {one.get('file', 'answer')}: {one['attention']}" for one in answers if one["attention"]]
    lines += [f"  witnessed by {one['name']} at {one['t']}" for one in result["witnesses"]]
    for one in result.get("timestamps", ()):
        what = f"by {one['by']} at {one['t']}" if one["t"] else "not checked"
        lines.append(f"  time-stamp of the first {one['size']} entries: {what}")
    if result["kind"] == "receipt":
        lines += _answer_lines(result)
    else:
        lines += _entry_lines(result)
        for answer in result.get("answers", ()):
            lines.append(f"  {answer['file']}: as the log committed to it")
            lines += [f"  {line}" for line in _answer_lines(answer)]
    return "\n".join(map(_plain, [*lines, *(f"  note: {limit}" for limit in result["limits"])])) + "\n"


def _plain(line: str) -> str:
    """A line as it may go to a terminal: names in it are the operator's, and must not write lines of their own."""
    return "".join(letter if letter.isprintable() else "?" for letter in line)


def _answer_lines(result: dict[str, Any]) -> list[str]:
    lines = [f"  entry {result['index']} ({result['type']}) at {result['t']}"]
    lines += [f"  {owner}: {count} records" for owner, count in result["owners"].items()]
    for owner, late in result["later"].items():
        when = "is never told" if late["due"] is None else f"is told on {late['due']} or later"
        lines.append(f"  {owner}: hits, of which it {when}, by rule {late['rule']}: {late['law']}")
    checked = result["recordsChecked"]
    return [*lines, "  answer not given" if checked is None else f"  records found in the answer: {checked}"]


def _entry_lines(result: dict[str, Any]) -> list[str]:
    """A table of the entries, and under each the acts that it carries."""
    rows = []
    for entry in result["entries"]:
        shown = "closed" if entry["records"] is None else f"{len(entry['records'])} records"
        rows.append((f"entry {entry['index']} ({entry['type']})", f"at {entry['t']}:", f"{shown},", entry["assurance"]))
    widths = [max((len(row[at]) for row in rows), default=0) for at in range(3)]
    lines = []
    for row, entry in zip(rows, result["entries"], strict=True):
        lines.append("  " + " ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[3]]))
        lines += [
            f"    {act['typ']} by {act['person'] or act['via']} of {act['iss']}: {act['assurance']}"
            for act in entry["acts"]
        ]
        lines += [f"    an act in it counts for nothing ({void['code']}): {void['message']}" for void in entry["void"]]
        lines += _fact_lines(entry["facts"] or {})
        lines += [f"    which records: {entry['recordsBy']}"] if entry["recordsBy"] else []
        if late := entry["late"]:
            lines.append(f"    told late, on {late['due']} or later, by rule {late['rule']}: {late['law']}")
    return lines + [f"  left out on purpose: owner's entries {first} to {last}" for first, last in result["leftOut"]]


def _fact_lines(facts: dict[str, Any]) -> list[str]:
    """What the owner was told, by whose word it is."""
    by: dict[str, list[str]] = {}
    for name, fact in facts.items():
        by.setdefault(fact["by"], []).append(name)
    return [f"    {', '.join(names)}: {word}" for word, names in sorted(by.items(), reverse=True)]


if __name__ == "__main__":
    sys.exit(main())
