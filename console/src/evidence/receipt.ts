/**
 * Receipts: what is checked when an answer comes in, step by step as docs/formats.md has it ("Receipt").
 *
 * A receipt proves that an entry is in the log, that the entry commits to these very bytes of `data`, and that each
 * owner will be told of each record shown, by whom it was asked for and on what footing.
 */
import { b64u, textOf, unb64u, utf8, type Bytes } from "./bytes";
import { digest, list, members, parse, text, type Json, type Members } from "./canonical";
import { answerDigest, disclosuresRoot, factsRoot, HIT, ownerLine, queryDigest } from "./disclosures";
import { factsSalt, openHeader, otherLine, parseLeaf, sectionLines, type Leaf, type Objects } from "./entry";
import { VerifyError } from "./errors";
import { verifyProof, type Checkpoint, type NoteKey } from "./note";

const READ = "read";
const MOST_DAYS = 366;
const DAY = 86_400_000;

export type Shown = Map<string, Map<string, Set<string>>>;
type Late = { rule: string; law: string; due: string | null };

/** What a question stated, and whose it was. */
export interface Asked {
  request: Bytes;
  org: string;
  purpose: string;
  legalBasis: string;
  case: string;
}

export interface Report {
  index: number;
  leaf: Leaf;
  header: Members;
  checkpoint: Checkpoint;
  /** How many records were found in the answer. */
  records: number;
  /** Of each owner the records that it is told of, by handle, with their field groups. */
  shown: Shown;
}

/** What the receipt of an act proves: the entry that carries it. */
export interface ActReport {
  index: number;
  checkpoint: Checkpoint;
}

/** Check a receipt, the bytes of the answer's `data` exactly as they were sent, and what was asked. Throws VerifyError. */
export function checkReceipt(receipt: unknown, key: NoteKey, data: Bytes, asked?: Asked): Promise<Report> {
  return wellFormed(() => check(members(receipt as Json, "bad_receipt"), key, data, asked));
}

/** Check the receipt of an act: its entry is in the log, and carries what was sent. Throws VerifyError. */
export function checkActReceipt(receipt: unknown, key: NoteKey, act: string): Promise<ActReport> {
  return wellFormed(async () => {
    const { index, leaf, checkpoint } = await opened(members(receipt as Json, "bad_receipt"), key);
    if (!leaf.acts.includes(digest(utf8(act)))) {
      throw new VerifyError("wrong_entry", "the receipt is of an entry that does not carry what was sent");
    }
    return { index, checkpoint };
  });
}

async function wellFormed<T>(run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    if (error instanceof VerifyError) throw error;
    throw new VerifyError("bad_receipt", "a receipt is malformed");
  }
}

/** Steps 1 to 3: an entry of the log, opened, with what its owners are told. */
async function opened(receipt: Members, key: NoteKey) {
  // 1. The proof holds under the pinned log key; index and checkpoint are those of the proof.
  const raw = unb64u(receipt.leaf);
  const [index, checkpoint] = verifyProof(text(receipt.proof, "bad_receipt"), raw, key);
  if (index !== receipt.index || checkpoint.note !== receipt.checkpoint) {
    throw new VerifyError("bad_receipt", "index or checkpoint are not those of the proof");
  }
  // 2. The header opens.
  const leaf = parseLeaf(raw);
  const openings = members(receipt.openings, "bad_receipt");
  const objects = objectsOf(receipt.objects);
  const headerKey = unb64u(openings.headerKey, 32);
  const header = await openHeader(leaf, headerKey, objects);
  // 3. Lines, owners and what they are told.
  const later = leaf.type === READ ? laterOf(header) : [];
  checkLines(leaf, header, headerKey, objects, later);
  const [shown, hits] = checkOwners(list(header.owners, "bad_leaf"), openings.owners);
  for (const owner of checkLater(later, openings.later ?? [], leaf)) hits.add(owner);
  return { index, leaf, header, checkpoint, shown, hits };
}

