/** Ledger entries: parsing a leaf, opening its header. A leaf is canonical JSON of at most 65,535 bytes. */
import { hmac } from "@noble/hashes/hmac.js";
import { expand } from "@noble/hashes/hkdf.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { same, unb64u, utf8, type Bytes } from "./bytes";
import { decode, digest, members, text, type Json, type Members } from "./canonical";
import { VerifyError } from "./errors";

const NAMES = "acts,epoch,header,keyHead,nonce,sections,t,type,v";
const TYPE = /^[a-z][a-z0-9.-]{0,39}$/;
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
const DIGEST = /^sha256:[0-9a-f]{64}$/;
const LONGEST = 65_535;
const BOX = utf8("graphsvc box v1");

export type Objects = Map<string, Bytes>;

export interface Leaf {
  type: string;
  t: string;
  header: Members;
  /** The lines of its sections by tag, or the digest of the object that holds them. */
  sections: Map<string, string> | string;
  acts: string[];
}

/** The leaf behind entry bytes. Throws VerifyError `bad_leaf`. */
export function parseLeaf(data: Bytes): Leaf {
  const refuse = (why: string): VerifyError => new VerifyError("bad_leaf", why);
  if (data.length > LONGEST) throw refuse("an entry is at most 65,535 bytes long");
  const value = members(decode(data), "bad_leaf");
  if (Object.keys(value).sort().join() !== NAMES || value.v !== 1) throw refuse("not an entry of version 1");
  const { type, t, acts } = value;
  if (typeof type !== "string" || !TYPE.test(type)) throw refuse("the type is malformed");
  if (typeof t !== "string" || !TIME.test(t) || Number.isNaN(Date.parse(t))) throw refuse("the time is malformed");
  if (!isIndex(value.epoch) || !(value.keyHead === null || isIndex(value.keyHead))) throw refuse("epoch or keyHead is malformed");
  if (!Array.isArray(acts) || !acts.every((one) => typeof one === "string" && DIGEST.test(one))) throw refuse("acts are digests");
  unb64u(value.nonce, 32);
  const sections = Array.isArray(value.sections) ? linesOf(value.sections) : objectOf(value.sections ?? null);
  return { type, t, header: holder(value.header ?? null), sections, acts: acts as string[] };
}

/** The header under its key; `objects` are those that the leaf may refer to. Throws VerifyError. */
export async function openHeader(leaf: Leaf, key: Bytes, objects: Objects): Promise<Members> {
  const box = typeof leaf.header.box === "string" ? unb64u(leaf.header.box) : fetchObject(text(leaf.header.object, "bad_leaf"), objects);
  return members(decode(await openBox(key, box)), "bad_box");
}

/** The lines of the sections by tag. Throws VerifyError. */
export function sectionLines(leaf: Leaf, objects: Objects): Map<string, string> {
  return typeof leaf.sections === "string" ? linesOf(decode(fetchObject(leaf.sections, objects))) : leaf.sections;
}

/** The content of a box under its key. Throws VerifyError `bad_box`. */
export async function openBox(key: Bytes, box: Bytes): Promise<Bytes> {
  const both = expand(sha256, key, BOX, 64);
  // GCM alone does not commit to its key, so the commitment is compared first.
  if (key.length !== 32 || !same(box.slice(0, 32), both.slice(32))) {
    throw new VerifyError("bad_box", "the box was sealed under another key");
  }
  let padded: Bytes;
  try {
    const inner = await crypto.subtle.importKey("raw", both.slice(0, 32) as Bytes, "AES-GCM", false, ["decrypt"]);
    const options = { name: "AES-GCM", iv: new Uint8Array(12) };
    padded = new Uint8Array(await crypto.subtle.decrypt(options, inner, box.slice(32)));
  } catch {
    throw new VerifyError("bad_box", "the box was altered");
  }
  const end = 4 + new DataView(padded.buffer).getUint32(0);
  if (end > padded.length || padded.slice(end).some((one) => one !== 0)) {
    throw new VerifyError("bad_box", "the box's padding is wrong");
  }
  return padded.slice(4, end);
}

/** What stands beside a section that no owner in the header has. */
export const otherLine = (headerKey: Bytes, tag: Bytes): Bytes => keyed(headerKey, "line", tag);
/** The salt of the facts that an owner is told of a read, at once or (`later`) later. */
export const factsSalt = (headerKey: Bytes, owner: string, later: boolean): Bytes =>
  keyed(headerKey, later ? "later" : "facts", utf8(owner));

function keyed(key: Bytes, word: string, rest: Bytes): Bytes {
  return hmac.create(sha256, key).update(utf8(word)).update(rest).digest() as Bytes;
}

function fetchObject(name: string, objects: Objects): Bytes {
  const found = objects.get(name);
  if (!found) throw new VerifyError("no_object", "an object that the entry refers to is missing");
  if (digest(found) !== name) throw new VerifyError("bad_object", "an object does not fit its digest");
  return found;
}

function linesOf(value: Json): Map<string, string> {
  if (!Array.isArray(value)) throw new VerifyError("bad_leaf", "sections are malformed");
  const lines = new Map<string, string>();
  let before: Bytes | undefined;
  for (const item of value) {
    const { tag, line, ...rest } = members(item, "bad_leaf");
    const bytes = unb64u(tag, 16);
    if (before && !lessThan(before, bytes)) throw new VerifyError("bad_leaf", "sections are not sorted by tag");
    before = bytes;
    unb64u(line, 32);
    holder(rest);
    lines.set(tag as string, line as string);
  }
  return lines;
}

function lessThan(left: Bytes, right: Bytes): boolean {
  const at = left.findIndex((one, place) => one !== right[place]);
  return at >= 0 && left[at]! < right[at]!;
}

function objectOf(value: Json): string {
  const held = holder(value);
  if (typeof held.object !== "string") throw new VerifyError("bad_leaf", "sections are malformed");
  return held.object;
}

function holder(value: Json): Members {
  const held = members(value, "bad_leaf");
  const [name, ...more] = Object.keys(held);
  const fits = (name === "box" && typeof held.box === "string") || (name === "object" && DIGEST.test(String(held.object)));
  if (more.length || !fits) throw new VerifyError("bad_leaf", "a sealed part is a box or an object");
  return held;
}

const isIndex = (value: Json | undefined): boolean => Number.isSafeInteger(value) && (value as number) >= 0;
