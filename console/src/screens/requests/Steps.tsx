import { useId, useState } from "react";
import { Button } from "react-aria-components";
import { useDesk } from "../../app/desk";
import ACKNOWLEDGE from "../../documents/acknowledgePreservation.graphql";
import ANSWER from "../../documents/answerQuestion.graphql";
import DECIDE from "../../documents/decideDisclosure.graphql";
import LIFT from "../../documents/liftPreservation.graphql";
import REMIND from "../../documents/remindRequest.graphql";
import REVOKE from "../../documents/revokeGrant.graphql";
import WITHDRAW from "../../documents/withdrawRequest.graphql";
import type { Members } from "../../evidence/canonical";
import { useText, type TextKey } from "../../i18n/texts";
import { SignDialog, type Proposed } from "../../signing/SignDialog";
import type { RequestFile } from "../../wire/requests";

/** A step that takes a text at most. */
interface Step {
  kind: string;
  label: TextKey;
  words: TextKey;
  document: string;
  of: "disclosure" | "preservation";
  /** Whether the holder takes it, else the asker; and in which states. */
  isHolder: boolean;
  states: string[];
  /** The member of the body that holds the text, and whether it must be there. */
  member: string;
  needsText: boolean;
  body?: Members;
}

const OPEN = ["open", "asked-back"];
const STEPS: Step[] = [
  { kind: "decide-disclosure", label: "act.refuse", words: "words.refuse", document: DECIDE, of: "disclosure", isHolder: true, states: OPEN, member: "reason", needsText: true, body: { decision: "refuse" } },
  { kind: "decide-disclosure", label: "act.ask", words: "words.askBack", document: DECIDE, of: "disclosure", isHolder: true, states: ["open"], member: "question", needsText: true, body: { decision: "ask" } },
  { kind: "revoke-grant", label: "act.revoke", words: "words.revoke", document: REVOKE, of: "disclosure", isHolder: true, states: ["granted", "partly-granted"], member: "reason", needsText: true },
  { kind: "answer-question", label: "act.answer", words: "words.answer", document: ANSWER, of: "disclosure", isHolder: false, states: ["asked-back"], member: "text", needsText: true },
  { kind: "remind-request", label: "act.remind", words: "words.remind", document: REMIND, of: "disclosure", isHolder: false, states: ["open"], member: "note", needsText: false },
  { kind: "withdraw-request", label: "act.withdraw", words: "words.withdraw", document: WITHDRAW, of: "disclosure", isHolder: false, states: OPEN, member: "note", needsText: false },
  { kind: "acknowledge-preservation", label: "act.keep", words: "words.keep", document: ACKNOWLEDGE, of: "preservation", isHolder: true, states: ["open"], member: "note", needsText: false, body: { accept: true } },
  { kind: "acknowledge-preservation", label: "act.keepNot", words: "words.keepNot", document: ACKNOWLEDGE, of: "preservation", isHolder: true, states: ["open"], member: "note", needsText: true, body: { accept: false } },
  { kind: "remind-request", label: "act.remind", words: "words.remind", document: REMIND, of: "preservation", isHolder: false, states: ["open", "production"], member: "note", needsText: false },
  { kind: "lift-preservation", label: "act.lift", words: "words.lift", document: LIFT, of: "preservation", isHolder: false, states: ["open", "acknowledged", "production"], member: "note", needsText: false },
];

/** What this side may do about a request now, each a signed act with what was written. */
export function Steps({ file, known, isHolder, onDone }: { file: RequestFile; known: number; isHolder: boolean; onDone: () => void }) {
  const t = useText();
  const id = useId();
  const { session } = useDesk();
  const [written, setWritten] = useState("");
  const [proposed, setProposed] = useState<Proposed | null>(null);
  const { request } = file;
  const steps = STEPS.filter((one) => one.of === request.kind && one.isHolder === isHolder && one.states.includes(request.state));
  if (!steps.length) return null;
  const text = written.trim();
  const propose = ({ kind, words, document, member, body }: Step) => {
    const said = t(words, { org: isHolder ? request.asker : request.holder, entry: request.index });
    const sub = kind === "revoke-grant" ? (request.grant?.id ?? "") : request.id;
    setProposed({
      decision: { kind, sub, body: { ...body, ...(text && { [member]: text }) }, after: known },
      words: text ? `${said} ${t("words.text", { text })}` : said,
      document,
    });
  };
  return (
    <section className="note" aria-label={t("request.steps")}>
      <h2>{t("request.steps")}</h2>
      {isHolder && !session.roles.includes("officer") && <p>{t("request.officers")}</p>}
      <label htmlFor={id}>{t("request.text")}</label>
      <textarea id={id} rows={2} maxLength={4_000} value={written} onChange={(event) => setWritten(event.target.value)} />
      <div className="row">
        {steps.map((one) => (
          <Button key={one.label} className="quiet" isDisabled={one.needsText && !text} onPress={() => propose(one)}>
            {t(one.label)}
          </Button>
        ))}
      </div>
      <SignDialog
        proposed={proposed}
        onClose={() => setProposed(null)}
        onDone={() => {
          setWritten("");
          onDone();
        }}
      />
    </section>
  );
}
