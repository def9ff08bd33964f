/** Disclosures: roots over what was shown of each record, and over the facts told to its owner. */
import { hmac } from "@noble/hashes/hmac.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { b64u, concat, utf8, type Bytes } from "./bytes";
import { canonical, type Members } from "./canonical";
import { leafHash, root } from "./merkle";

export const HIT = "hit";

/** The root over (c, handle, groups), in the order given. */
export function disclosuresRoot(leaves: [Bytes, string, string[]][]): Bytes {
  return root(leaves.map(([c, handle, groups]) => leafHash(concat(c, canonical({ groups, handle })))));
}

/** The root over the facts told to an owner, sorted by name. */
export function factsRoot(facts: Members, salt: Bytes): Bytes {
  const names = Object.keys(facts).sort();
  return root(
    names.map((name) => leafHash(concat(hmac(sha256, salt, utf8(name)), canonical([name, facts[name]])))),
  );
}

/** What stands beside an owner's section, in base64url. */
export function ownerLine(owner: string, rootText: string, facts: string): string {
  return b64u(sha256(concat(utf8("graphsvc line v1"), canonical({ facts, owner, root: rootText }))));
}

/** base64url(SHA-256(salt ‖ data)), as the header of an answer's entry holds it. */
export const answerDigest = (data: Bytes, salt: Bytes): string => b64u(sha256(concat(salt, data)));

/** base64url(HMAC(salt, "query" ‖ SHA-256(request))), as the header of an answer's entry holds it. */
export const queryDigest = (request: Bytes, salt: Bytes): string =>
  b64u(hmac(sha256, salt, concat(utf8("query"), sha256(request))));
