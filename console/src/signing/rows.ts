/**
 * Rows of a file: where one ends, and the leaf that commits to its bytes, as the service and its client cut them
 * (importers/rows.py). A row is a line of NDJSON or a record of CSV without its end; the header counts, and so do blank lines.
 */
import { hmac } from "@noble/hashes/hmac.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { concat, type Bytes } from "../evidence/bytes";
import { leafHash } from "../evidence/merkle";

const [TAB, LF, CR, QUOTE] = [0x09, 0x0a, 0x0d, 0x22];
/** After what a quote opens a quoted field: , ; tab | and a line's end. */
const STARTS = new Set([0x2c, 0x3b, TAB, 0x7c, LF]);
const BOM = [0xef, 0xbb, 0xbf];
/** Bytes at a CSV's start by which its form is told. */
const LOOK = 1 << 16;

export type Cut = "csv" | "ndjson";
type State = "plain" | "quoted" | "after";

/** The rows of a body in order. Throws RangeError for a CSV in UTF-16: it has to be written anew first. */
export function cutRows(body: Bytes, cut: Cut): Bytes[] {
  const csv = cut === "csv";
  if (csv && isWide(body.subarray(0, LOOK))) throw new RangeError("the file is in UTF-16: it has to be written in UTF-8");
  const bytes = csv && isOld(body.subarray(0, LOOK)) ? body.map((one) => (one === CR ? LF : one)) : body;
  const rows: Bytes[] = [];
  const marked = BOM.every((one, at) => bytes[at] === one);
  let [start, state]: [number, State] = [0, "plain"];
  for (let at = 0; at < bytes.length; at += 1) {
    const sign = bytes[at]!;
    if (csv && state !== "plain") {
      const before: State = state;
      state = before === "quoted" ? (sign === QUOTE ? "after" : "quoted") : sign === QUOTE ? "quoted" : "plain";
      // Within quotes line ends belong to the row; only what follows the closing one is looked at like all else.
      if (before === "quoted" || state === "quoted") continue;
    }
    if (csv && sign === QUOTE) {
      const first = rows.length === 0 && marked && at === BOM.length;
      if (first || STARTS.has(at > start ? bytes[at - 1]! : LF)) state = "quoted";
    }
    if (sign !== LF) continue;
    const end = at > start && bytes[at - 1] === CR ? at - 1 : at;
    rows.push(bytes.slice(start, end));
    [start, state] = [at + 1, "plain"];
  }
  if (start < bytes.length) rows.push(bytes.slice(start));
  return rows;
}

/** The leaf of a row in its submission's tree, hidden by a salt that the seed gives. */
export const rowLeaf = (seed: Bytes, number: number, row: Bytes): Bytes => leafHash(concat(hmac(sha256, seed, counted(number)), row));

/** A row's number as eight bytes, the highest first. */
function counted(number: number): Bytes {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(number));
  return bytes;
}

/** Whether a text has CR for its line ends, as old programs write it. */
const isOld = (head: Bytes): boolean => head.includes(CR) && !head.includes(LF);

/** Whether a text is in UTF-16: it begins with that mark, or is full of zeros in one place of two. */
function isWide(head: Bytes): boolean {
  if ((head[0] === 0xff && head[1] === 0xfe) || (head[0] === 0xfe && head[1] === 0xff)) return true;
  const zeros = [0, 0];
  head.forEach((one, at) => (zeros[at % 2]! += one === 0 ? 1 : 0));
  const odd = Math.floor(head.length / 2);
  return odd > 0 && Math.max(...zeros) * 10 >= odd * 4 && Math.min(...zeros) * 20 <= Math.max(...zeros);
}
