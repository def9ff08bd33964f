/** Codes of rings and searches in words. */
import type { TextKey } from "../../i18n/texts";
import type { Ring, Run } from "../../wire/rings";

export const VERDICTS: Record<Ring["verdict"], TextKey> = {
  open: "verdict.open",
  accepted: "verdict.accepted",
  dismissed: "verdict.dismissed",
};

export const STATES: Record<Run["state"], TextKey> = {
  waiting: "run.waiting",
  running: "run.running",
  done: "run.done",
  failed: "run.failed",
  cancelled: "run.cancelled",
  forgotten: "run.forgotten",
};

/** `none` is a ring without a tag. */
export const TAGS: Record<string, TextKey> = {
  none: "tag.none",
  household: "tag.household",
  workplace: "tag.workplace",
  "account farm": "tag.farm",
};

export const ACTIONS: Record<string, TextKey> = {
  "accept-ring": "action.accept",
  "dismiss-ring": "action.dismiss",
  "reopen-ring": "action.reopen",
  "annotate-ring": "action.annotate",
  "merge-rings": "action.merge",
  "split-ring": "action.split",
};

/** What a running search does, in order. */
export const STAGES: [string, TextKey][] = [
  ["search", "stage.search"],
  ["stand alone", "stage.stand"],
  ["judge", "stage.judge"],
  ["explain", "stage.explain"],
  ["look around", "stage.around"],
];

/** The address of a ring's page, as a run found it. */
export const placeOf = (ring: Pick<Ring, "id" | "run">): string => `rings/${encodeURIComponent(`${ring.id}@${ring.run}`)}`;
