/** The log's tiles (C2SP tlog-tiles): one entry, and the proof computed here that it is in a tree of the log. */
import type { Bytes } from "./bytes";
import { VerifyError } from "./errors";
import { leafHash, nodeHash, root, verifyInclusion } from "./merkle";
import type { Checkpoint } from "./note";

const HEIGHT = 8;
const WIDTH = 2 ** HEIGHT;
const HASH = 32;

/** Reads below `/log/`; null where there is nothing. */
export type Read = (path: string) => Promise<Bytes | null>;

/** The bytes of an entry, after its inclusion in the checkpoint's tree was computed from tiles. Throws VerifyError. */
export async function provenEntry(read: Read, index: number, checkpoint: Checkpoint): Promise<Bytes> {
  if (!(Number.isSafeInteger(index) && index >= 0 && index < checkpoint.size)) {
    throw new VerifyError("bad_proof", "the log has no entry of that number yet");
  }
  const entry = await entryOf(read, index, checkpoint.size);
  const tree = new Tree(read, checkpoint.size);
  const proof = await tree.path(index, 0, checkpoint.size);
  verifyInclusion(leafHash(entry), index, checkpoint.size, proof, checkpoint.root);
  return entry;
}

async function entryOf(read: Read, index: number, size: number): Promise<Bytes> {
  const bundle = await tile(read, "entries", Math.floor(index / WIDTH), size);
  const view = new DataView(bundle.buffer, bundle.byteOffset, bundle.byteLength);
  let at = 0;
  for (let left = index % WIDTH; at + 2 <= bundle.length; left -= 1) {
    const end = at + 2 + view.getUint16(at);
    if (left === 0 && end <= bundle.length) return bundle.slice(at + 2, end);
    at = end;
  }
  throw new VerifyError("bad_tile", "a bundle of entries ends too early");
}

/** One tree of the log, by its tiles. */
class Tree {
  private readonly tiles = new Map<string, Promise<Bytes>>();

  constructor(
    private readonly read: Read,
    private readonly size: number,
  ) {}

  /** The inclusion path of a leaf within leaves `start` to below `end` (RFC 6962 section 2.1.1). */
  async path(leaf: number, start: number, end: number): Promise<Bytes[]> {
    if (end - start === 1) return [];
    const middle = start + splitOf(end - start);
    const isLeft = leaf < middle;
    const below = await (isLeft ? this.path(leaf, start, middle) : this.path(leaf, middle, end));
    return [...below, await (isLeft ? this.hash(middle, end) : this.hash(start, middle))];
  }

  private async hash(start: number, end: number): Promise<Bytes> {
    const count = end - start;
    const height = heightOf(count);
    if (2 ** height === count) return this.whole(height, start / count);
    const middle = start + splitOf(count);
    return nodeHash(await this.hash(start, middle), await this.hash(middle, end));
  }

  /** The root of a whole subtree of 2^height leaves, the nth of its kind. */
  private async whole(height: number, nth: number): Promise<Bytes> {
    const level = Math.floor(height / HEIGHT);
    const count = 2 ** (height % HEIGHT);
    const first = nth * count;
    const hashes = await this.tile(level, Math.floor(first / WIDTH));
    const from = (first % WIDTH) * HASH;
    if (hashes.length < from + count * HASH) throw new VerifyError("bad_tile", "a tile is too short");
    return root(Array.from({ length: count }, (_, at) => hashes.slice(from + at * HASH, from + (at + 1) * HASH)));
  }

  private tile(level: number, nth: number): Promise<Bytes> {
    const name = `${level} ${nth}`;
    const known = this.tiles.get(name) ?? tile(this.read, String(level), nth, Math.floor(this.size / WIDTH ** level));
    this.tiles.set(name, known);
    return known;
  }
}

/** A tile where its level has so many nodes: a partial one that is gone since is part of the full one. */
async function tile(read: Read, level: string, nth: number, nodes: number): Promise<Bytes> {
  const path = `tile/${level}/${spelt(nth)}`;
  const width = Math.min(WIDTH, nodes - nth * WIDTH);
  const found = (width < WIDTH ? await read(`${path}.p/${width}`) : null) ?? (await read(path));
  if (found === null) throw new VerifyError("bad_tile", "the log does not give a tile that its tree has");
  return found;
}

/** 1234067 as `x001/x234/067`. */
function spelt(nth: number): string {
  const digits = String(nth).padStart(Math.ceil(String(nth).length / 3) * 3, "0");
  const groups = digits.match(/.{3}/g) ?? [];
  return groups.map((one, at) => (at < groups.length - 1 ? `x${one}` : one)).join("/");
}

/** The height of the smallest whole tree that has so many leaves. */
function heightOf(count: number): number {
  let height = 0;
  while (2 ** height < count) height += 1;
  return height;
}

/** The largest power of two below a count. */
const splitOf = (count: number): number => 2 ** (heightOf(count) - 1);
