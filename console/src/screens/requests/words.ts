import type { TextKey } from "../../i18n/texts";
import type { InformationRequest } from "../../wire/requests";

export const STATES: Record<string, TextKey> = {
  open: "state.open",
  "asked-back": "state.askedBack",
  granted: "state.granted",
  "partly-granted": "state.partly",
  refused: "state.refused",
  expired: "state.expired",
  revoked: "state.revoked",
  withdrawn: "state.withdrawn",
  answered: "state.answered",
  acknowledged: "state.acknowledged",
  lifted: "state.lifted",
  production: "state.production",
  closed: "state.closed",
  "in-force": "state.inForce",
};

/** What was done about a request, by the service's word for it. */
export const STEPS: Record<string, TextKey> = {
  "request-disclosure": "step.request",
  "decide-disclosure:full": "step.full",
  "decide-disclosure:partial": "step.partial",
  "decide-disclosure:refuse": "step.refuse",
  "decide-disclosure:ask": "step.ask",
  "answer-question": "step.answer",
  "remind-request": "step.remind",
  "withdraw-request": "step.withdraw",
  "revoke-grant": "step.revoke",
  "request-preservation": "step.preserve",
  "acknowledge-preservation:accept": "step.keep",
  "acknowledge-preservation:refuse": "step.keepNot",
  "extend-preservation": "step.extend",
  "lift-preservation": "step.lift",
  "request-production": "step.produce",
  submission: "step.submission",
  departure: "step.departure",
};

/** The states in which somebody is to do something before the deadline. */
const WAITING = ["open", "asked-back", "production"];
/** The states that end by themselves. */
const ENDING = ["granted", "partly-granted", "acknowledged"];

/** The clock that runs on a request: until when something is to be done, or until when what was given lasts. */
export function clockOf(request: InformationRequest): { until: string; isDeadline: boolean } | null {
  if (WAITING.includes(request.state) && request.deadline) return { until: request.deadline, isDeadline: true };
  if (ENDING.includes(request.state) && request.until) return { until: request.until, isDeadline: false };
  return null;
}
