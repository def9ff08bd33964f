import { useState } from "react";
import { Button } from "react-aria-components";
import { useDesk } from "../../app/desk";
import DETECT from "../../documents/detectRings.graphql";
import type { Members } from "../../evidence/canonical";
import { useText } from "../../i18n/texts";
import { Choice } from "../../kit/Choice";
import { SignDialog, type Proposed } from "../../signing/SignDialog";

/** Starts a search in all that the person may analyse on the footing stated; it goes on when the person leaves. */
export function SearchForm({ known, onStarted }: { known: number; onStarted: () => void }) {
  const t = useText();
  const { footing } = useDesk();
  const [order, setOrder] = useState("spread");
  const [since, setSince] = useState("");
  const [until, setUntil] = useState("");
  const [proposed, setProposed] = useState<Proposed | null>(null);
  const propose = () => {
    const body: Members = {
      purpose: footing.purpose,
      legalBasis: footing.legalBasis,
      case: footing.case,
      order: order || "spread",
      ...(since && { since: `${since}T00:00:00Z` }),
      ...(until && { until: `${until}T23:59:59Z` }),
    };
    setProposed({
      decision: { kind: "detect-rings", sub: "rings", body, after: known },
      words: t("words.detect", { purpose: footing.purpose, basis: footing.legalBasis, case: footing.case }),
      document: DETECT,
    });
  };
  return (
    <details>
      <summary>{t("rings.start")}</summary>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          propose();
        }}
      >
        <Choice
          label={t("rings.order")}
          value={order}
          onChange={setOrder}
          options={[
            ["spread", t("rings.bySpread")],
            ["chance", t("rings.byChance")],
          ]}
        />
        <div className="row">
          <label>
            {t("rings.since")} <input type="date" value={since} onChange={(event) => setSince(event.target.value)} />
          </label>
          <label>
            {t("rings.until")} <input type="date" value={until} onChange={(event) => setUntil(event.target.value)} />
          </label>
        </div>
        <p>
          <Button type="submit">{t("rings.propose")}</Button>
        </p>
      </form>
      <SignDialog proposed={proposed} onClose={() => setProposed(null)} onDone={() => onStarted()} />
    </details>
  );
}
