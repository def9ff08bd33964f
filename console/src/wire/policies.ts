/** What answers about policies hold, as the documents of `documents/` select it. */

export interface PolicySigner {
  org: string;
  /** Null for other organisations' people. */
  person: string | null;
  index: number;
}

export interface PolicyVersion {
  /** Null for what the service was started with. */
  object: string | null;
  part: string;
  state: string;
  returns: boolean;
  version: string;
  base: string | null;
  note: string | null;
  proposer: PolicySigner | null;
  approvals: PolicySigner[];
  missing: string | null;
  index: number;
  since: number | null;
  until: number | null;
  files: { name: string; text: string }[];
  /** What its proposer signed and approvers sign: canonical JSON. */
  body: string | null;
}

export interface PolicyChange {
  owner: string;
  gain: boolean;
  actions: string[];
  when: { axis: string; classes: string[] }[];
  /** Numbers of decisions are texts: there may be billions. */
  decisions: string;
  records: number | null;
}

export interface PolicyDifference {
  object: string;
  part: string;
  rules: string[];
  limits: string[];
  tellings: string[];
  decisions: string;
  changed: string;
  changes: PolicyChange[];
  truncated: boolean;
}

export interface VersionsData {
  policyVersions: PolicyVersion[] | null;
}

export interface DifferenceData {
  policyDifference: PolicyDifference | null;
}
