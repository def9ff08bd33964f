"""``python -m graphsvc_verify FILE --trust KEYS [--json]``: check a receipt, a saved answer or an evidence file.

Exit status 0: everything holds; 1: something does not; 2: the command was wrong.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from graphsvc_verify.canonical import parse
from graphsvc_verify.errors import VerifyError
from graphsvc_verify.evidence import FORMAT, EvidenceReport, check_evidence
from graphsvc_verify.receipt import ReceiptReport, check_receipt
from graphsvc_verify.trust import Trust, parse_trust

_START = b'{"data":'


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    parser = argparse.ArgumentParser(prog="graphsvc-verify", description="Check receipts and evidence offline.")
    parser.add_argument("file", type=Path, help="receipt, saved GraphQL answer, or evidence file (JSON)")
    parser.add_argument("--trust", type=Path, required=True, help="trust file: pinned keys (JSON)")
    parser.add_argument("--data", type=Path, help="the bytes of the answer's data, to check a bare receipt against")
    parser.add_argument("--json", action="store_true", help="machine-readable result")
    chosen = parser.parse_args(arguments)
    try:
        trust = parse_trust(parse(chosen.trust.read_bytes()))
        data = None if chosen.data is None else chosen.data.read_bytes()
        result = check_file(chosen.file.read_bytes(), trust, data)
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


def check_file(raw: bytes, trust: Trust, data: bytes | None = None) -> dict[str, Any]:
    """Check the bytes of a file, whichever of the three kinds it is. Raises VerifyError."""
    value = parse(raw)
    if isinstance(value, dict) and value.get("format") == FORMAT:
        return _evidence_result(check_evidence(value, trust))
    if isinstance(value, dict) and "extensions" in value:
        receipt = (value["extensions"] or {}).get("receipt")
        return _receipt_result(check_receipt(receipt, trust, answer_bytes(raw)))
    return _receipt_result(check_receipt(value, trust, data))


def answer_bytes(raw: bytes) -> bytes:
    """The bytes of ``data`` in a GraphQL answer, exactly as sent. Raises VerifyError ``bad_answer``."""
    if not raw.startswith(_START):
        raise VerifyError("bad_answer", "an answer starts with its data")
    try:
        text = raw[len(_START) :].decode()
        _, end = json.JSONDecoder().raw_decode(text)
    except ValueError:
        raise VerifyError("bad_answer", "the answer's data is not JSON") from None
    return text[:end].encode()


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
        "recordsChecked": report.records,
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
                "facts": None if entry.owner is None else entry.owner["facts"],
                "records": None if entry.owner is None else _records(entry.owner),
            }
            for entry in report.entries
        ],
        "leftOut": [list(gap) for gap in report.missing],
        "limits": list(report.limits),
    }


def _records(section: Any) -> list[list[Any]]:
    """Each record shown as [submission, row, groups]."""
    return [[section["submissions"][at], row, section["groups"][groups]] for at, row, _, groups in section["leaves"]]


def _text(result: dict[str, Any]) -> str:
    lines = [f"HOLDS  {result['kind']} of {result['origin']}, log size {result['size']}"]
    if result["kind"] == "receipt":
        lines.append(f"  entry {result['index']} ({result['type']}) at {result['t']}")
        lines += [f"  {owner}: {count} records" for owner, count in result["owners"].items()]
        checked = result["recordsChecked"]
        lines.append("  answer not given" if checked is None else f"  records found in the answer: {checked}")
    else:
        for entry in result["entries"]:
            shown = "closed" if entry["records"] is None else f"{len(entry['records'])} records"
            lines.append(f"  entry {entry['index']} ({entry['type']}) at {entry['t']}: {shown}, {entry['assurance']}")
            lines += [
                f"    {act['typ']} by {act['person'] or act['via']} of {act['iss']}: {act['assurance']}"
                for act in entry["acts"]
            ]
        lines += [f"  left out on purpose: owner's entries {first} to {last}" for first, last in result["leftOut"]]
    return "\n".join(lines + [f"  note: {limit}" for limit in result["limits"]]) + "\n"


if __name__ == "__main__":
    sys.exit(main())
