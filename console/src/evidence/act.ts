/**
 * Acts: what a person signs, as docs/formats.md has it ("Acts", "Decisions", "Key events"). The one place where their
 * bytes are made; who signs is a {@link Signer}, so that a key never has to leave where it is.
 */
import { sha256 } from "@noble/hashes/sha2.js";
import { b64u, utf8, type Bytes } from "./bytes";
import { canonical, canonicalText, digest, type Json, type Members } from "./canonical";

const VALID = 3_600_000;
const SALT = 16;
const LONGEST = 60_000;

/** Something that signs with one Ed25519 key. */
export interface Signer {
  public: Bytes;
  sign: (message: Bytes) => Promise<Bytes>;
}

/** The log that an act is meant for, and the organisation that acts. */
export interface Place {
  origin: string;
  org: string;
}

/** What is decided: a kind (`accept-ring`), on what, the body, and the last entry that the person knows of. */
export interface Decision {
  kind: string;
  sub: string;
  body: Members;
  after: number;
}

/** A key's id: the first 16 characters of base64url(SHA-256(raw public key)). */
export const kidOf = (key: Bytes): string => b64u(sha256(key)).slice(0, 16);

/** The payload of a decision; `now` and `jti` are the caller's, so the same values give the same bytes. */
export function payloadOf(place: Place, decision: Decision, now: Date, jti: string): Members {
  return {
    v: 1,
    aud: place.origin,
    iss: place.org,
    sub: decision.sub,
    jti,
    iat: written(now),
    exp: written(new Date(now.getTime() + VALID)),
    object: digest(canonical(decision.body)),
    after: decision.after,
    body: decision.body,
  };
}

/** A name that no other act of an organisation has. */
export const freshName = (): string => b64u(crypto.getRandomValues(new Uint8Array(18)));

/** A compact JWS (RFC 7515, `alg` Ed25519 of RFC 9864) over the canonical JSON of a payload. Throws RangeError. */
export async function signAct(signer: Signer, typ: string, payload: Members): Promise<string> {
  const header = canonical({ alg: "Ed25519", kid: kidOf(signer.public), typ });
  const signed = `${b64u(header)}.${b64u(canonical(payload))}`;
  const compact = `${signed}.${b64u(await signer.sign(utf8(signed)))}`;
  if (compact.length > LONGEST) throw new RangeError("an act has at most 60,000 characters");
  return compact;
}

/** The `typ` of a decision's act. */
export const typOf = (decision: Decision): string => `graphsvc-${decision.kind}+jws`;

/** What the holder of a new key hands to who keeps the root key: as `graphsvc keys request` writes it. */
export async function keyRequest(signer: Signer, place: Place, person: string, salt: Bytes): Promise<string> {
  const hash = digest(canonical(["graphsvc person v1", b64u(salt), person]));
  const proof = canonical(["graphsvc possession v1", place.origin, place.org, b64u(signer.public), hash]);
  const value: { [name: string]: Json } = {
    v: 1,
    org: place.org,
    origin: place.origin,
    use: "sig",
    publicKey: b64u(signer.public),
    person,
    salt: b64u(salt),
    possession: b64u(await signer.sign(proof)),
  };
  return `${canonicalText(value)}\n`;
}

/** The salt of a person's name in a key event. */
export const freshSalt = (): Bytes => crypto.getRandomValues(new Uint8Array(SALT));

/** A moment as acts have it: RFC 3339 in UTC, to the second. */
export const written = (moment: Date): string => `${moment.toISOString().slice(0, 19)}Z`;