async function check(receipt: Members, key: NoteKey, data: Bytes, asked?: Asked): Promise<Report> {
  const { index, leaf, header, checkpoint, shown, hits } = await opened(receipt, key);
  if (leaf.type !== READ) throw new VerifyError("wrong_entry", "an answer's receipt is of an entry that is no read");
  // 4. The very bytes of the answer, and of the request.
  const salt = unb64u(header.answerSalt, 32);
  if (answerDigest(data, salt) !== header.answer) {
    throw new VerifyError("altered_answer", "the answer's bytes are not those that the entry commits to");
  }
  if (asked) checkAsked(header, asked, salt);
  // 6. Every record of the answer is one that its owner is told of.
  return { index, leaf, header, checkpoint, records: checkAnswer(parse(textOf(data)), shown, hits), shown };
}

/** What was asked, by whom and on what footing, is what the entry says. Throws VerifyError `wrong_question`. */
function checkAsked(header: Members, asked: Asked, salt: Bytes): void {
  const who = members(header.who, "bad_leaf");
  const stated = { purpose: asked.purpose, basis: asked.legalBasis, case: asked.case };
  const differs = Object.entries(stated).some(([name, value]) => (header[name] ?? "") !== value);
  if (who.org !== asked.org || differs || header.query !== queryDigest(asked.request, salt)) {
    throw new VerifyError("wrong_question", "the entry is of another question, footing or organisation");
  }
}

function objectsOf(value: Json | undefined): Objects {
  const named = members(value ?? {}, "bad_object");
  return new Map(Object.entries(named).map(([name, encoded]) => [name, unb64u(encoded)]));
}

function laterOf(header: Members): [Members, Late][] {
  const groups = list(members(header.body, "bad_leaf").later ?? [], "bad_late");
  return groups.flatMap((group) => {
    const { rule, law, due, owners } = members(group, "bad_late");
    if (typeof rule !== "string" || !rule || typeof law !== "string" || !law) {
      throw new VerifyError("bad_late", "a hit that is not told at once names no rule or no law for that");
    }
    if (due !== null && !(typeof due === "string" && /^\d{4}-\d\d-\d\d$/.test(due))) {
      throw new VerifyError("bad_late", "the day of telling is malformed");
    }
    const late = { rule, law, due };
    return list(owners, "bad_late").map((owner): [Members, Late] => [members(owner, "bad_late"), late]);
  });
}

function checkLines(leaf: Leaf, header: Members, key: Bytes, objects: Objects, later: [Members, Late][]): void {
  const now = list(header.owners, "bad_leaf").map((one) => members(one, "bad_leaf"));
  for (const some of [now, later.map(([owner]) => owner)]) {
    if (new Set(some.map((one) => one.owner)).size !== some.length) {
      throw new VerifyError("missing_owner", "an owner is named twice");
    }
  }
  const told: [Members, Late | null][] = [...now.map((one): [Members, null] => [one, null]), ...later];
  const left = new Set(told.map(([one]) => ownerLine(String(one.owner), String(one.root), String(one.facts))));
  for (const [tag, line] of sectionLines(leaf, objects)) {
    if (!left.delete(line) && line !== b64u(otherLine(key, unb64u(tag, 16)))) {
      throw new VerifyError("wrong_line", "the entry has a section for an owner that its header does not list so");
    }
  }
  if (left.size) throw new VerifyError("missing_owner", "an owner that the header lists has no section in the entry");
  if (leaf.type !== READ) return;
  for (const [one, late] of told) {
    if (b64u(factsRoot(readFacts(header, late), factsSalt(key, String(one.owner), late !== null))) !== one.facts) {
      throw new VerifyError("wrong_fact", "an owner is told of another reader, footing or policy than you");
    }
  }
}

/** The facts of a read as each owner is told them. */
function readFacts(header: Members, late: Late | null): Members {
  const who = header.who === null ? {} : members(header.who, "bad_leaf");
  const facts: Members = { reader: who.org ?? null, person: who.person ?? null };
  for (const name of ["purpose", "basis", "case", "policy"]) facts[name] = header[name] ?? null;
  if (members(header.body ?? {}, "bad_leaf").export) facts.export = true;
  if (late) facts.late = { ...late };
  return facts;
}

