import { useQuery } from "@tanstack/react-query";
import { useDesk } from "../../app/desk";
import { useText } from "../../i18n/texts";
import { Failure } from "../../kit/Failure";
import { readHead } from "../../wire/log";
import { EntryCheck } from "../audit/EntryCheck";

/** That an entry is in the log: computed in the page, from the log's tiles and its newest head. */
export function Receipt({ entry, onAsk }: { entry: number; onAsk: (entry: number) => void }) {
  const t = useText();
  const { service, alarm } = useDesk();
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
  const ask = (index: number) => {
    // It may have been entered after the head was read.
    if (data && index >= data.checkpoint.size) void refetch();
    onAsk(index);
  };
  if (error) return <Failure error={error} />;
  if (!data) return <p role="status">{t("loading")}</p>;
  return <EntryCheck head={data} asked={entry} onAsk={ask} />;
}
