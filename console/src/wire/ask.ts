/**
 * The one way to ask: sends a question with footing and guard, and gives an answer only after it was checked against
 * its receipt. What does not hold is never shown.
 */
import { dataBytes } from "../evidence/answer";
import { textOf, utf8, type Bytes } from "../evidence/bytes";
import { VerifyError } from "../evidence/errors";
import { pinned, seen } from "../evidence/pin";
import { checkActReceipt, checkReceipt, type Report } from "../evidence/receipt";
import type { Service } from "./service";
import { guard, type Session } from "./session";

/** Why something is asked, and under which law and case: stated with every question. */
export interface Footing {
  purpose: string;
  legalBasis: string;
  case: string;
}

export const NO_FOOTING: Footing = { purpose: "", legalBasis: "", case: "" };

/** What the service says is wrong, with its code. */
export class AskError extends Error {
  constructor(
    readonly code: string,
    message: string,
    readonly where: string,
  ) {
    super(message);
    this.name = "AskError";
  }
}

export interface Problem {
  code: string;
  message: string;
  where: string;
}

export interface Answer<T> {
  data: T;
  /** Fields that could not be answered: they are null in `data`. */
  problems: Problem[];
  /** Whether only own records were asked for, since no footing was stated. */
  onlyOwn: boolean;
  report: Report;
}

interface Envelope {
  data?: unknown;
  errors?: { message: string; extensions?: { code?: string; where?: string } }[];
  extensions?: { receipt?: unknown; onlyOwn?: boolean };
}

/** Who asks whom. */
export interface Asker {
  session: Session;
  service: Service;
  footing: Footing;
}

/** Asks one document. Throws AskError, VerifyError (the answer does not hold) or TypeError (no connection). */
export async function ask<T>(asker: Asker, document: string, variables: Record<string, unknown>): Promise<Answer<T>> {
  const { session, service, footing } = asker;
  const { request, raw, envelope, problems } = await send(asker, document, variables);
  const data = dataBytes(raw);
  const key = await pinned(service.origin, service.logKey);
  const asked = { request, org: session.org, ...footing };
  const report = await checkReceipt(envelope.extensions?.receipt, key, data, asked);
  await seen(service.origin, report.checkpoint);
  // What is shown is read from the very bytes that were checked.
  const answer = JSON.parse(textOf(data)) as T;
  return { data: answer, problems, onlyOwn: envelope.extensions?.onlyOwn ?? false, report };
}

/** What an act made, and the entry that carries it. */
export interface Acted<T> {
  data: T;
  index: number;
}

/** Hands a signed act in. Throws as {@link ask} does: what the service says was done counts with its receipt alone. */
export async function act<T>(asker: Asker, document: string, compact: string): Promise<Acted<T>> {
  const { envelope, problems } = await send({ ...asker, footing: NO_FOOTING }, document, { act: compact });
  const [problem] = problems;
  if (problem) throw new AskError(problem.code, problem.message, problem.where);
  return { data: envelope.data as T, index: await entered(asker.service, envelope.extensions?.receipt, compact) };
}

/** The entry that carries what was signed, by a receipt that holds. Throws VerifyError. */
export async function entered(service: Service, receipt: unknown, compact: string): Promise<number> {
  const key = await pinned(service.origin, service.logKey);
  const report = await checkActReceipt(receipt, key, compact);
  await seen(service.origin, report.checkpoint);
  return report.index;
}

async function send({ session, footing }: Asker, document: string, variables: Record<string, unknown>) {
  const request = utf8(JSON.stringify({ query: document, variables }));
  const response = await fetch("/graphql", {
    method: "POST",
    headers: headersOf(session, footing),
    body: request,
    cache: "no-store",
  });
  const raw: Bytes = new Uint8Array(await response.arrayBuffer());
  const envelope = read(raw, response.status);
  const problems = (envelope.errors ?? []).map((one) => ({
    code: one.extensions?.code ?? "unknown",
    message: one.message,
    where: one.extensions?.where ?? "",
  }));
  if (!envelope.data) {
    const first = problems[0] ?? { code: `http_${response.status}`, message: response.statusText, where: "" };
    throw new AskError(first.code, first.message, first.where);
  }
  return { request, raw, envelope, problems };
}

function headersOf(session: Session, footing: Footing): Record<string, string> {
  const stated = {
    "graphsvc-purpose": footing.purpose,
    "graphsvc-legal-basis": footing.legalBasis,
    "graphsvc-case": footing.case,
  };
  return {
    "content-type": "application/json",
    accept: "application/graphql-response+json",
    ...guard(session),
    ...Object.fromEntries(Object.entries(stated).filter(([, value]) => value)),
  };
}

function read(raw: Bytes, status: number): Envelope {
  try {
    return JSON.parse(textOf(raw)) as Envelope;
  } catch (error) {
    if (error instanceof VerifyError) throw error;
    throw new AskError(`http_${status}`, "the answer is not JSON", "");
  }
}
