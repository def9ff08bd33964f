import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { Button } from "react-aria-components";
import APPROVE from "../../documents/approvePolicy.graphql";
import { digest, canonical, type Members } from "../../evidence/canonical";
import { useText } from "../../i18n/texts";
import { SignDialog, type Proposed } from "../../signing/SignDialog";
import type { PolicyVersion } from "../../wire/policies";
import { SHARED, short } from "./words";

/** Whether a body says what is shown of its proposal: the files that it changes, or the version that it goes back to. */
function isShown(version: PolicyVersion, body: Members): boolean {
  if (version.returns) return body.to === version.version;
  const shown = new Map(version.files.map((one) => [one.name, one.text]));
  return Object.entries((body.files ?? {}) as Members).every(([name, text]) => (shown.get(name) ?? null) === text);
}

/** Approves a proposal: by signing the very body that its proposer signed. */
export function Approving({ version, known }: { version: PolicyVersion; known: number }) {
  const t = useText();
  const queries = useQueryClient();
  const [proposed, setProposed] = useState<Proposed | null>(null);
  const body = version.body === null ? null : (JSON.parse(version.body) as Members);
  const isSame = body !== null && digest(canonical(body)) === version.object && isShown(version, body);
  const part = version.part === SHARED ? t("policy.shared") : version.part;
  const propose = () => {
    if (!body) return;
    const words = t("words.approve", { part, version: short(version.version), note: version.note ?? "–" });
    setProposed({ decision: { kind: "approve-policy", sub: version.part, body, after: known }, words, document: APPROVE });
  };
  return (
    <section className="note" aria-label={t("policy.approve")}>
      <h2>{t("policy.approve")}</h2>
      <p>{t("policy.approve.text")}</p>
      {isSame ? (
        <Button onPress={propose}>{t("act.approve")}</Button>
      ) : (
        <p role="alert" className="failure">
          {t("policy.otherBody")}
        </p>
      )}
      <SignDialog
        proposed={proposed}
        onClose={() => setProposed(null)}
        onDone={() => {
          void queries.invalidateQueries({ queryKey: ["policies"] });
        }}
      />
    </section>
  );
}
