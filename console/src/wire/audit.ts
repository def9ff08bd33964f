/** What answers about the log hold, as the documents of `documents/` select it. */

export interface Access {
  index: number;
  at: string;
  reader: string;
  person: string | null;
  purpose: string | null;
  legalBasis: string | null;
  case: string | null;
  policy: string | null;
  signed: boolean;
  export: boolean;
  late: { index: number; at: string; rule: string; law: string } | null;
  records: { submission: number; row: number; hit: boolean }[];
}

export interface AccessData {
  accessLog: { entries: Access[]; nextBefore: number | null; toldLate: { rule: string; law: string; delay: number | null }[] } | null;
}
