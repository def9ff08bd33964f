import { useState } from "react";
import { Button } from "react-aria-components";
import CANCEL from "../../documents/cancelDetection.graphql";
import { moment, useLanguage, useText } from "../../i18n/texts";
import { SignDialog, type Proposed } from "../../signing/SignDialog";
import type { Run } from "../../wire/rings";
import { STAGES, STATES } from "./words";

/** A search that goes on: what it does now, and the way to end it. */
export function Progress({ run, known, onCancelled }: { run: Run; known: number; onCancelled: () => void }) {
  const t = useText();
  const language = useLanguage();
  const [proposed, setProposed] = useState<Proposed | null>(null);
  const at = STAGES.findIndex(([name]) => name === run.stage);
  const now = STAGES[at];
  return (
    <div className="note">
      <p role="status">
        {t(STATES[run.state])}: {now ? t(now[1]) : t("stage.begin")}
      </p>
      <progress max={STAGES.length} value={at + 1} aria-label={t("run.progress")} />
      <p className="small">
        {run.person} · {moment(language, run.at)}
      </p>
      <Button
        className="quiet"
        onPress={() => setProposed({ decision: { kind: "cancel-detection", sub: run.id, body: {}, after: known }, words: t("words.cancel", { run: run.id }), document: CANCEL })}
      >
        {t("run.cancel")}
      </Button>
      <SignDialog proposed={proposed} onClose={() => setProposed(null)} onDone={() => onCancelled()} />
    </div>
  );
}
