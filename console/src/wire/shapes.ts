/** What answers hold, as the documents of `documents/` select it. */

export interface Handling {
  scheme: string;
  code: string;
}

export interface Grading {
  scheme: string;
  source: string;
  information: string;
}

export interface Attribute {
  name: string;
  fieldGroup: string;
  value: string;
}

/** A field group that the owner's rules withhold, whether or not there is something in it. */
export interface Withheld {
  fieldGroup: string;
  owner: string;
  rule: string;
}

export interface Citation {
  handle: string;
  owner: string;
  ownerKind: string;
  handling: Handling;
  grading: Grading | null;
  circular: boolean;
}

export interface ShownRecord extends Citation {
  since: string | null;
  until: string | null;
  attributes: Attribute[];
  withheld: Withheld[];
  submission: number | null;
  row: number | null;
}

export interface Entity {
  handle: string;
  kind: string;
  key: string | null;
  records: ShownRecord[];
  recordCount: number;
  ownerCount: number;
  independentSources: number;
  moreRecords: boolean;
}

export interface Link {
  kind: string;
  source: string;
  target: string;
  since: string | null;
  until: string | null;
  claimCount: number;
  independentSources: number;
  attributes: Attribute[];
  withheld: Withheld[];
  record: Citation;
}

export interface Contact {
  org: string;
  name: string;
  contact: string;
}

export interface Match {
  kind: string;
  outcome: "HIT" | "NO_HIT" | "NOT_ASKED";
  contacts: Contact[];
  problem: { code: string; message: string; where: string } | null;
}

export interface SearchData {
  search: Entity[] | null;
  match: Match[] | null;
}

export interface NamesData {
  searchNames: { entities: Entity[]; entityCount: number; truncated: boolean; next: string | null } | null;
}

export interface ExpandData {
  expand: { entities: Entity[]; links: Link[]; hubs: string[]; truncated: boolean; moreLinks: boolean } | null;
}

export interface Path {
  length: number;
  entities: Entity[];
  links: Link[];
}

export interface PathsData {
  paths: { paths: Path[]; truncated: boolean; morePaths: boolean } | null;
}

export interface CasesData {
  cases: { reference: string; title: string; legalBasis: string; registeredAt: string }[] | null;
}
