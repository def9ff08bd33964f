import { useId, useState } from "react";
import { Button } from "react-aria-components";
import ACCEPT from "../../documents/acceptRing.graphql";
import ANNOTATE from "../../documents/annotateRing.graphql";
import DISMISS from "../../documents/dismissRing.graphql";
import REOPEN from "../../documents/reopenRing.graphql";
import type { Members } from "../../evidence/canonical";
import { useText, type TextKey } from "../../i18n/texts";
import { Deed } from "../../kit/Deed";
import { SignDialog, type Proposed } from "../../signing/SignDialog";
import type { RingFile } from "../../wire/rings";
import { ACTIONS } from "./words";

interface Judgement {
  kind: string;
  label: TextKey;
  words: TextKey;
  document: string;
  /** The member of the body that holds what was written. */
  member: "note" | "reason" | "text";
}

const ACCEPTING: Judgement = { kind: "accept-ring", label: "action.accept", words: "words.accept", document: ACCEPT, member: "note" };
const DISMISSING: Judgement = { kind: "dismiss-ring", label: "action.dismiss", words: "words.dismiss", document: DISMISS, member: "reason" };
const REOPENING: Judgement = { kind: "reopen-ring", label: "action.reopen", words: "words.reopen", document: REOPEN, member: "reason" };
const ANNOTATING: Judgement = { kind: "annotate-ring", label: "action.annotate", words: "words.annotate", document: ANNOTATE, member: "text" };

/** What is judged of a ring so far, and the signed acts that judge it; they change nothing of what was computed. */
export function Judging({ file, known, onJudged }: { file: RingFile; known: number; onJudged: () => void }) {
  const t = useText();
  const id = useId();
  const [written, setWritten] = useState("");
  const [proposed, setProposed] = useState<Proposed | null>(null);
  const { ring } = file;
  const propose = ({ kind, words, document, member }: Judgement) => {
    const text = written.trim();
    const body: Members = text ? { [member]: text } : {};
    const said = t(words, { rank: ring.rank ?? "", accounts: ring.core + ring.fringe, ring: ring.id });
    setProposed({ decision: { kind, sub: ring.id, body, after: known }, words: text ? `${said} ${t("words.text", { text })}` : said, document });
  };
  const acts = ring.verdict === "open" ? [ACCEPTING, DISMISSING, ANNOTATING] : [REOPENING, ANNOTATING];
  return (
    <section aria-label={t("ring.judged")}>
      <h2>{t("ring.judged")}</h2>
      <Judgements file={file} />
      <label htmlFor={id}>{t("ring.text")}</label>
      <textarea id={id} rows={2} maxLength={4_000} value={written} onChange={(event) => setWritten(event.target.value)} />
      <div className="row">
        {acts.map((one) => (
          <Button key={one.kind} className={one === acts[0] ? "" : "quiet"} isDisabled={one.member !== "note" && !written.trim()} onPress={() => propose(one)}>
            {t(one.label)}
          </Button>
        ))}
      </div>
      <p className="small">{t("ring.text.hint")}</p>
      <SignDialog
        proposed={proposed}
        onClose={() => setProposed(null)}
        onDone={() => {
          setWritten("");
          onJudged();
        }}
      />
    </section>
  );
}

function Judgements({ file }: { file: RingFile }) {
  const t = useText();
  if (!file.judgements.length) return <p className="empty">{t("ring.unjudged")}</p>;
  return (
    <ul className="records">
      {file.judgements.map((one) => {
        const title = ACTIONS[one.action] ? t(ACTIONS[one.action]!) : one.action;
        return <Deed key={one.index} title={title} who={one.person} at={one.at} index={one.index} text={one.text} />;
      })}
    </ul>
  );
}
