from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ledger_actors import Member, handle, opened, over_wire, read_of, shown, trust_of, trust_value

from graphsvc.ledger.entry import EntryDraft, Hits, OwnerPart
from graphsvc.ledger.log import Ledger
from graphsvc_verify.__main__ import main
from graphsvc_verify.canonical import b64u, unb64u
from graphsvc_verify.errors import VerifyError
from graphsvc_verify.receipt import attention_of, check_receipt
from graphsvc_verify.trust import Trust

OWNER = "pasar"
Receipt = dict[str, Any]


def record(i: int, groups: list[str]) -> dict[str, Any]:
    attributes = [{"fieldGroup": group, "name": "n", "value": "v"} for group in groups]
    return {"handle": handle(OWNER, i), "owner": OWNER, "attributes": attributes}


def answer(*records: dict[str, Any]) -> bytes:
    return json.dumps({"entity": {"kind": "phone", "handle": "other", "records": list(records)}}).encode()


DATA = answer(*(record(i, list(item.groups)) for i, item in enumerate(shown(OWNER, 4))))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Any:
    ledger, members = opened(tmp_path_factory.mktemp("log"))
    for _ in range(5):
        ledger.append(EntryDraft(type="note")).result()
    yield ledger, members
    ledger.close()


@pytest.fixture(scope="module")
def receipt(world: tuple[Ledger, list[Member]]) -> Receipt:
    ledger, _ = world
    return over_wire(
        ledger.append(read_of("police-ke", {OWNER: 4, "swiftline": 2}, ledger.head - 1, DATA)).result().receipt
    )


@pytest.fixture(scope="module")
def trust(world: tuple[Ledger, list[Member]]) -> Trust:
    return trust_of(*world)


def test_a_good_receipt_holds(receipt: Receipt, trust: Trust) -> None:
    report = check_receipt(receipt, trust, DATA)
    assert report.records == 4 and report.header["who"]["org"] == "police-ke"


def test_an_answer_names_a_hit_only_of_an_owner_that_is_told(world: tuple[Ledger, list[Member]], trust: Trust) -> None:
    ledger, _ = world
    data = json.dumps({"match": [{"outcome": "HIT", "contacts": [{"org": OWNER}]}]}).encode()

    def check(owner: str) -> Any:
        draft = read_of("police-ke", {owner: 0}, ledger.head - 1, data)
        draft.owners = [OwnerPart(one.owner, one.facts, [], Hits([(7, 1), (7, 4)])) for one in draft.owners]
        return check_receipt(over_wire(ledger.append(draft).result().receipt), trust, data)

    report = check(OWNER)
    assert report.hits == {OWNER} and report.disclosed == {OWNER: {}} and attention_of(report) == ""
    with pytest.raises(VerifyError) as refused:
        check("swiftline")
    assert refused.value.code == "unlisted_hit"


def flip(text: str, at: int) -> str:
    raw = bytearray(unb64u(text))
    raw[at] ^= 1
    return b64u(bytes(raw))


def set_owner_leaf(receipt: Receipt, at: int, value: Any) -> None:
    receipt["openings"]["owners"][0]["leaves"][0][at] = value


TAMPERED: dict[str, tuple[Callable[[Receipt], Any], set[str]]] = {
    "leaf": (lambda r: r.update(leaf=flip(r["leaf"], 40)), {"bad_proof"}),
    "index": (lambda r: r.update(index=r["index"] - 1), {"bad_receipt"}),
    "proof index": (lambda r: r.update(proof=r["proof"].replace("index ", "index 1")), {"bad_proof"}),
    "proof path": (lambda r: r.update(proof=drop_line(r["proof"], 2)), {"bad_proof"}),
    "other checkpoint": (lambda r: r.update(checkpoint=r["checkpoint"] + " "), {"bad_receipt"}),
    "signature": (lambda r: resign(r), {"bad_signature"}),
    "tree size": (lambda r: r.update(proof=bump_size(r["proof"])), {"bad_signature"}),
    "header key": (lambda r: r["openings"].update(headerKey=b64u(bytes(32))), {"bad_box"}),
    "owner left out": (lambda r: r["openings"]["owners"].pop(), {"missing_owner"}),
    "owner renamed": (lambda r: r["openings"]["owners"][0].update(owner="swiftline"), {"missing_owner"}),
    "owners swapped": (lambda r: r["openings"]["owners"].reverse(), {"missing_owner"}),
    "record left out": (lambda r: r["openings"]["owners"][0]["leaves"].pop(), {"wrong_root"}),
    "record added": (lambda r: r["openings"]["owners"][0]["leaves"].append([b64u(bytes(32)), "h", []]), {"wrong_root"}),
    "handle": (lambda r: set_owner_leaf(r, 1, "h-else"), {"wrong_root"}),
    "groups": (lambda r: set_owner_leaf(r, 2, ["financial"]), {"wrong_root"}),
    "commitment": (lambda r: set_owner_leaf(r, 0, b64u(bytes(32))), {"wrong_root"}),
    "no openings": (lambda r: r.pop("openings"), {"bad_receipt"}),
    "odd openings": (lambda r: r.update(openings=[]), {"bad_receipt"}),
}


