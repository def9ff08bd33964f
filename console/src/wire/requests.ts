/** What answers about requests hold, as the documents of `documents/` select it. */
import type { Entity, Handling, Link } from "./shapes";

export type Side = "ASKED" | "HELD";

export interface Grant {
  id: string;
  state: string;
  fieldGroups: string[];
  uses: string[];
  conditions: string | null;
  until: string;
  records: number;
  legalBasis: string | null;
  revokedIndex: number | null;
}

export interface InformationRequest {
  id: string;
  kind: "disclosure" | "preservation";
  asker: string;
  holder: string;
  state: string;
  overdue: boolean;
  index: number;
  lastIndex: number;
  askedAt: string;
  deadline: string | null;
  until: string | null;
  urgency: string;
  purpose: string;
  legalBasis: string;
  case: string;
  fieldGroups: string[];
  identifiers: { kind: string; key: string }[];
  /** Records that the asker named by its own handles; only it has them. */
  namedRecords: string[];
  justification: string;
  question: string | null;
  reason: string | null;
  reminders: number;
  answeredBy: number | null;
  grant: Grant | null;
}

export interface HeldRecord {
  handle: string;
  submission: number;
  row: number;
  handling: Handling;
  /** Groups in which the record has content. */
  fieldGroups: string[];
  entities: Entity[];
}

export interface RequestFile {
  truncated: boolean;
  request: InformationRequest;
  history: { index: number; at: string; action: string; org: string; person: string; text: string | null }[];
  /** Only for the holder. */
  records: HeldRecord[];
}

export interface RequestsData {
  disclosureRequests?: InformationRequest[] | null;
  preservationRequests?: InformationRequest[] | null;
}

export interface RequestData {
  informationRequest: RequestFile | null;
}

export interface MadeData {
  [field: string]: { id: string; state: string } | null;
}

export interface Preview {
  record: string;
  /** The rule that keeps the whole record back in spite of the grant. */
  rule: string | null;
  uses: string[];
  entities: Entity[];
  links: Link[];
}

export interface PreviewData {
  previewGrant: Preview[] | null;
}
