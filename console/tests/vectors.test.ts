import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { b64u, textOf, unb64u, utf8, type Bytes } from "../src/evidence/bytes";
import { canonicalText, decode } from "../src/evidence/canonical";
import { answerDigest, disclosuresRoot, factsRoot, ownerLine, queryDigest } from "../src/evidence/disclosures";
import { factsSalt, openBox, otherLine } from "../src/evidence/entry";
import { verifyConsistency, verifyInclusion } from "../src/evidence/merkle";
import { verifySignature, checkPublicKey } from "../src/evidence/note";
import { createHash } from "node:crypto";

const OURS = JSON.parse(readFileSync(new URL("../../tests/vectors/ledger.json", import.meta.url), "utf8"));
const OTHERS = join(process.env.GRAPHSVC_TEST_DATA ?? "", "crypto");
const secret = (name: string): Bytes => new Uint8Array(createHash("sha256").update(name).digest());
const hashes = (values: string[] | null): Bytes[] => (values ?? []).map((one) => new Uint8Array(Buffer.from(one, "base64")));

describe("the product's vectors", () => {
  it("give the digest of an answer and of a question", () => {
    expect(answerDigest(utf8(OURS.answer.data), secret("answer salt"))).toBe(OURS.answer.digest);
    expect(queryDigest(utf8(OURS.query.query), secret("answer salt"))).toBe(OURS.query.digest);
  });

  it("give the roots of disclosures and facts", () => {
    const { commitments, shown, roots } = OURS.disclosures;
    const leaves = commitments.map((c: string, at: number) => [unb64u(c), ...shown[at]]);
    for (const size of [0, 1, 2, 3]) expect(b64u(disclosuresRoot(leaves.slice(0, size)))).toBe(roots[size]);
    expect(b64u(factsRoot(OURS.facts.facts, unb64u(OURS.facts.salt)))).toBe(OURS.facts.root);
  });

  it("give the lines of sections, and the salts of facts", () => {
    const { owner, other, readSalt, laterSalt } = OURS.lines;
    expect(ownerLine(owner.owner, owner.root, owner.facts)).toBe(owner.line);
    expect(b64u(otherLine(unb64u(other.headerKey), unb64u(other.tag)))).toBe(other.line);
    expect(b64u(factsSalt(unb64u(readSalt.headerKey), readSalt.owner, false))).toBe(readSalt.salt);
    expect(b64u(factsSalt(unb64u(laterSalt.headerKey), laterSalt.owner, true))).toBe(laterSalt.salt);
  });

  it("open the box of a header, under its own key alone", async () => {
    const content = await openBox(unb64u(OURS.header.key), unb64u(OURS.header.box));
    expect(textOf(content)).toBe(OURS.header.content);
    await expect(openBox(secret("other"), unb64u(OURS.header.box))).rejects.toMatchObject({ code: "bad_box" });
  });
});

describe("canonical JSON", () => {
  it("sorts by UTF-16 and keeps to whole numbers", () => {
    expect(canonicalText({ "\u{1f600}": 1, "\ufb01": [true, null], a: "\u2028é\n" })).toBe('{"a":"\u2028é\\n","\u{1f600}":1,"\ufb01":[true,null]}');
    expect(() => canonicalText(0.5)).toThrow();
    expect(() => canonicalText(2 ** 53)).toThrow();
    expect(() => decode(utf8('{"a":1,"a":1}'))).toThrow();
    expect(() => decode(utf8('{"a": 1}'))).toThrow();
  });
});

describe.skipIf(!existsSync(OTHERS))("vectors that others made", () => {
  const files = (folder: string): string[] =>
    readdirSync(folder).flatMap((name) => (statSync(join(folder, name)).isDirectory() ? files(join(folder, name)) : [join(folder, name)]));

  it.each(["inclusion", "consistency"])("of %s proofs", (kind) => {
    const cases = files(join(OTHERS, "merkle", "testdata", kind)).filter((one) => one.endsWith(".json"));
    expect(cases.length).toBeGreaterThan(90);
    for (const path of cases) {
      const one = JSON.parse(readFileSync(path, "utf8"));
      let held = true;
      try {
        if (kind === "inclusion") {
          const [leaf, root] = hashes([one.leafHash ?? "", one.root ?? ""]);
          verifyInclusion(leaf!, one.leafIdx, one.treeSize, hashes(one.proof), root!);
        } else {
          const [first, second] = hashes([one.root1 ?? "", one.root2 ?? ""]);
          verifyConsistency(one.size1, one.size2, first!, second!, hashes(one.proof));
        }
      } catch {
        held = false;
      }
      expect([path, held]).toEqual([path, !one.wantErr]);
    }
  });

  it("of Ed25519 signatures", () => {
    const { testGroups } = JSON.parse(readFileSync(join(OTHERS, "wycheproof_ed25519_test.json"), "utf8"));
    for (const group of testGroups) {
      const key = new Uint8Array(Buffer.from(group.publicKey.pk, "hex"));
      for (const one of group.tests) {
        let held = true;
        try {
          checkPublicKey(key);
          verifySignature(key, new Uint8Array(Buffer.from(one.sig, "hex")), new Uint8Array(Buffer.from(one.msg, "hex")));
        } catch {
          held = false;
        }
        expect([one.tcId, held]).toEqual([one.tcId, one.result === "valid"]);
      }
    }
  });
});
