/** A table in the page: its cells corrected, and written as a file again, row for row. */
import { utf8, type Bytes } from "../../evidence/bytes";
import type { Preview, Sheet } from "../../wire/preview";

/** Cells that a person has corrected, by row and place in it. */
export type Edits = ReadonlyMap<string, string>;

export const NO_EDITS: Edits = new Map();
export const placeOf = (row: number, at: number): string => `${row} ${at}`;

/** In these the bytes of a CSV's rows stand in the file as they are signed. */
const AS_IT_STANDS = ["utf-8", "gb18030"];
/** The first row by which spreadsheets name a delimiter; a table that is written anew has commas. */
const NAMES_DELIMITER = /^"?sep=.?"?$/i;

/** Whether a file has to be written anew before it can be signed. */
export const isToBeWritten = ({ apart, charset }: Preview): boolean => apart || !AS_IT_STANDS.includes(charset);

/** The ending of a file's name: all of the name that leaves the page. */
export const endingOf = (name: string): string => /\.[a-z0-9]{1,8}$/i.exec(name)?.[0].toLowerCase() ?? "";

/** The cells with what was corrected in them. */
export function corrected(cells: string[][], edits: Edits): string[][] {
  return cells.map((row, number) => {
    const width = [...edits.keys()].filter((place) => place.startsWith(`${number} `)).map((place) => Number(place.split(" ")[1]) + 1);
    return Array.from({ length: Math.max(row.length, ...width) }, (_, at) => edits.get(placeOf(number, at)) ?? row[at] ?? "");
  });
}

/** The rows as a file of the same form: CSV in UTF-8 with commas, or lines. Row n is the file's row n. */
export function fileOf(preview: Preview, cells: string[][]): Sheet {
  // A table has columns, or, where its cells are all that is known yet, is told apart by the service.
  const isTable = preview.apart || preview.columns.length > 0;
  if (!isTable) return { body: utf8(cells.map(([line = ""]) => `${line.replace(/[\r\n]+/g, " ")}\n`).join("")), ending: ".ndjson", delimiter: "", written: true };
  return { body: csvOf(cells), ending: ".csv", delimiter: ",", written: true };
}

/** Cells as CSV: UTF-8, commas, quotes where they are needed. */
export function csvOf(cells: string[][]): Bytes {
  const lines = cells.map((row, number) => (number === 0 && NAMES_DELIMITER.test(row.join("").trim()) ? "" : row.map(quoted).join(",")));
  return utf8(lines.map((line) => `${line}\n`).join(""));
}

const quoted = (cell: string): string => (/[",\r\n]|^\s|\s$/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell);

/** Rows of a file that the page wrote in which characters stand that could not be read: they must not be sent so. */
export function unread(sheet: Sheet, cells: string[][]): number[] {
  return sheet.written ? cells.flatMap((row, number) => (row.some((cell) => cell.includes("\ufffd")) ? [number] : [])) : [];
}

/** Only some rows, after those up to the header: what is to be corrected and sent by itself. */
export const onlyRows = (cells: string[][], header: number, rows: ReadonlySet<number>): string[][] => cells.filter((_, number) => number < header || rows.has(number));
