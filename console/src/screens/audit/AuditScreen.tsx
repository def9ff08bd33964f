import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useDesk } from "../../app/desk";
import { useText } from "../../i18n/texts";
import { Failure } from "../../kit/Failure";
import { readHead } from "../../wire/log";
import { AccessTable } from "./AccessTable";
import { EntryCheck } from "./EntryCheck";
import { TreeHead } from "./TreeHead";

/** The log, checked on this device: its head, any entry, and who saw the records of one's own organisation. */
export default function AuditScreen() {
  const t = useText();
  const { service, alarm } = useDesk();
  const [entry, setEntry] = useState<number | null>(null);
  const { data, error, refetch } = useQuery({
    queryKey: ["head"],
    queryFn: async () => {
      try {
        return await readHead(service);
      } catch (failed) {
        alarm(failed);
        throw failed;
      }
    },
    staleTime: 0,
  });
  const check = (index: number) => {
    // It may have been entered after the head was read.
    if (data && index >= data.checkpoint.size) void refetch();
    setEntry(index);
  };
  return (
    <>
      <h1>{t("nav.audit")}</h1>
      {error && <Failure error={error} />}
      {!data && !error && <p role="status">{t("loading")}</p>}
      {data && !error && (
        <>
          <TreeHead head={data} onAgain={() => void refetch()} />
          <EntryCheck head={data} asked={entry} onAsk={check} />
        </>
      )}
      {!error && <AccessTable onAsk={check} />}
    </>
  );
}
