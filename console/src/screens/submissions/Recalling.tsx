import { useId, useState } from "react";
import { Button } from "react-aria-components";
import { useDesk } from "../../app/desk";
import RECALL from "../../documents/recall.graphql";
import type { Members } from "../../evidence/canonical";
import { useText } from "../../i18n/texts";
import { SignDialog, type Proposed } from "../../signing/SignDialog";
import type { RecalledData, Submission } from "../../wire/submissions";

/** Who may take records back. */
const MAY = ["submitter", "officer"];

/** Takes all records of a submission back: a signed act, in words before it is signed. */
export function Recalling({ submission, known }: { submission: Submission; known: number }) {
  const t = useText();
  const id = useId();
  const { session } = useDesk();
  const [reason, setReason] = useState("");
  const [deadline, setDeadline] = useState("");
  const [proposed, setProposed] = useState<Proposed | null>(null);
  const [done, setDone] = useState<RecalledData["recall"]>(null);
  const { index, accepted } = submission;
  const propose = () => {
    const body: Members = { target: { submission: index }, reason: reason.trim(), ...(deadline && { deadline: `${deadline}T23:59:59Z` }) };
    const said = t("words.recall", { index, accepted, reason: reason.trim() });
    const words = `${said} ${deadline ? t("words.recall.until", { day: deadline }) : t("words.recall.soon")}`;
    setProposed({ decision: { kind: "recall", sub: "records", body, after: known }, words, document: RECALL });
  };
  if (!session.roles.some((one) => MAY.includes(one))) return null;
  return (
    <section aria-label={t("recall.title")}>
      <h2>{t("recall.title")}</h2>
      <p>{t("recall.text")}</p>
      {done && (
        <p className="note" role="status">
          {t("recall.done", { records: done.records, entry: done.index, organisations: done.organisations.join(", ") || "–" })}
        </p>
      )}
      <form
        onSubmit={(event) => {
          event.preventDefault();
          propose();
        }}
      >
        <label htmlFor={id}>{t("recall.reason")}</label>
        <textarea id={id} rows={2} maxLength={1_000} required value={reason} onChange={(event) => setReason(event.target.value)} />
        <div className="row">
          <label>
            {t("recall.deadline")} <input type="date" value={deadline} onChange={(event) => setDeadline(event.target.value)} />
          </label>
          <Button type="submit" className="quiet" isDisabled={!reason.trim()}>
            {t("recall.propose")}
          </Button>
        </div>
      </form>
      <SignDialog
        proposed={proposed}
        onClose={() => setProposed(null)}
        onDone={(data) => {
          setReason("");
          setDone((data as RecalledData).recall);
        }}
      />
    </section>
  );
}
