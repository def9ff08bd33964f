/** What the states of submissions are called, and how often one is looked at that is on its way. */
import type { TextKey } from "../../i18n/texts";
import type { Submission } from "../../wire/submissions";

/** Milliseconds between two looks at what is not in the graph yet. */
export const EACH = 2_000;

/** How far a submission is. */
export function stateOf({ applied, setAside, accepted }: Submission): TextKey {
  if (!applied) return "submissions.applying";
  if (accepted === 0) return "submissions.nothing";
  return setAside.length ? "submissions.partly" : "submissions.applied";
}
