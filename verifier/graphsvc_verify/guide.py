"""VERIFY.md: what whoever gets an evidence package reads first."""

GUIDE = """\
# How to check this package

This zip is evidence from a log of who asked for whose records, when and why. You need not trust whoever gave it to
you, nor whoever runs the log.

You need:

1. Python 3.11 or newer, and the package `graphsvc-verify` (it depends on `cryptography` only).
2. A trust file: the log's public key, the root keys of the organisations, and the keys of witnesses. Get each from
   its owner, or from a publication of its owner. Never from whoever gave you this package.

Then, without a network:

    python -m graphsvc_verify evidence.zip --trust trust.json

It prints HOLDS and exits with 0, or DOES NOT HOLD with the reason and exits with 1. `--json` prints one JSON object.
Check the zip as it came. Do not unpack and pack it again.

For each entry, and for each fact that an owner was told, the verdict says whether it is *signed by the organisation*
(it follows from an act whose key leads to the root key that you pinned) or *asserted by the operator* of the log. An
act that does not count is named with the reason, and proves nothing. The verdict ends with what no check can detect.
Read that, too.

What is inside:

- `summary.html` is for reading. The check makes it anew from the evidence and compares.
- `answers/` holds the answers that an investigator received, exactly as they came, with their receipts.
- `entries/` holds entries of the log as they were hashed, each with a proof (c2sp.org/tlog-proof).
- `checkpoint.txt` is the log's signed state (c2sp.org/tlog-checkpoint), with the signatures of witnesses.
- `acts/` holds what organisations signed: submissions, consents, and the enrolment of every key.
- `objects/` holds sealed parts that are too large for an entry.
- `manifest.json` lists all files by SHA-256, and holds the keys that open the sealed parts shown here.
"""
