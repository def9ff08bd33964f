/** A file looked at before it is submitted: the service proposes a mapping, and keeps nothing. */
import { b64, type Bytes } from "../evidence/bytes";
import { TLP_SCHEME } from "../kit/handling";
import { guard, type Session } from "./session";
import { refusal, type RowProblem } from "./submissions";

/** What is wrong with a row, or not linked in it, and from which columns it came. */
export interface CellProblem extends RowProblem {
  columns: string[];
  type: string;
}

export interface Preview {
  mediaType: string;
  title: string;
  charset: string;
  /** Its rows can't be submitted as they stand in the file: they have to be written as CSV. */
  apart: boolean;
  header: number;
  columns: { name: string; holds: string }[];
  kinds: string[];
  questions: { name: string; question: string }[];
  mapping: string;
  cells: string[][];
  accepted: number;
  rejected: number;
  becomes: { row: number; entities: string[]; links: string[] }[];
  errors: CellProblem[];
  notes: CellProblem[];
  losses: Record<string, number>;
  warnings: RowProblem[];
}

/** A file's bytes, the ending of its name (no more of it), what parts its cells where that is known. */
export interface Sheet {
  body: Bytes;
  ending: string;
  delimiter: "" | ",";
  /** Whether the page wrote it, of the cells that it was told. */
  written: boolean;
}

/** What a person says of a file: what columns hold, answers to questions, and what holds for all rows. */
export interface Said {
  holds: Record<string, string>;
  answers: Record<string, string>;
  handling: string;
  legalBasis: string;
  purposes: string[];
}

export const NOTHING_SAID: Said = { holds: {}, answers: {}, handling: "", legalBasis: "", purposes: [] };

/** What is said once for all rows, as a manifest has it. */
export const defaultsOf = ({ handling, legalBasis, purposes }: Said) => ({
  ...(handling && { handling: { scheme: TLP_SCHEME, code: handling } }),
  ...(legalBasis && { legalBasis }),
  ...(purposes.length > 0 && { purposes }),
});

/** What a file would become. Throws AskError. */
export async function readPreview(session: Session, sheet: Sheet, said: Said): Promise<Preview> {
  const given = { ...(said.handling && { handling: `${TLP_SCHEME} ${said.handling}` }), ...(said.legalBasis && { legalBasis: said.legalBasis }) };
  const asked = {
    body: b64(sheet.body),
    ending: sheet.ending,
    delimiter: sheet.delimiter,
    holds: said.holds,
    answers: { ...said.answers, ...given },
    defaults: defaultsOf(said),
  };
  const headers = { ...guard(session), "content-type": "application/json" };
  const response = await fetch("/v1/submissions/preview", { method: "POST", headers, body: JSON.stringify(asked), cache: "no-store" });
  if (!response.ok) throw await refusal(response);
  return (await response.json()) as Preview;
}
