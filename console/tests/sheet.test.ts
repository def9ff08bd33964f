import { describe, expect, it } from "vitest";
import { textOf } from "../src/evidence/bytes";
import { corrected, csvOf, endingOf, fileOf, isToBeWritten, onlyRows, placeOf, unread } from "../src/screens/submissions/sheet";
import { cutRows } from "../src/signing/rows";
import type { Preview } from "../src/wire/preview";

const CELLS = [["a", "b"], [], ["x;y", 'say "so"'], ["two\nlines", " kept "], ["", ""], ["-1"]];
const preview = (part: Partial<Preview>): Preview => ({ apart: false, charset: "utf-8", columns: [], ...part }) as Preview;

describe("a table written anew", () => {
  it("has row n where the file has row n, and quotes where they are needed", () => {
    const body = csvOf(CELLS);
    expect(textOf(body)).toBe('a,b\n\nx;y,"say ""so"""\n"two\nlines"," kept "\n,\n-1\n');
    expect(cutRows(body, "csv")).toHaveLength(CELLS.length);
  });

  it("says no delimiter of its own", () => {
    expect(textOf(csvOf([["sep="], ["a"]]))).toBe("\na\n");
    expect(textOf(csvOf([["sep=;"], ["a;b"]]))).toBe("\na;b\n");
  });

  it("has what was corrected, also beyond the end of a short row", () => {
    const edits = new Map([
      [placeOf(2, 0), "z"],
      [placeOf(5, 2), "new"],
    ]);
    const cells = corrected(CELLS, edits);
    expect([cells[2], cells[5], cells[3]]).toEqual([["z", 'say "so"'], ["-1", "", "new"], CELLS[3]]);
  });

  it("can be some rows after the header alone", () => {
    expect(onlyRows(CELLS, 2, new Set([3]))).toEqual([CELLS[0], CELLS[1], CELLS[3]]);
    expect(onlyRows(CELLS, 0, new Set())).toEqual([]);
  });
});

describe("characters that could not be read", () => {
  const cells = [["a"], ["caf\ufffd"]];

  it("are found where the page wrote the file, and would send them", () => {
    expect(unread(fileOf(preview({ apart: true }), cells), cells)).toEqual([1]);
    expect(unread({ body: csvOf(cells), ending: ".csv", delimiter: "", written: false }, cells)).toEqual([]);
  });
});

describe("lines", () => {
  it("stay lines, whatever is written into them", () => {
    const { body, ending } = fileOf(preview({}), [['{"a": 1}'], ['{"b":\n2}'], []]);
    expect([textOf(body), ending]).toEqual(['{"a": 1}\n{"b": 2}\n\n', ".ndjson"]);
  });
});

describe("a file", () => {
  it("is written anew where its rows don't stand in it as they are signed", () => {
    const told: [Partial<Preview>, boolean][] = [[{}, false], [{ charset: "gb18030" }, false], [{ charset: "utf-16" }, true], [{ charset: "windows-1251" }, true], [{ apart: true }, true]];
    for (const [part, expected] of told) expect(isToBeWritten(preview(part))).toBe(expected);
  });

  it.each([
    ["Rina Wijaya.CSV", ".csv"],
    ["a.b.xlsx", ".xlsx"],
    ["none", ""],
    ["strange.«»", ""],
  ])("%s leaves its ending alone", (name, ending) => {
    expect(endingOf(name)).toBe(ending);
  });
});