function checkOwners(committed: Json[], opened: Json | undefined): [Shown, Set<string>] {
  const owners = list(opened, "missing_owner").map((one) => members(one, "missing_owner"));
  const expected = committed.map((one) => members(one, "bad_leaf"));
  if (owners.length !== expected.length || owners.some((one, at) => one.owner !== expected[at]!.owner)) {
    throw new VerifyError("missing_owner", "the receipt opens other owners than the entry commits to");
  }
  const shown: Shown = new Map();
  const hits = new Set<string>();
  owners.forEach((one, at) => {
    const leaves = list(one.leaves, "bad_receipt").map((leaf): [Bytes, string, string[]] => {
      const [c, handle, groups] = list(leaf, "bad_receipt");
      return [unb64u(c, 32), text(handle, "bad_receipt"), list(groups, "bad_receipt").map(String)];
    });
    if (b64u(disclosuresRoot(leaves)) !== expected[at]!.root) {
      throw new VerifyError("wrong_root", "the disclosures do not lead to the owner's root");
    }
    const isHit = (groups: string[]): boolean => groups.length === 1 && groups[0] === HIT;
    const records = leaves.filter(([, , groups]) => !isHit(groups));
    shown.set(String(one.owner), new Map(records.map(([, handle, groups]) => [handle, new Set(groups)])));
    if (records.length < leaves.length) hits.add(String(one.owner));
  });
  return [shown, hits];
}

function checkLater(later: [Members, Late][], opened: Json, leaf: Leaf): Set<string> {
  const [shown, hits] = checkOwners(later.map(([one]) => one), opened);
  if ([...shown].some(([owner, records]) => records.size || !hits.has(owner))) {
    throw new VerifyError("bad_late", "the entry tells an owner late of what is no hit");
  }
  const latest = Date.parse(leaf.t.slice(0, 10)) + (MOST_DAYS + 1) * DAY;
  if (later.some(([, { due }]) => due !== null && !(Date.parse(due) <= latest))) {
    throw new VerifyError("bad_late", `a hit is told later than ${MOST_DAYS} days after it`);
  }
  return hits;
}

/** Check every record found in an answer against what owners are told; returns how many. Throws VerifyError. */
function checkAnswer(data: Json, shown: Shown, hits: Set<string>): number {
  let count = 0;
  const find = (owner: string | null, handle: string): Set<string> | undefined => {
    if (owner !== null) return shown.get(owner)?.get(handle);
    return [...shown.values()].find((records) => records.has(handle))?.get(handle);
  };
  const told = (groups: Set<string> | undefined, needed: string[]): void => {
    if (!groups) throw new VerifyError("unlisted_record", "the answer shows a record that its owner was not told of");
    if (!needed.every((one) => groups.has(one))) {
      throw new VerifyError("unlisted_group", "the answer shows a field group that its owner was not told of");
    }
    count += 1;
  };
  for (const item of objectsIn(data)) {
    if (typeof item.owner === "string" && typeof item.handle === "string") {
      told(find(item.owner, item.handle), groupsOf(item.attributes));
    }
    for (const handle of Array.isArray(item.records) ? item.records : []) {
      if (typeof handle === "string") told(find(null, handle), []);
    }
    for (const contact of Array.isArray(item.contacts) ? item.contacts : []) {
      const org = String(members(contact, "bad_answer").org ?? "");
      if (org && !hits.has(org) && !shown.get(org)?.size) {
        throw new VerifyError("unlisted_hit", "the answer tells of a hit that its owner is not told of");
      }
    }
  }
  return count;
}

function* objectsIn(value: Json): Generator<Members> {
  const pending: Json[] = [value];
  while (pending.length) {
    const item = pending.pop()!;
    if (Array.isArray(item)) pending.push(...item);
    else if (item !== null && typeof item === "object") {
      yield item;
      pending.push(...Object.values(item));
    }
  }
}

function groupsOf(attributes: Json | undefined): string[] {
  if (!Array.isArray(attributes)) return [];
  return attributes.flatMap((one) => {
    const group = one !== null && typeof one === "object" && !Array.isArray(one) ? one.fieldGroup : undefined;
    return typeof group === "string" ? [group] : [];
  });
}
