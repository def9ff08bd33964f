/** Submissions: what the service tells of one's own, and of the rows that it did not accept. */
import { b64u } from "../evidence/bytes";
import { parse } from "../evidence/canonical";
import { idempotencyKey, type Manifest, type Outgoing } from "../signing/manifest";
import { AskError, entered } from "./ask";
import type { Service } from "./service";
import { guard, type Session } from "./session";

export interface Submission {
  index: number;
  receivedAt: string;
  rows: number;
  accepted: number;
  rejected: number;
  applied: boolean;
  setAside: { code: string; first: number; last: number }[];
  moreSetAside: boolean;
  mediaType: string;
}

export interface SubmissionsData {
  submissions: Submission[] | null;
}

export interface RecalledData {
  recall: { index: number; records: number; organisations: string[] } | null;
}

/** What is wrong with a row, or not linked in it: where in what was made of the row, and what to do. */
export interface RowProblem {
  row: number;
  code: string;
  pointer: string;
  message: string;
}

/** So many submissions come at once. */
export const PAGE = 50;

/** The rows of a submission that were not accepted, or what of accepted rows can't be linked. Throws AskError. */
export async function readTold(session: Session, index: number, what: "errors" | "notes"): Promise<RowProblem[]> {
  const response = await fetch(`/v1/submissions/${index}/${what}`, { headers: guard(session), cache: "no-store" });
  if (!response.ok) throw await refusal(response);
  const lines = (await response.text()).split("\n").filter(Boolean);
  return lines.map((line) => parse(line) as unknown as RowProblem);
}

/** What the service says is wrong, by its problem details (RFC 9457). */
export async function refusal(response: Response): Promise<AskError> {
  const fallback = { code: `http_${response.status}`, detail: response.statusText, where: "" };
  try {
    const told = { ...fallback, ...((await response.json()) as Partial<typeof fallback>) };
    return new AskError(told.code, told.detail, told.where);
  } catch {
    return new AskError(fallback.code, fallback.detail, "");
  }
}

/** What became of a file's rows; nothing was stored where `index` is missing. */
export interface Taken {
  index?: number;
  rows: number;
  accepted: number;
  rejected: number;
  errors: RowProblem[];
}

/** A signed submission on its way. */
export interface Sent {
  outgoing: Outgoing;
  manifest: Manifest;
  /** The manifest, signed. */
  compact: string;
}

/**
 * Hands a submission in; sent again, it is still one. Throws AskError, VerifyError (the receipt does not hold) or TypeError
 * (no connection: whether it arrived is not known, and the same may be sent again).
 */
export async function submit(who: { session: Session; service: Service }, { outgoing, manifest, compact }: Sent): Promise<Taken> {
  const form = new FormData();
  // As files: a browser changes the line ends of texts.
  form.append("manifest", new Blob([compact]));
  form.append("seed", new Blob([b64u(manifest.seed)]));
  if (outgoing.mapping) form.append("mapping", new Blob([outgoing.mapping], { type: "application/yaml" }));
  form.append("body", new Blob([outgoing.body], { type: outgoing.mediaType }));
  const headers = { ...guard(who.session), "idempotency-key": idempotencyKey(compact) };
  const response = await fetch("/v1/submissions", { method: "POST", headers, body: form, cache: "no-store" });
  if (!response.ok) throw await refusal(response);
  const taken = (await response.json()) as Taken & { receipt?: unknown };
  return { ...taken, index: await entered(who.service, taken.receipt, compact) };
}
