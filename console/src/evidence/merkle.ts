/** Merkle trees of RFC 6962: hashes, roots, inclusion and consistency proofs (RFC 9162 section 2.1). */
import { sha256 } from "@noble/hashes/sha2.js";
import { concat, same, type Bytes } from "./bytes";
import { VerifyError } from "./errors";

const LEAF = Uint8Array.of(0);
const NODE = Uint8Array.of(1);
export const EMPTY_ROOT = sha256(new Uint8Array()) as Bytes;

export const leafHash = (data: Uint8Array): Bytes => sha256(concat(LEAF, data)) as Bytes;
export const nodeHash = (left: Uint8Array, right: Uint8Array): Bytes => sha256(concat(NODE, left, right)) as Bytes;

/** The root over leaf hashes. */
export function root(leaves: Bytes[]): Bytes {
  let level = leaves;
  while (level.length > 1) {
    const above: Bytes[] = [];
    for (let at = 0; at + 1 < level.length; at += 2) above.push(nodeHash(level[at]!, level[at + 1]!));
    if (level.length % 2) above.push(level.at(-1)!);
    level = above;
  }
  return level[0] ?? EMPTY_ROOT;
}

const half = (value: number): number => Math.floor(value / 2);
const isOdd = (value: number): boolean => value % 2 === 1;

/** Check that `leaf` sits at `index` in the tree of `size` leaves. Throws VerifyError `bad_proof`. */
export function verifyInclusion(leaf: Bytes, index: number, size: number, proof: Bytes[], expected: Bytes): void {
  const refuse = (why: string): never => {
    throw new VerifyError("bad_proof", why);
  };
  if (!(index >= 0 && index < size)) refuse("the index lies outside the tree");
  if (![leaf, expected, ...proof].every((one) => one.length === 32)) refuse("a hash is not 32 bytes long");
  let [position, last, node] = [index, size - 1, leaf];
  for (const step of proof) {
    if (last === 0) refuse("the inclusion proof is too long");
    if (isOdd(position) || position === last) {
      node = nodeHash(step, node);
      while (!isOdd(position) && position) [position, last] = [half(position), half(last)];
    } else {
      node = nodeHash(node, step);
    }
    [position, last] = [half(position), half(last)];
  }
  if (last) refuse("the inclusion proof is too short");
  if (!same(node, expected)) refuse("the inclusion proof leads to another root");
}

/** Check that the tree of `newer` leaves extends that of `older`. Throws VerifyError `bad_consistency`. */
export function verifyConsistency(older: number, newer: number, oldRoot: Bytes, newRoot: Bytes, proof: Bytes[]): void {
  const refuse = (why: string): never => {
    throw new VerifyError("bad_consistency", why);
  };
  if (older < 0 || newer < older) refuse("the sizes are not in order");
  if (older === newer) {
    const empty = older === 0 && !same(oldRoot, EMPTY_ROOT);
    if (proof.length || !same(oldRoot, newRoot) || empty) refuse("same size, other root or superfluous proof");
    return;
  }
  if (older === 0) refuse("every tree extends the empty one: nothing is proved");
  if (!proof.length) refuse("the proof is missing");
  if (![oldRoot, newRoot, ...proof].every((one) => one.length === 32)) refuse("a hash is not 32 bytes long");
  let [position, last] = [older - 1, newer - 1];
  while (isOdd(position)) [position, last] = [half(position), half(last)];
  const steps = position ? proof.slice(1) : proof;
  let [before, after] = position ? [proof[0]!, proof[0]!] : [oldRoot, oldRoot];
  for (const step of steps) {
    if (last === 0) refuse("the proof is too long");
    if (isOdd(position) || position === last) {
      [before, after] = [nodeHash(step, before), nodeHash(step, after)];
      while (!isOdd(position) && position) [position, last] = [half(position), half(last)];
    } else {
      after = nodeHash(after, step);
    }
    [position, last] = [half(position), half(last)];
  }
  if (last) refuse("the proof is too short");
  if (!same(before, oldRoot) || !same(after, newRoot)) refuse("the proof leads to other roots");
}
