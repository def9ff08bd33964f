import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { keyRequest, kidOf, payloadOf, signAct, typOf, type Decision } from "../src/evidence/act";
import { b64u, unb64u } from "../src/evidence/bytes";
import { canonicalText, type Members } from "../src/evidence/canonical";
import { keyOfFile, nameOf } from "../src/evidence/keyring";
import { parseVkey } from "../src/evidence/note";
import { checkActReceipt } from "../src/evidence/receipt";

interface Case extends Decision {
  body: Members;
  jti: string;
  now: string;
  payload: string;
  act: string;
}

const VECTOR = JSON.parse(readFileSync(new URL("../../tests/vectors/acts.json", import.meta.url), "utf8")) as {
  key: { pem: string; public: string; kid: string };
  acts: Case[];
  request: string;
  place: { origin: string; org: string; person: string; salt: string };
};
const { place } = VECTOR;

describe("acts", () => {
  it.each(VECTOR.acts.map((one): [string, Case] => [one.kind, one]))("of kind %s are the vector's, byte by byte", async (_, one) => {
    const signer = await keyOfFile(VECTOR.key.pem);
    const payload = payloadOf(place, one, new Date(one.now), one.jti);
    expect(canonicalText(payload)).toBe(one.payload);
    expect(await signAct(signer, typOf(one), payload)).toBe(one.act);
  });

  it("are refused where they are too long to be carried", async () => {
    const signer = await keyOfFile(VECTOR.key.pem);
    const long = { kind: "annotate-ring", sub: "r1", body: { text: "x".repeat(60_000) }, after: 1 };
    await expect(signAct(signer, typOf(long), payloadOf(place, long, new Date(), "j"))).rejects.toThrow(RangeError);
  });
});

describe("receipts of acts", () => {
  const { receipt, logKey, otherLogKey } = JSON.parse(readFileSync(new URL("../../tests/vectors/receipt.json", import.meta.url), "utf8"));
  const act = VECTOR.acts[0]!.act;

  it("are refused where the entry, though it is in the log, does not carry the act", async () => {
    await expect(checkActReceipt(receipt, parseVkey(logKey), act)).rejects.toMatchObject({ code: "wrong_entry" });
  });

  it("are refused where the log is another, or there is none", async () => {
    await expect(checkActReceipt(receipt, parseVkey(otherLogKey), act)).rejects.toMatchObject({ code: expect.stringMatching(/^bad_/) });
    for (const none of [undefined, null, {}, []]) await expect(checkActReceipt(none, parseVkey(logKey), act)).rejects.toMatchObject({ code: expect.stringMatching(/^bad_/) });
  });
});

describe("keys", () => {
  it("from a file have the vector's public half and id", async () => {
    const signer = await keyOfFile(VECTOR.key.pem);
    expect([b64u(signer.public), kidOf(signer.public)]).toEqual([VECTOR.key.public, VECTOR.key.kid]);
  });

  it.each([
    ["nothing", ""],
    ["a public key", "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA76HzdddhlPpRo1Vql+ZB5haF+RTURpedpQpVGkMz/9c=\n-----END PUBLIC KEY-----"],
    ["no base64", VECTOR.key.pem.replace("M", "!")],
    ["another algorithm", VECTOR.key.pem.replace("MC4CAQAwBQYDK2Vw", "MC4CAQAwBQYDK2Vu")],
    ["a key cut short", VECTOR.key.pem.replace(/....\n-----END/, "\n-----END")],
  ])("from a file that holds %s are refused", async (_, text) => {
    await expect(keyOfFile(text)).rejects.toMatchObject({ code: "bad_key" });
  });

  it("are asked to be enrolled as the command line asks", async () => {
    const signer = await keyOfFile(VECTOR.key.pem);
    expect(await keyRequest(signer, place, place.person, unb64u(place.salt))).toBe(VECTOR.request);
  });

  it("are kept under a name that tells nothing of the person, and is another for another log", () => {
    const name = nameOf(place, place.person);
    expect(name).toMatch(/^[0-9a-f]{64}$/);
    expect(nameOf({ ...place, origin: "other" }, place.person)).not.toBe(name);
  });
});
