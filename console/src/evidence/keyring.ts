/**
 * The signing key of a person on this device: made by the browser, which lets nobody read it, and kept in its database
 * under a name that says nothing of the person. A key file can be chosen instead; it is held as long as the page is.
 */
import { ed25519 } from "@noble/curves/ed25519.js";
import { sha256 } from "@noble/hashes/sha2.js";
import type { Place, Signer } from "./act";
import { hex, same, type Bytes } from "./bytes";
import { canonical } from "./canonical";
import { VerifyError } from "./errors";

const ALGORITHM = "Ed25519";
const DATABASE = "graphsvc.keys";
const STORE = "keys";
/** The beginning of an Ed25519 private key in PKCS #8 (RFC 8410); the seed follows. */
const PREFIX = Uint8Array.of(0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20);
const SEED = 32;

/** A key that can be signed with here; `kept`: by this device, not only by this page. */
export interface Held extends Signer {
  kept: boolean;
}

/** Under which name a person's key is kept: a digest of log, organisation and person. */
export const nameOf = (place: Place, person: string): string => hex(sha256(canonical(["graphsvc device key v1", place.origin, place.org, person])));

/** The key that is kept under a name; null where there is none. Throws VerifyError `no_store` where the browser keeps none. */
export async function readKey(name: string): Promise<Held | null> {
  const kept = await inStore<CryptoKeyPair | undefined>("readonly", (store) => store.get(name));
  return kept === undefined ? null : await signerOf(kept);
}

/** Make a key and keep it under a name; a key that is there already stays and is returned. */
export async function makeKey(name: string): Promise<Held> {
  const made = (await crypto.subtle.generateKey(ALGORITHM, false, ["sign", "verify"])) as CryptoKeyPair;
  try {
    await inStore("readwrite", (store) => store.add(made, name));
  } catch (error) {
    // Another page of this device was faster.
    if ((error as Partial<DOMException>).name !== "ConstraintError") throw error;
  }
  const kept = await readKey(name);
  if (kept === null) throw notKept();
  return kept;
}

/** The key in a PEM file (PKCS #8). Throws VerifyError `bad_key`. */
export async function keyOfFile(text: string): Promise<Held> {
  const refuse = (): VerifyError => new VerifyError("bad_key", "not an Ed25519 private key as PEM (PKCS #8)");
  const found = /-----BEGIN PRIVATE KEY-----([A-Za-z0-9+/=\s]+)-----END PRIVATE KEY-----/.exec(text);
  if (!found) throw refuse();
  let raw: Bytes;
  try {
    raw = Uint8Array.from(atob(found[1]!.replace(/\s/g, "")), (one) => one.charCodeAt(0));
  } catch {
    throw refuse();
  }
  if (raw.length !== PREFIX.length + SEED || !same(raw.slice(0, PREFIX.length), PREFIX)) throw refuse();
  const key = await crypto.subtle.importKey("pkcs8", raw, ALGORITHM, false, ["sign"]);
  const open = ed25519.getPublicKey(raw.subarray(PREFIX.length)) as Bytes;
  raw.fill(0);
  return { public: open, sign: signing(key), kept: false };
}

async function signerOf(pair: CryptoKeyPair): Promise<Held> {
  const open = new Uint8Array(await crypto.subtle.exportKey("raw", pair.publicKey));
  return { public: open, sign: signing(pair.privateKey), kept: true };
}

const signing =
  (key: CryptoKey) =>
  async (message: Bytes): Promise<Bytes> =>
    new Uint8Array(await crypto.subtle.sign(ALGORITHM, key, message));

async function inStore<T>(mode: IDBTransactionMode, run: (store: IDBObjectStore) => IDBRequest): Promise<T> {
  const opening = indexedDB.open(DATABASE, 1);
  opening.onupgradeneeded = () => opening.result.createObjectStore(STORE);
  const database = await done<IDBDatabase>(opening);
  try {
    const transaction = database.transaction(STORE, mode, { durability: "strict" });
    const finished = new Promise<void>((resolve, reject) => {
      transaction.oncomplete = () => resolve();
      transaction.onabort = () => reject(transaction.error ?? notKept());
    });
    const [answer] = await Promise.all([done<T>(run(transaction.objectStore(STORE))), finished]);
    return answer;
  } finally {
    database.close();
  }
}

const done = <T>(request: IDBRequest): Promise<T> =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result as T);
    request.onerror = () => reject(request.error?.name === "ConstraintError" ? request.error : notKept());
  });

const notKept = (): VerifyError => new VerifyError("no_store", "this browser keeps no keys here: leave its private mode, or choose a key file");
