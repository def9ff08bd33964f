import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { dataBytes } from "../src/evidence/answer";
import { textOf, utf8 } from "../src/evidence/bytes";
import { VerifyError } from "../src/evidence/errors";
import { parseVkey } from "../src/evidence/note";
import { checkReceipt, type Asked } from "../src/evidence/receipt";

interface Receipt {
  index: number;
  leaf: string;
  checkpoint: string;
  proof: string;
  openings: { headerKey: string; owners: { owner: string; leaves: [string, string, string[]][] }[] };
}

const VECTOR = JSON.parse(readFileSync(new URL("../../tests/vectors/receipt.json", import.meta.url), "utf8")) as {
  logKey: string;
  otherLogKey: string;
  request: string;
  data: string;
  receipt: Receipt;
};
const KEY = parseVkey(VECTOR.logKey);
const DATA = utf8(VECTOR.data);
const ASKED: Asked = { request: utf8(VECTOR.request), org: "police-ke", purpose: "investigation", legalBasis: "mlat", case: "K-1" };

async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
  } catch (error) {
    return (error as VerifyError).code;
  }
  return "holds";
}

function flipped(text: string, at: number): string {
  const raw = Buffer.from(text, "base64url");
  raw[at]! ^= 1;
  return raw.toString("base64url");
}

const ZEROS = Buffer.alloc(32).toString("base64url");

/** The same forgeries as tests/unit/test_verify_receipt.py has, with the same codes. */
const FORGED: Record<string, [(receipt: Receipt) => void, string]> = {
  leaf: [(r) => (r.leaf = flipped(r.leaf, 40)), "bad_proof"],
  index: [(r) => (r.index -= 1), "bad_receipt"],
  "proof index": [(r) => (r.proof = r.proof.replace("index ", "index 1")), "bad_proof"],
  "proof path": [(r) => (r.proof = r.proof.split("\n").filter((_, at) => at !== 2).join("\n")), "bad_proof"],
  "other checkpoint": [(r) => (r.checkpoint += " "), "bad_receipt"],
  "header key": [(r) => (r.openings.headerKey = ZEROS), "bad_box"],
  "owner left out": [(r) => r.openings.owners.pop(), "missing_owner"],
  "owner renamed": [(r) => (r.openings.owners[0]!.owner = "swiftline"), "missing_owner"],
  "owners swapped": [(r) => r.openings.owners.reverse(), "missing_owner"],
  "record left out": [(r) => r.openings.owners[0]!.leaves.pop(), "wrong_root"],
  "record added": [(r) => r.openings.owners[0]!.leaves.push([ZEROS, "h", []]), "wrong_root"],
  handle: [(r) => (r.openings.owners[0]!.leaves[0]![1] = "h-else"), "wrong_root"],
  groups: [(r) => (r.openings.owners[0]!.leaves[0]![2] = ["financial"]), "wrong_root"],
  commitment: [(r) => (r.openings.owners[0]!.leaves[0]![0] = ZEROS), "wrong_root"],
  "no openings": [(r) => delete (r as Partial<Receipt>).openings, "bad_receipt"],
};

describe("a receipt", () => {
  it("holds for the answer that it came with", async () => {
    const report = await checkReceipt(VECTOR.receipt, KEY, DATA, ASKED);
    expect([report.records, report.index]).toEqual([4, VECTOR.receipt.index]);
  });

  it.each(Object.entries(FORGED))("does not hold with another %s", async (_, [forge, code]) => {
    const receipt = structuredClone(VECTOR.receipt);
    forge(receipt);
    expect(await codeOf(checkReceipt(receipt, KEY, DATA, ASKED))).toBe(code);
  });

  it("does not hold for an answer with one other byte", async () => {
    for (const at of [1, 20, DATA.length - 2]) {
      const data = DATA.slice();
      data[at]! ^= 1;
      expect(await codeOf(checkReceipt(VECTOR.receipt, KEY, data, ASKED))).toBe("altered_answer");
    }
  });

  it("does not hold under another log's key", async () => {
    expect(await codeOf(checkReceipt(VECTOR.receipt, parseVkey(VECTOR.otherLogKey), DATA, ASKED))).toBe("bad_note");
  });

  it("does not hold for another question, footing or organisation", async () => {
    for (const change of [{ request: utf8("{}") }, { purpose: "audit" }, { case: "" }, { org: "pasar" }]) {
      expect(await codeOf(checkReceipt(VECTOR.receipt, KEY, DATA, { ...ASKED, ...change }))).toBe("wrong_question");
    }
  });

  it.each([null, [], "text", 1, {}, { leaf: 1 }])("is refused where it is %j", async (receipt) => {
    expect(await codeOf(checkReceipt(receipt, KEY, DATA, ASKED))).toMatch(/^bad_/);
  });
});

describe("the data of an answer", () => {
  it("is cut out byte for byte, whatever is in its texts", () => {
    const data = '{"a":"}\\"{é\\\\","b":[{"c":null}]}';
    expect(textOf(dataBytes(utf8(`{"data":${data},"extensions":{}}`)))).toBe(data);
  });

  it.each(['{"data":null}', '{"errors":[],"data":{}}', '{"data":{"a":1', ""])("is refused in %j", (text) => {
    expect(() => dataBytes(utf8(text))).toThrow(VerifyError);
  });
});