def drop_line(text: str, at: int) -> str:
    lines = text.split("\n")
    del lines[at]
    return "\n".join(lines)


def bump_size(text: str) -> str:
    lines = text.split("\n")
    at = lines.index("log.example/test") + 1
    lines[at] = str(int(lines[at]) + 1)
    return "\n".join(lines)


def resign(receipt: Receipt) -> None:
    lines = receipt["proof"].rstrip("\n").split("\n")
    name, _, value = lines[-1].rpartition(" ")
    lines[-1] = f"{name} {value[:12]}{'A' if value[12] != 'A' else 'B'}{value[13:]}"
    receipt["proof"] = "\n".join(lines) + "\n"


@pytest.mark.parametrize("name", TAMPERED)
def test_a_tampered_receipt_does_not_hold(receipt: Receipt, trust: Trust, name: str) -> None:
    change, codes = TAMPERED[name]
    copied = copy.deepcopy(receipt)
    change(copied)
    with pytest.raises(VerifyError) as caught:
        check_receipt(copied, trust, DATA)
    assert caught.value.code in codes


def test_altered_answer_bytes_show(receipt: Receipt, trust: Trust) -> None:
    for data in (DATA + b" ", DATA[:-1], DATA.replace(b'"v"', b'"w"', 1), b""):
        with pytest.raises(VerifyError) as caught:
            check_receipt(receipt, trust, data)
        assert caught.value.code == "altered_answer"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (answer(record(4, [])), "unlisted_record"),
        (answer({"handle": handle(OWNER, 0), "owner": "swiftline"}), "unlisted_record"),
        (answer(record(1, ["financial", "identity"])), "unlisted_group"),
        (json.dumps({"rings": [{"reasons": [{"records": [handle(OWNER, 9)]}]}]}).encode(), "unlisted_record"),
    ],
)
def test_a_record_that_its_owner_is_not_told_of_shows(
    world: tuple[Ledger, list[Member]], trust: Trust, data: bytes, code: str
) -> None:
    ledger, _ = world
    draft = read_of("police-ke", {OWNER: 4}, ledger.head - 1, data)
    with pytest.raises(VerifyError) as caught:
        check_receipt(over_wire(ledger.append(draft).result().receipt), trust, data)
    assert caught.value.code == code


def test_receipts_of_another_log_do_not_hold(receipt: Receipt, tmp_path: Path) -> None:
    other, members = opened(tmp_path)
    with pytest.raises(VerifyError):
        check_receipt(receipt, trust_of(other, members), DATA)
    other.close()


def test_two_trees_of_one_size_are_a_fork(world: tuple[Ledger, list[Member]], receipt: Receipt) -> None:
    ledger, members = world
    size = int(receipt["checkpoint"].split("\n")[1])
    forged = ledger._state.signer.sign(size, bytes(32))
    with pytest.raises(VerifyError) as caught:
        check_receipt(receipt, trust_of(ledger, members, checkpoint=forged), DATA)
    assert caught.value.code == "fork"


def test_the_command_checks_a_saved_answer(
    world: tuple[Ledger, list[Member]], receipt: Receipt, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keys, file = tmp_path / "trust.json", tmp_path / "answer.json"
    keys.write_text(json.dumps(trust_value(*world)))
    extensions = json.dumps({"receipt": receipt}).encode()
    file.write_bytes(b'{"data":' + DATA + b',"extensions":' + extensions + b"}")
    assert main([str(file), "--trust", str(keys), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["recordsChecked"] == 4
    file.write_bytes(b'{"data":' + DATA.replace(b'"v"', b'"w"') + b',"extensions":' + extensions + b"}")
    assert main([str(file), "--trust", str(keys)]) == 1
    assert "altered_answer" in capsys.readouterr().out
    file.write_bytes(b"\xff not json")
    assert main([str(file), "--trust", str(keys), "--json"]) == 1
    with pytest.raises(SystemExit):
        main([str(tmp_path / "absent"), "--trust", str(keys)])
