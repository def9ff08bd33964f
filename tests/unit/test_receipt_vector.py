"""A receipt with its answer that stays as it is: what a second implementation of the check holds itself against."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from ledger_actors import ORIGIN, QUESTION, handle, opened, over_wire, read_of, shown

from graphsvc.ledger.entry import EntryDraft
from graphsvc_verify.canonical import unb64u
from graphsvc_verify.errors import VerifyError
from graphsvc_verify.note import parse_vkey
from graphsvc_verify.receipt import check_receipt, query_digest
from graphsvc_verify.trust import Trust

VECTOR = Path(__file__).parents[1] / "vectors" / "receipt.json"
OWNER = "pasar"


def made_anew(folder: Path) -> dict[str, object]:
    """Another such receipt: keys and salts are fresh, so it is never the same twice."""
    ledger, _ = opened(folder)
    for _ in range(5):
        ledger.append(EntryDraft(type="note")).result()
    records = [
        {"handle": handle(OWNER, i), "owner": OWNER, "attributes": [{"fieldGroup": group} for group in one.groups]}
        for i, one in enumerate(shown(OWNER, 4))
    ]
    data = json.dumps({"entity": {"kind": "Phone", "handle": "other", "records": records}}, separators=(",", ":"))
    draft = read_of("police-ke", {OWNER: 4, "swiftline": 2}, ledger.head - 1, data.encode())
    receipt = over_wire(ledger.append(draft).result().receipt)
    key, others = ledger.log_vkey, opened(folder / "another")[0]
    found = {
        "logKey": key,
        "otherLogKey": others.log_vkey,
        "request": QUESTION.decode(),
        "data": data,
        "receipt": receipt,
    }
    ledger.close()
    others.close()
    return found


def test_the_receipt_holds_and_a_changed_answer_does_not(tmp_path: Path) -> None:
    if os.environ.get("GRAPHSVC_WRITE_VECTORS"):
        VECTOR.write_text(json.dumps(made_anew(tmp_path), indent=1) + "\n")
    vector = json.loads(VECTOR.read_text())
    trust = Trust(ORIGIN, parse_vkey(vector["logKey"]), {})
    report = check_receipt(vector["receipt"], trust, vector["data"].encode())
    assert report.records == 4
    assert report.header["query"] == query_digest(vector["request"].encode(), unb64u(report.header["answerSalt"], 32))
    with pytest.raises(VerifyError) as refused:
        check_receipt(vector["receipt"], trust, vector["data"].replace("other", "OTHER").encode())
    assert refused.value.code == "altered_answer"
    with pytest.raises(VerifyError):
        check_receipt(vector["receipt"], Trust(ORIGIN, parse_vkey(vector["otherLogKey"]), {}), vector["data"].encode())
