/** What answers about rings hold, as the documents of `documents/` select it. */
import type { Entity } from "./shapes";

export interface Run {
  id: string;
  index: number;
  at: string;
  person: string;
  state: "waiting" | "running" | "done" | "failed" | "cancelled" | "forgotten";
  /** What is being done now, while it runs. */
  stage: string | null;
  endedIndex: number | null;
  endedAt: string | null;
  why: string | null;
  purpose: string;
  legalBasis: string;
  case: string;
  parameters: { name: string; value: string }[];
  /** Totals: null unless all that was analysed may be, now. */
  rings: number | null;
  claims: number | null;
  accounts: number | null;
  links: number | null;
  excludedHubs: number | null;
}

export interface Ring {
  id: string;
  run: string;
  rank: number | null;
  score: string;
  core: number;
  fringe: number;
  identifiers: { kind: string; count: number }[];
  agencies: string[];
  records: number;
  tag: string | null;
  significant: boolean | null;
  expected: string | null;
  network: string;
  verdict: "open" | "accepted" | "dismissed";
  mergedWith: string[];
}

export interface Shared {
  identifier: string | null;
  kind: string;
  accounts: string[];
  since: string | null;
  until: string | null;
  records: string[];
  recordCount: number;
}

export interface Cited {
  entity: string;
  records: string[];
  recordCount: number;
}

export interface Reason {
  text: string;
  records: string[];
  recordCount: number;
}

export interface RingFile {
  ring: Ring;
  run: Run;
  entities: Entity[];
  core: string[];
  fringe: string[];
  cycles: number;
  truncated: boolean;
  identifiers: Shared[];
  reasons: Reason[];
  brokers: Cited[];
  excludedHubs: Cited[];
  adverts: { count: number; timed: number; atNight: number; hoursFromUtc: number; records: string[]; recordCount: number };
  products: Cited[];
  seizures: Cited[];
  goBetweens: Cited[];
  network: Ring[];
  removals: { accounts: string[]; pieces: number; largest: number; left: number }[];
  change: {
    earlier: string | null;
    later: string | null;
    earlierRank: number | null;
    laterRank: number | null;
    earlierAccounts: number | null;
    laterAccounts: number | null;
    joined: string[];
    left: string[];
  } | null;
  judgements: { index: number; at: string; person: string; action: string; text: string | null; rings: string[] }[];
}

export interface RunsData {
  ringRuns: Run[] | null;
}

export interface RingsData {
  keptRings: { run: Run; rings: Ring[]; nextAfter: string | null } | null;
}

export interface RingData {
  ring: RingFile | null;
}

export interface JudgedData {
  [field: string]: { index: number; ring: string; verdict: string } | null;
}

export interface StartedData {
  [field: string]: { id: string; state: string } | null;
}
