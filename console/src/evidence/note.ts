/** C2SP signed notes, checkpoints and tlog-proofs: parsing and checking under one Ed25519 log key. */
import { ed25519 } from "@noble/curves/ed25519.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { b64, concat, hex, same, unb64, utf8, type Bytes } from "./bytes";
import { VerifyError } from "./errors";
import { leafHash, verifyInclusion } from "./merkle";

const DASH = "— ";
const ED25519 = Uint8Array.of(1);
const HEADER = "c2sp.org/tlog-proof@v1";
const LONGEST = 100_000;

export interface NoteKey {
  name: string;
  public: Bytes;
  id: Bytes;
}

export interface Checkpoint {
  origin: string;
  size: number;
  root: Bytes;
  note: string;
}

/** The key behind a log's verifier key text, `origin+id+key`. Throws VerifyError `bad_vkey`, `bad_key`. */
export function parseVkey(vkey: string): NoteKey {
  const [name = "", identifier = "", ...rest] = vkey.split("+");
  const data = unb64(rest.join("+"), "bad_vkey");
  if (data.length !== 33 || data[0] !== 1 || !isName(name)) {
    throw new VerifyError("bad_vkey", "not an Ed25519 verifier key");
  }
  const key = data.slice(1);
  const id = sha256(concat(utf8(`${name}\n`), ED25519, key)).slice(0, 4) as Bytes;
  if (hex(id) !== identifier) throw new VerifyError("bad_vkey", "the key id does not fit name and key");
  checkPublicKey(key);
  return { name, public: key, id };
}

/** Refuse a key that is no canonical encoding of a point of prime order. Throws VerifyError `bad_key`. */
export function checkPublicKey(key: Bytes): void {
  try {
    const point = ed25519.Point.fromBytes(key, false);
    if (!point.is0() && !point.isSmallOrder() && point.isTorsionFree()) return;
  } catch {
    // Said below: it is no point.
  }
  throw new VerifyError("bad_key", "the public key is no canonical point of prime order");
}

/** Check one signature under a good public key. Throws VerifyError `bad_signature`. */
export function verifySignature(key: Bytes, signature: Bytes, message: Bytes): void {
  let held = false;
  try {
    held = signature.length === 64 && ed25519.verify(signature, message, key, { zip215: false });
  } catch {
    held = false;
  }
  if (!held) throw new VerifyError("bad_signature", "the signature does not hold");
}

/** Check the log's own signature on a checkpoint and parse it. Throws VerifyError `bad_note`, `bad_signature`. */
export function verifyCheckpoint(note: string, key: NoteKey): Checkpoint {
  const [body, signatures] = splitNote(note);
  const own = signatures.filter((one) => one.name === key.name && same(one.id, key.id));
  for (const one of own) verifySignature(key.public, one.signature, utf8(body));
  if (own.length !== 1) throw new VerifyError("bad_note", "the checkpoint needs exactly one signature of the pinned log key");
  const checkpoint = parseCheckpoint(body, note);
  if (checkpoint.origin !== key.name) throw new VerifyError("bad_note", "the checkpoint is of another log");
  return checkpoint;
}

/** Check that entry bytes are in the log of `key`. Throws VerifyError. */
export function verifyProof(text: string, leaf: Bytes, key: NoteKey): [number, Checkpoint] {
  const gap = text.indexOf("\n\n");
  const lines = text.slice(0, gap).split("\n");
  if (gap < 0 || lines.shift() !== HEADER) throw new VerifyError("bad_proof", "not a tlog-proof of version 1");
  if (lines[0]?.startsWith("extra ")) lines.shift();
  const [word, number = ""] = (lines.shift() ?? "").split(" ");
  if (word !== "index" || !isNumber(number)) throw new VerifyError("bad_proof", "the index line is missing or malformed");
  if (lines.length > 63) throw new VerifyError("bad_proof", "the path is too long");
  const path = lines.map((line) => unb64(line, "bad_proof"));
  const checkpoint = verifyCheckpoint(text.slice(gap + 2), key);
  verifyInclusion(leafHash(leaf), Number(number), checkpoint.size, path, checkpoint.root);
  return [Number(number), checkpoint];
}

function splitNote(note: string): [string, { name: string; id: Bytes; signature: Bytes }[]] {
  // eslint-disable-next-line no-control-regex
  if (note.length > LONGEST || /[\u0000-\u0009\u000b-\u001f]/.test(note)) {
    throw new VerifyError("bad_note", "a note is too long or holds control characters");
  }
  const gap = note.lastIndexOf("\n\n");
  const tail = note.slice(gap + 2);
  if (gap < 0 || !tail.endsWith("\n")) throw new VerifyError("bad_note", "a note is text, an empty line and signature lines");
  const signatures = tail
    .slice(0, -1)
    .split("\n")
    .map((line) => {
      const [name = "", encoded = ""] = splitOnce(line.startsWith(DASH) ? line.slice(DASH.length) : line, " ");
      const data = unb64(encoded, "bad_note");
      if (!line.startsWith(DASH) || !isName(name) || data.length < 5) {
        throw new VerifyError("bad_note", "a signature line is malformed");
      }
      return { name, id: data.slice(0, 4), signature: data.slice(4) };
    });
  return [note.slice(0, gap + 1), signatures];
}

function parseCheckpoint(body: string, note: string): Checkpoint {
  const [origin, size = "", encoded = "", ...rest] = body.split("\n");
  if (!origin || !rest.length) throw new VerifyError("bad_note", "a checkpoint has at least three lines");
  const root = unb64(encoded, "bad_note");
  if (!isNumber(size) || root.length !== 32) throw new VerifyError("bad_note", "a checkpoint's size or root is malformed");
  return { origin, size: Number(size), root, note };
}

/** The text that a log signs. */
export const checkpointBody = (origin: string, size: number, root: Bytes): string => `${origin}\n${size}\n${b64(root)}\n`;

const isNumber = (text: string): boolean => /^(?:0|[1-9]\d{0,15})$/.test(text) && Number.isSafeInteger(Number(text));
const isName = (name: string): boolean => name !== "" && !name.includes("+") && !/\s/.test(name);

function splitOnce(text: string, sign: string): [string, string] {
  const at = text.indexOf(sign);
  return at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at + 1)];
}
