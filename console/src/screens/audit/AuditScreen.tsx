import { useState } from "react";
import { useText } from "../../i18n/texts";
import { Failure } from "../../kit/Failure";
import { AccessTable } from "./AccessTable";
import { EntryCheck } from "./EntryCheck";
import { TreeHead } from "./TreeHead";
import { useHead } from "./useHead";

/** The log, checked on this device: its head, any entry, and who saw the records of one's own organisation. */
export default function AuditScreen() {
  const t = useText();
  const [entry, setEntry] = useState<number | null>(null);
  const { head, error, refetch, reach } = useHead();
  const check = (index: number) => {
    reach(index);
    setEntry(index);
  };
  return (
    <>
      <h1>{t("nav.audit")}</h1>
      {error && <Failure error={error} />}
      {!head && !error && <p role="status">{t("loading")}</p>}
      {head && !error && (
        <>
          <TreeHead head={head} onAgain={() => void refetch()} />
          <EntryCheck head={head} asked={entry} onAsk={check} />
        </>
      )}
      {!error && <AccessTable onAsk={check} />}
    </>
  );
}
