/**
 * The signed manifest of a submission, as docs/formats.md has it ("Submissions"): what binds the submitter to exactly
 * these bytes and rows. The client in Python makes the same, byte for byte (tests/vectors/manifests.json).
 */
import { hmac } from "@noble/hashes/hmac.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { freshName, signAct, written, type Place, type Signer } from "../evidence/act";
import { concat, hex, utf8, type Bytes } from "../evidence/bytes";
import type { Members } from "../evidence/canonical";
import { root } from "../evidence/merkle";
import { cutRows, rowLeaf, type Cut } from "./rows";

const SUBMISSION = "graphsvc-submission+jws";
const GOOD_FOR = 7 * 86_400_000;
const SEED = 32;
const MEDIA_TYPES: Record<string, Cut> = { "text/csv": "csv", "application/x-ndjson": "ndjson" };

/** What is to be submitted: the file's bytes, how to read them, and what is said once for all rows. */
export interface Outgoing {
  body: Bytes;
  mediaType: string;
  mapping: Bytes | null;
  defaults: Members;
}

/** A manifest to be signed, and the seed that hides what it commits to. */
export interface Manifest {
  payload: Members;
  seed: Bytes;
}

/** The manifest of a file under a fresh seed. Throws RangeError where its rows can't be cut here. */
export const newManifest = (place: Place, outgoing: Outgoing): Manifest => {
  const seed = crypto.getRandomValues(new Uint8Array(SEED));
  return { payload: manifestOf(place, outgoing, seed, new Date(), freshName()), seed };
};

/** What a manifest says; `seed`, `now` and `jti` are the caller's, so the same values give the same bytes. */
export function manifestOf(place: Place, outgoing: Outgoing, seed: Bytes, now: Date, jti: string): Members {
  const { body, mapping, mediaType, defaults } = outgoing;
  const cut = MEDIA_TYPES[mediaType];
  if (cut === undefined) throw new RangeError(`rows of ${mediaType} can't be cut here`);
  const leaves = cutRows(body, cut).map((row, number) => rowLeaf(seed, number, row));
  return {
    v: 1,
    aud: place.origin,
    iss: place.org,
    jti,
    iat: written(now),
    exp: written(new Date(now.getTime() + GOOD_FOR)),
    mediaType,
    mapping: mapping === null ? null : seeded(seed, "mapping", mapping),
    bytes: body.length,
    digest: seeded(seed, "body", body),
    rows: leaves.length,
    rowsRoot: `sha256:${hex(root(leaves))}`,
    answers: null,
    defaults,
  };
}

export const signManifest = (signer: Signer, payload: Members): Promise<string> => signAct(signer, SUBMISSION, payload);

/** One key for one manifest: sending it twice is one submission. */
export const idempotencyKey = (manifest: string): string => hex(sha256(utf8(manifest))).slice(0, 40);

/** A digest that nobody can find the content by who does not have the seed. */
const seeded = (seed: Bytes, what: string, content: Bytes): string => `sha256:${hex(hmac(sha256, seed, concat(utf8(what), sha256(content))))}`;
