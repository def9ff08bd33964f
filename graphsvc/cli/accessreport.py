"""The subject access report as one HTML page, to be read or printed: no scripts, nothing from elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from graphsvc.wire.answers import TellingRule
from graphsvc.wire.lifecycle import SubjectAccess, SubjectDisclosure, SubjectEntity, SubjectLink, SubjectRecord

STATES = {
    "live": "in use",
    "expired": "expired: shown to nobody, held until it is purged",
    "recalled": "taken back: shown to nobody, held until it is purged",
}
_STYLE = (
    "body{font:16px/1.5 sans-serif;max-width:60em;margin:2em auto;padding:0 1em;color:#111}"
    "table{border-collapse:collapse;margin:.5em 0 1.5em}th,td{border:1px solid #999;padding:.25em .6em;"
    "text-align:left;vertical-align:top;overflow-wrap:anywhere}th{background:#eee}"
    "pre{background:#f6f6f6;border:1px solid #999;padding:.8em;white-space:pre-wrap;overflow-wrap:anywhere}"
    "section{break-inside:avoid-page;border-top:2px solid #111;margin-top:2em}"
)
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def counted(report: SubjectAccess) -> str:
    """The number of records that the report lists, and of how many if it does not list all."""
    listed, there = len(report.records), report.record_count
    return f"{listed} of {there} records shown" if report.truncated else f"{listed} records"


def told_in_general(rules: Iterable[TellingRule]) -> list[str]:
    """Lines, one per rule, about disclosures that an access log or a report lists late or never."""
    lines = []
    for rule in rules:
        when = "not at all" if rule.delay is None else f"{rule.delay} days late"
        asked = f"{', '.join(rule.askers)} for {', '.join(rule.purposes)} on {', '.join(rule.legal_bases)}"
        whose = f" about records of {', '.join(rule.owners)}" if rule.owners else ""
        lines.append(f"hits that were told to {asked}{whose} are listed {when}, by rule {rule.rule}: {rule.law}")
    return lines


def write_report(report: SubjectAccess) -> bytes:
    """The HTML page, in UTF-8, of a report from :func:`graphsvc.client.custody.subject_access`."""
    records = report.records
    title = f"What {report.organisation} holds on {report.kind} {report.key}"
    readers = sorted({read.reader for record in records for read in record.disclosures})
    facts = [
        ("identifier", f"{report.kind} {report.key}"),
        ("organisation", report.organisation),
        ("made at (UTC)", report.made_at),
        ("records", counted(report)),
        ("disclosed to", ", ".join(readers) or "nobody"),
    ]
    body = [f"<h1>{escape(title)}</h1>", _table((), facts)]
    if report.truncated:
        body.append(f"<p><strong>There are more records than one report holds: {counted(report)}.</strong></p>")
    elif not records:
        body.append("<p>The organisation holds no record about this identifier.</p>")
    body += [f"<p>{escape(line)}</p>" for line in told_in_general(report.told_late)]
    head = (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{escape(_POLICY)}">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body>"
    )
    pages = (part for number, record in enumerate(records, 1) for part in _record(number, record))
    return "\n".join([head, *body, *pages, "</body></html>", ""]).encode()


def _record(number: int, record: SubjectRecord) -> Iterable[str]:
    yield f"<section><h2>Record {number}</h2>"
    state = STATES.get(record.state, record.state)
    handling = record.handling
    yield _table(
        (),
        [
            ("record", record.handle),
            ("received", f"{record.received_at}, submission {record.submission}, row {record.row}"),
            ("state", f"{state}{'; under a legal hold' if record.held else ''}"),
            ("handling", f"{handling.scheme} {handling.code}, PAP {record.pap}"),
            ("held under", record.legal_basis),
            ("for the purposes", ", ".join(record.purposes) or "any that the policy allows"),
            ("shared with groups", ", ".join(record.sharing_groups) or "none"),
            ("said of the time", f"{record.since or 'open'} to {record.until or 'open'}"),
            ("expires", record.expires or "not by itself"),
        ],
    )
    yield "<h3>What it says</h3>"
    entities = ((one.kind, one.key, _attributes(one)) for one in record.entities)
    yield _table(("kind", "identifier", "attributes"), entities)
    if record.links:
        links = ((one.source, one.kind, one.target, _attributes(one)) for one in record.links)
        yield _table(("from", "link", "to", "attributes"), links)
    yield "<h3>As it was received</h3>"
    yield f"<pre>{escape(record.raw)}</pre>"
    yield "<h3>To whom it was disclosed</h3>"
    reads = [
        (
            *(read.at, read.reader, read.person, read.purpose, read.legal_basis, read.case),
            _told(read),
            read.index,
        )
        for read in record.disclosures
    ]
    columns = ("when (UTC)", "organisation", "person", "purpose", "legal basis", "case", "what", "ledger entry")
    yield _table(columns, reads) if reads else "<p>To no other organisation.</p>"
    yield "</section>"


def _told(read: SubjectDisclosure) -> str:
    what = "that there is a record" if read.hit else "the record"
    return f"{what}, for a file" if read.export else what


def _attributes(one: SubjectEntity | SubjectLink) -> str:
    return "; ".join(f"{value.name}: {value.value}" for value in one.attributes)


def _table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    head = "<tr>" + "".join(f"<th>{escape(name)}</th>" for name in columns) + "</tr>" if columns else ""
    body = "".join("<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row) + "</tr>\n" for row in rows)
    return f"<table>{head}{body}</table>"
