"""Vectors that others made (RFC 6962, Ed25519 edge cases), and ours, for a second implementation to check itself by."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from graphsvc.ledger.anew import derived_pair
from graphsvc_verify import boxes, disclosures, lines
from graphsvc_verify.archive import write_archive
from graphsvc_verify.canonical import b64u, digest, encode, unb64u
from graphsvc_verify.deeds import Deed
from graphsvc_verify.ed25519 import check_public_key, verify_signature
from graphsvc_verify.errors import VerifyError
from graphsvc_verify.httpsig import Covered, byte_sequence, signature_base
from graphsvc_verify.jws import kid_of
from graphsvc_verify.meaning import MEANINGS, mean, read_facts
from graphsvc_verify.merkle import verify_consistency, verify_inclusion
from graphsvc_verify.receipt import answer_digest, query_digest
from graphsvc_verify.sections import check_section
from graphsvc_verify.signedread import SignedRead

DATA = Path(os.environ.get("GRAPHSVC_TEST_DATA", Path(__file__).parents[3] / "shared" / "data")) / "crypto"
OURS = Path(__file__).parents[1] / "vectors" / "ledger.json"


def crypto(name: str) -> Path:
    path = DATA / name
    if not path.exists():
        if os.environ.get("GRAPHSVC_REQUIRE_TEST_DATA"):
            pytest.fail(f"test data is missing: {name}")
        pytest.skip("test data is not here")
    return path


def hashes(values: list[str] | None) -> list[bytes]:
    return [base64.b64decode(value) for value in values or []]


@pytest.mark.parametrize("kind", ["inclusion", "consistency"])
def test_merkle_proofs_of_transparency_dev(kind: str) -> None:
    cases = sorted(crypto(f"merkle/testdata/{kind}").rglob("*.json"))
    assert len(cases) > 90
    for path in cases:
        case = json.loads(path.read_text())
        proof = hashes(case["proof"])
        try:
            if kind == "inclusion":
                leaf, root = hashes([case["leafHash"] or "", case["root"] or ""])
                verify_inclusion(leaf, case["leafIdx"], case["treeSize"], proof, root)
            else:
                first, second = hashes([case["root1"] or "", case["root2"] or ""])
                verify_consistency(case["size1"], case["size2"], first, second, proof)
            held = True
        except VerifyError:
            held = False
        assert held is not case["wantErr"], path


def test_ed25519_signatures_of_wycheproof() -> None:
    count = 0
    for group in json.loads(crypto("wycheproof_ed25519_test.json").read_text())["testGroups"]:
        public = bytes.fromhex(group["publicKey"]["pk"])
        for test in group["tests"]:
            try:
                verify_signature(public, bytes.fromhex(test["sig"]), bytes.fromhex(test["msg"]))
                held = True
            except VerifyError:
                held = False
            assert held is (test["result"] == "valid"), test["tcId"]
            count += 1
    assert count == 151


def test_ed25519_edge_cases_of_cctv() -> None:
    """A key with a low-order component or a spelling of its own never counts; nor does a signature such as those."""
    vectors = json.loads(crypto("cctv/ed25519vectors.json").read_text())
    for vector in vectors:
        flags = set(vector["flags"] or [])
        weak = flags & {"low_order_A", "low_order_component_A", "non_canonical_A"}
        odd = flags & {"low_order_residue", "non_canonical_R"}
        try:
            verify_signature(bytes.fromhex(vector["key"]), bytes.fromhex(vector["sig"]), vector["msg"].encode())
            held = True
        except VerifyError as error:
            held = False
            assert error.code == ("bad_key" if weak else "bad_signature")
        assert held is not bool(weak or odd), vector["number"]
        if weak:
            with pytest.raises(VerifyError):
                check_public_key(bytes.fromhex(vector["key"]))
    assert len(vectors) > 900


def secret(name: str) -> bytes:
    """32 bytes that anyone can make again: SHA-256 of the name."""
    return hashlib.sha256(name.encode()).digest()


def make_vectors() -> dict[str, Any]:
    """Our formats on fixed inputs; every secret is SHA-256 of the text that names it."""
    origin, role, epoch = "log.example/test", "owner", 17
    nonce, day_key, tag_key = secret("nonce"), secret("day key"), secret("tag key")
    tag = boxes.section_tag(tag_key, role, nonce)
    info = boxes.section_info(origin, role, tag, epoch)
    s = boxes.section_key(day_key, nonce, info)
    content = encode({"headerKey": b64u(secret("header key")), "héllo": '日本 \u2028 " \\ \u0007'})
    seed, salt = secret("seed"), secret("facts salt")
    records = [(7, 0), (7, 4294967295), (9007199254740991, 3)]
    shown = [("handle-a", ["identity"]), ("handle-b", []), ("handle-ü", ["content", "identity"])]
    commits = disclosures.commitments(seed, records)
    leaves = [(c, handle, groups) for c, (handle, groups) in zip(commits, shown, strict=True)]
    facts = {"reader": "police-ke", "at": 12, "case": None, "roles": ["a", "b"]}
    header = {"v": 1, "who": {"org": "police-ke", "person": "officer-1"}, "answerSalt": b64u(secret("answer salt"))}
    box = boxes.seal(secret("header key"), encode(header))
    return {
        "v": 1,
        "secrets": "each secret is SHA-256 of the text that names it",
        "section": {
            "origin": origin,
            "role": role,
            "epoch": epoch,
            "nonce": b64u(nonce),
            "dayKey": b64u(day_key),
            "tagKey": b64u(tag_key),
            "tag": b64u(tag),
            "info": info.decode(),
            "sectionKey": b64u(s),
            "content": content.decode(),
            "box": b64u(boxes.seal(s, content)),
        },
        "sizes": [[size, boxes.size_class(size)] for size in (0, 460, 461, 1996, 1997, 8140, 8141, 16332, 16333)],
        "disclosures": {
            "seed": b64u(seed),
            "records": [list(record) for record in records],
            "shown": [list(item) for item in shown],
            "commitments": [b64u(c) for c in commits],
            "roots": [b64u(disclosures.disclosures_root(leaves[:count])) for count in range(4)],
        },
        "hits": make_hits(),
        "facts": {"salt": b64u(salt), "facts": facts, "root": b64u(disclosures.facts_root(facts, salt))},
        "header": {
            "key": b64u(secret("header key")),
            "content": encode(header).decode(),
            "boxDigest": digest(box),
            "box": b64u(box),
        },
        "lines": make_lines(facts),
        "meanings": make_meanings(),
        "archive": b64u(write_archive({"manifest.json": b"{}\n", "entries/000000000007.proof": b"proof\n"})),
        "answer": {"data": '{"a":1}', "digest": answer_digest(b'{"a":1}', secret("answer salt"))},
        "query": {"query": "{a}", "digest": query_digest(b"{a}", secret("answer salt"))},
        "kid": {"public": b64u(secret("public")), "kid": kid_of(secret("public"))},
        "signedRead": make_signed_read(),
        "cleanedAnew": make_cleaned_anew(),
    }


def make_lines(facts: dict[str, Any]) -> dict[str, Any]:
    """What ties sections to a header; the root of facts is that of "facts"."""
    key, tag = secret("header key"), secret("tag")[:16]
    root, told = b64u(secret("root")), b64u(disclosures.facts_root(facts, secret("facts salt")))
    return {
        "owner": {"owner": "pasar", "root": root, "facts": told, "line": b64u(lines.owner_line("pasar", root, told))},
        "other": {"tag": b64u(tag), "headerKey": b64u(key), "line": b64u(lines.other_line(key, tag))},
        "readSalt": {"owner": "pasar", "headerKey": b64u(key), "salt": b64u(lines.read_salt(key, "pasar"))},
        "laterSalt": {"owner": "pasar", "headerKey": b64u(key), "salt": b64u(lines.later_salt(key, "pasar"))},
    }


def make_hits() -> dict[str, Any]:
    """The leaf of an owner's hits, alone and after records shown; and an owner that is told of its own late.

    ``later`` is what the header's body says; the facts are those of a read with ``late``, under "laterSalt" of "lines".
    """
    seed, hit = secret("seed"), [(7, 0), (7, 12), (9, 3)]
    shown = disclosures.commitments(seed, [(7, 1), (8, 2)])
    cases = []
    for before, more in ((0, False), (2, False), (2, True)):
        c = disclosures.hits_commitment(seed, before, hit, more)
        leaves = [(one, f"h-{n}", ["identity"]) for n, one in enumerate(shown[:before])]
        root = disclosures.disclosures_root([*leaves, (c, "", [disclosures.HIT])])
        leaf = disclosures.disclosure_leaf(c, '""', disclosures.groups_json([disclosures.HIT]))
        cases.append({"shown": before, "more": more, "commitment": b64u(c), "leaf": b64u(leaf), "root": b64u(root)})
    late = {"rule": "covert", "law": "Act, section 1", "due": "2026-12-31"}
    header = {
        **{"who": {"org": "police-ke", "person": "officer-1"}, "purpose": "investigation", "basis": "court-order"},
        **{"case": "K-1", "policy": digest(b"policy"), "body": {}},
    }
    facts = read_facts(header, late)
    told = b64u(disclosures.facts_root(facts, lines.later_salt(secret("header key"), "pasar")))
    root = cases[0]["root"]
    return {
        "seed": b64u(seed),
        "records": [list(record) for record in hit],
        "shown": [[7, 1, "h-0", ["identity"]], [8, 2, "h-1", ["identity"]]],
        "leaves": cases,
        "later": [{**late, "owners": [{"owner": "pasar", "root": root, "facts": told}]}],
        "laterFacts": facts,
        "laterLine": b64u(lines.owner_line("pasar", str(root), told)),
    }


SAID: dict[str, dict[str, Any]] = {
    "submission": {"jti": "J-1", "answers": "r1"},
    "request-disclosure": {"holder": "swiftline", "purpose": "investigation", "legalBasis": "mlat", "case": "K-1"},
    "decide-disclosure": {
        **{
            "decision": "grant",
            "target": {"records": ["h"]},
            "fieldGroups": ["personal", "identity"],
            "uses": ["export"],
        },
        "until": "2026-12-31T01:30:00.5+07:00",
    },
    "revoke-grant": {"reason": "over"},
    "share-records": {"target": {"records": ["h"]}},
    "unshare-records": {"target": {"submission": 7, "rows": [3]}},
    "recall": {"target": {"submission": 7, "rows": [3]}, "reason": "wrong", "deadline": "2026-12-31T00:00:00.123Z"},
    "erase": {"target": {"submission": 7}, "reason": "wrong"},
    "acknowledge-recall": {"notice": 9, "outcome": "deleted"},
    "hold": {"target": {"case": "K-1"}, "reason": "court"},
    "release": {"hold": 12, "reason": "over"},
    "update-organisation": {"contact": "desk@pasar.example"},
    "detect-rings": {"purpose": "analysis", "legalBasis": "statutory-duty", "case": "K-1"},
    "dismiss-ring": {"reason": "a shop"},
}


def make_meanings() -> dict[str, Any]:
    """What entries say of acts of pasar's officer-1: their type, footing, header's body, facts of signer and others."""
    made = {}
    for kind, rule in MEANINGS.items():
        said = SAID.get(kind, SAID["request-disclosure"] if kind == "request-preservation" else {})
        sub = "pasar" if kind.endswith("-policy") else "on-1"
        deed = Deed(kind, "pasar", "officer-1", rule.roles, sub, digest(b"object"), digest(kind.encode()), said)
        found = mean(deed)
        told = {name: found.told(name, "pasar") for name in ("pasar", "swiftline")}
        parties = None if found.parties is None else sorted(found.parties)
        made[kind] = {
            **{"roles": list(rule.roles), "sub": sub, "said": said, "entry": found.type, "facts": told},
            **{"body": dict(found.body), "footing": list(found.footing), "parties": parties},
        }
    return made


def make_signed_read() -> dict[str, Any]:
    """A signed question; the key is the Ed25519 private key that is SHA-256 of "signing key"."""
    key = Ed25519PrivateKey.from_private_bytes(secret("signing key"))
    public = key.public_key().public_bytes_raw()
    body = b'{"query":"{a}","extensions":{"salt":"AAAAAAAAAAAAAAAAAAAAAA"}}'
    values = {
        "@method": "POST",
        "@path": "/graphql",
        "content-digest": f"sha-256={byte_sequence(hashlib.sha256(body).digest())}",
        "graphsvc-log": "log.example/test",
        "graphsvc-token-digest": f"sha-256={byte_sequence(secret('token'))}",
        "graphsvc-purpose": "investigation",
        "graphsvc-legal-basis": "court-order",
        "graphsvc-case": "K-1",
    }
    said = {"created": 1790000000, "nonce": "AAAAAAAAAAAAAAAAAAAAAAAA", "keyid": f"police-ke/{kid_of(public)}"}
    covered = Covered(tuple(values), {**said, "alg": "ed25519", "tag": "graphsvc-read"})
    signature = key.sign(signature_base(covered, values))
    kept = SignedRead.of(covered, values, signature)
    kept.verify(public)
    return {
        "public": b64u(public),
        "body": body.decode(),
        "base": kept.base.decode(),
        "signature": b64u(signature),
        "signatureInput": f"graphsvc={covered.text}",
        "kept": kept.write().decode(),
        "keptDigest": digest(kept.write()),
        "query": query_digest(body, secret("answer salt")),
    }


def make_cleaned_anew() -> dict[str, Any]:
    """The keys under which a row is sealed that is cleaned anew."""
    key, name, row = secret("draft key"), f"pasar|s-1|reclean|{'0' * 32}", 7
    both = derived_pair(bytes(32) + key, name, row)
    keys = {"draftKey": b64u(key), "rawKeyAnew": b64u(both[:32]), "draftKeyAnew": b64u(both[32:])}
    return {**keys, "name": name, "row": row}


def test_our_vectors_are_what_the_code_makes() -> None:
    made = json.dumps(make_vectors(), indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    if os.environ.get("GRAPHSVC_WRITE_VECTORS"):
        OURS.write_text(made, encoding="utf-8")
    assert OURS.read_text(encoding="utf-8") == made


def test_our_vectors_open() -> None:
    vectors = json.loads(OURS.read_text(encoding="utf-8"))
    for part, key in ((vectors["section"], "sectionKey"), (vectors["header"], "key")):
        assert boxes.open_box(unb64u(part[key]), unb64u(part["box"])).decode() == part["content"]


def test_our_hits_are_what_a_verifier_finds() -> None:
    vectors = json.loads(OURS.read_text(encoding="utf-8"))
    hits, salt = vectors["hits"], vectors["lines"]["laterSalt"]["salt"]
    places = [[[7, 9].index(submission), row] for submission, row in hits["records"]]
    for case in hits["leaves"]:
        leaves = [[[7, 9, 8].index(s), row, handle, 0] for s, row, handle, _ in hits["shown"][: case["shown"]]]
        section = {
            **{"owner": "pasar", "facts": hits["laterFacts"], "factsSalt": salt, "seed": hits["seed"]},
            **{"submissions": [7, 9, 8], "groups": [["identity"]], "leaves": leaves},
            "hits": {"records": places, "more": case["more"]},
        }
        facts = hits["later"][0]["owners"][0]["facts"]
        line = b64u(lines.owner_line("pasar", case["root"], facts))
        check_section(section, line, [{"owner": "pasar", "root": case["root"], "facts": facts}])
        assert (line == hits["laterLine"]) is (case["shown"] == 0)
        with pytest.raises(VerifyError, match="wrong_line"):
            check_section({**section, "hits": {"records": places[1:], "more": case["more"]}}, line, None)


@pytest.mark.parametrize("at", [0, 31, 32, 36, 100, 511])
def test_an_altered_box_does_not_open(at: int) -> None:
    box = bytearray(boxes.seal(secret("s"), b"content"))
    box[at] ^= 1
    with pytest.raises(VerifyError, match="bad_box"):
        boxes.open_box(secret("s"), bytes(box))
    with pytest.raises(VerifyError, match="bad_box"):
        boxes.open_box(secret("t"), boxes.seal(secret("s"), b"content"))
