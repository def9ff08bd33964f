"""The readable summary of an evidence package: one HTML page without scripts, links or anything from elsewhere.

It is a pure function of what was checked, so that a verifier can make it anew and compare it byte for byte. It says
nothing that depends on who verifies: which root keys and witnesses are pinned is the verdict's to say. A change of a
single byte here needs a new :data:`VERSION`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from graphsvc_verify.answers import records_in
from graphsvc_verify.canonical import parse
from graphsvc_verify.evidence import EntryReport, EvidenceReport
from graphsvc_verify.lines import READ
from graphsvc_verify.note import split_note
from graphsvc_verify.receipt import ReceiptReport
from graphsvc_verify.sections import records_of
from graphsvc_verify.telling import later_of

VERSION = 1
_STYLE = (
    "body{font:16px/1.5 sans-serif;max-width:60em;margin:2em auto;padding:0 1em;color:#111}"
    "table{border-collapse:collapse;margin:.5em 0 1.5em}th,td{border:1px solid #999;padding:.25em .6em;"
    "text-align:left;vertical-align:top;overflow-wrap:anywhere}th{background:#eee}"
    "pre{background:#f6f6f6;border:1px solid #999;padding:.8em;white-space:pre-wrap;overflow-wrap:anywhere}"
)
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
_FACTS = ("reader", "person", "purpose", "basis", "case", "policy", "export")
_HEADER = ("purpose", "basis", "case", "policy")
Told = tuple[str, bytes, ReceiptReport]


def write_summary(report: EvidenceReport, answers: Sequence[Told]) -> bytes:
    """The page; ``answers`` are (file name, data as sent, what its receipt proves)."""
    title = f"Evidence of {report.owner} from the log {report.origin}"
    body = [
        f"<h1>{escape(title)}</h1>",
        "<p>This page is for reading and proves nothing by itself. VERIFY.md says how to check the package; the check "
        "makes this page anew from the evidence and compares. Which signatures lead to the organisations, only the "
        "check can say. Times are UTC.</p>",
        *_log(report),
        *_entries(report),
        *(part for answer in answers for part in _answer(*answer)),
    ]
    head = (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{escape(_POLICY)}">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body>"
    )
    return "\n".join([head, *body, "</body></html>", ""]).encode()


def _log(report: EvidenceReport) -> Iterable[str]:
    _, lines = split_note(report.checkpoint.note)
    yield "<h2>The log</h2>"
    rows: list[tuple[object, object]] = [("name", report.origin), ("entries", report.checkpoint.size)]
    rows.append(("root", report.checkpoint.root.hex()))
    rows.append(("signature lines on its checkpoint", ", ".join(name for name, _, _ in lines)))
    left_out = ", ".join(f"{first} to {last}" for first, last in report.missing)
    rows.append(("entries of the owner left out (its own numbering)", left_out or "none"))
    yield _table((), rows)


def _entries(report: EvidenceReport) -> Iterable[str]:
    yield f"<h2>Entries ({len(report.entries)})</h2>"
    columns = ("entry", "time", "kind", "who", "purpose", "legal basis", "case", "records", "signed acts")
    yield _table(columns, (_entry(entry) for entry in report.entries))
    for entry in report.entries:
        for section in (entry.owner, entry.later):
            if section is None or not (records := records_of(section)):
                continue
            late = section["facts"].get("late")
            when = "" if late is None else f"; told on {late['due']} or later, by rule {late['rule']}: {late['law']}"
            title = f"Entry {entry.index}: records of {section['owner']} that were shown or hit{when}"
            yield f"<h3>{escape(title)}</h3>"
            facts = [(name, section["facts"][name]) for name in _FACTS if section["facts"].get(name)]
            yield _table((), facts)
            rows = ((*place, handle, ", ".join(groups)) for *place, handle, groups in records)
            yield _table(("submission (entry)", "row", "handle", "field groups"), rows)


def _entry(entry: EntryReport) -> tuple[object, ...]:
    said: Mapping[str, Any] = (entry.told or {}).get("facts", {})
    who = " · ".join(str(said[name]) for name in ("reader", "person", "by") if said.get(name))
    stated = [str(said.get(name) or "") for name in ("purpose", "basis", "case")]
    if entry.header is not None:
        party = entry.header.get("who") or {}
        who = " · ".join(str(party[name]) for name in ("org", "person") if party.get(name))
        stated = [str(entry.header.get(name) or "") for name in ("purpose", "basis", "case")]
    shown: object = "closed" if entry.records is None else len(entry.records)
    if entry.records is None and entry.header is not None:
        owners = [str(item["owner"]) for item in entry.header["owners"]]
        owners += [f"{item['owner']} ({late['due'] or 'never told'})" for item, late in _later(entry)]
        shown = "to " + (", ".join(owners) or "nobody told")
    acts = "; ".join(f"{act['typ']} by {act['person'] or act['via']} of {act['iss']}" for act in entry.acts)
    return (entry.index, entry.t, entry.type, who, *stated, shown, acts or "none")


def _later(entry: EntryReport) -> Sequence[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    return later_of(entry.header) if entry.header is not None and entry.type == READ else ()


def _answer(name: str, data: bytes, proof: ReceiptReport) -> Iterable[str]:
    header = proof.header
    who = header.get("who") or {}
    yield f"<h2>Answer {escape(name)}: entry {proof.index}</h2>"
    rows = [("asked by", f"{who.get('org', '')} · {who.get('person', '')}"), ("time", proof.leaf.t)]
    yield _table((), [*rows, *((item, header.get(item) or "") for item in _HEADER)])
    value = parse(data)
    shown = [(one.owner, one.handle, ", ".join(sorted(one.groups))) for one in records_in(value) if one.owner]
    if shown:
        yield f"<h3>Records in it ({len(shown)})</h3>"
        yield _table(("owner", "handle", "field groups"), sorted(set(shown)))
    yield "<h3>As it was sent</h3>"
    yield f"<pre>{escape(json.dumps(value, indent=1, ensure_ascii=False))}</pre>"


def _table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    head = "<tr>" + "".join(f"<th>{escape(name)}</th>" for name in columns) + "</tr>" if columns else ""
    body = "".join("<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row) + "</tr>\n" for row in rows)
    return f"<table>{head}{body}</table>"
