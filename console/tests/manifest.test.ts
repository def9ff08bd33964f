import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { unb64, unb64u, utf8 } from "../src/evidence/bytes";
import { canonicalText, type Members } from "../src/evidence/canonical";
import { hex } from "../src/evidence/bytes";
import { keyOfFile } from "../src/evidence/keyring";
import { root } from "../src/evidence/merkle";
import { idempotencyKey, manifestOf, signManifest } from "../src/signing/manifest";
import { cutRows, rowLeaf } from "../src/signing/rows";

interface Case {
  name: string;
  mediaType: string;
  body: string;
  defaults: Members;
  now: string;
  jti: string;
  payload: string;
  act: string;
  idempotencyKey: string;
}

const read = (name: string) => JSON.parse(readFileSync(new URL(`../../tests/vectors/${name}.json`, import.meta.url), "utf8"));
const VECTOR = read("manifests") as {
  place: { origin: string; org: string };
  seed: string;
  mapping: string;
  cases: Case[];
  strange: { body: string; rows: number; rowsRoot: string }[];
};
const seed = unb64u(VECTOR.seed, 32);
const bytes = (text: string) => unb64(text, "bad_vector");

describe("manifests", () => {
  it.each(VECTOR.cases.map((one): [string, Case] => [one.name, one]))("of %s are the vector's, byte by byte", async (_, one) => {
    const mapping = one.mediaType === "text/csv" ? utf8(VECTOR.mapping) : null;
    const payload = manifestOf(VECTOR.place, { body: bytes(one.body), mediaType: one.mediaType, mapping, defaults: one.defaults }, seed, new Date(one.now), one.jti);
    expect(canonicalText(payload)).toBe(one.payload);
    const act = await signManifest(await keyOfFile(read("acts").key.pem), payload);
    expect(act).toBe(one.act);
    expect(idempotencyKey(act)).toBe(one.idempotencyKey);
  });

  it("commit to the same rows as the client's, however strange the quotes are", () => {
    for (const one of VECTOR.strange) {
      const rows = cutRows(bytes(one.body), "csv");
      expect([one.body, rows.length]).toEqual([one.body, one.rows]);
      expect([one.body, `sha256:${hex(root(rows.map((row, at) => rowLeaf(seed, at, row))))}`]).toEqual([one.body, one.rowsRoot]);
    }
  });

  it("are not made of a file whose rows can't be cut here", () => {
    const wide = Uint8Array.of(0xff, 0xfe, 0x61, 0, 0x0a, 0);
    const outgoing = { body: wide, mediaType: "text/csv", mapping: null, defaults: {} };
    expect(() => manifestOf(VECTOR.place, outgoing, seed, new Date(), "j")).toThrow(RangeError);
    expect(() => manifestOf(VECTOR.place, { ...outgoing, mediaType: "application/pdf" }, seed, new Date(), "j")).toThrow(RangeError);
  });
});
