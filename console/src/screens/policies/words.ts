import type { TextKey } from "../../i18n/texts";
import type { PolicyVersion } from "../../wire/policies";

export const STATES: Record<string, TextKey> = {
  open: "policy.open",
  "in-force": "policy.inForce",
  replaced: "policy.replaced",
  outdated: "policy.outdated",
};

/** The name of the part that everybody shares, as the service has it. */
export const SHARED = "shared";

/** The address of a version's page: by what was signed, or by its files where nobody signed it. */
export const placeOf = (version: PolicyVersion): string => `policies/${encodeURIComponent(version.object ?? version.version)}`;

/** So much of a digest tells versions apart. */
export const short = (digest: string): string => digest.replace("sha256:", "").slice(0, 12);
