import { describe, expect, it } from "vitest";
import { concat, utf8, type Bytes } from "../src/evidence/bytes";
import { leafHash, root } from "../src/evidence/merkle";
import type { Checkpoint } from "../src/evidence/note";
import { provenEntry } from "../src/evidence/tiles";

const WIDTH = 256;
const entryAt = (index: number): Bytes => utf8(`entry ${index}`);

const LEAVES = Array.from({ length: 66_000 }, (_, index) => leafHash(entryAt(index)));

/** A log of so many entries as its files: tiles of every level, of one width each, and bundles. */
function filesOf(size: number): Map<string, Bytes> {
  const files = new Map<string, Bytes>();
  const put = (level: string, parts: Bytes[]) => {
    for (let at = 0; at < parts.length; at += WIDTH) {
      const some = parts.slice(at, at + WIDTH);
      const name = `tile/${level}/${String(at / WIDTH).padStart(3, "0")}`;
      files.set(some.length < WIDTH ? `${name}.p/${some.length}` : name, concat(...some));
    }
  };
  const entries = Array.from({ length: size }, (_, index) => entryAt(index));
  put("entries", entries.map((one) => concat(Uint8Array.of(one.length >> 8, one.length & 255), one)));
  let level = LEAVES.slice(0, size);
  for (let number = 0; level.length; number += 1) {
    put(String(number), level);
    level = Array.from({ length: Math.floor(level.length / WIDTH) }, (_, at) => root(level.slice(at * WIDTH, (at + 1) * WIDTH)));
  }
  return files;
}

const headOf = (size: number): Checkpoint => ({ origin: "log", size, root: root(LEAVES.slice(0, size)), note: "" });
const from = (files: Map<string, Bytes>) => (path: string) => Promise.resolve(files.get(path) ?? null);

describe("an entry of a log by its tiles", () => {
  it.each([1, 2, 3, 255, 256, 257, 511, 700, 66_000])("is proved in a tree of %i", async (size) => {
    const read = from(filesOf(size));
    const head = headOf(size);
    for (const index of new Set([0, 1, 255, 256, 511, 512, Math.floor(size / 2), size - 1].filter((one) => one < size))) {
      expect(await provenEntry(read, index, head)).toEqual(entryAt(index));
    }
  }, 30_000);

  it("is proved where the log has grown and its partial tiles are gone", async () => {
    expect(await provenEntry(from(filesOf(256)), 100, headOf(200))).toEqual(entryAt(100));
  });

  it("is refused beyond the tree, and where a tile, the bundle or the root is another", async () => {
    const [files, head] = [filesOf(300), headOf(300)];
    await expect(provenEntry(from(files), 300, head)).rejects.toMatchObject({ code: "bad_proof" });
    await expect(provenEntry(from(files), -1, head)).rejects.toMatchObject({ code: "bad_proof" });
    for (const name of files.keys()) {
      const altered = new Map(files);
      const bytes = files.get(name)!.slice();
      bytes[bytes.length - 1]! ^= 1;
      altered.set(name, bytes);
      const refused = await Promise.all([0, 299].map((index) => provenEntry(from(altered), index, head).then(() => false, () => true)));
      expect([name, refused.includes(true)]).toEqual([name, name !== "tile/entries/000"]);
      const gone = new Map(files);
      gone.delete(name);
      const without = await Promise.all([0, 299].map((index) => provenEntry(from(gone), index, head).then(() => "", (error: { code: string }) => error.code)));
      expect([name, without.includes("bad_tile")]).toEqual([name, true]);
    }
    await expect(provenEntry(from(files), 5, { ...head, root: leafHash(utf8("else")) })).rejects.toMatchObject({ code: "bad_proof" });
  });
});
