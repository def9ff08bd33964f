import { useText } from "../../i18n/texts";
import { Failure } from "../../kit/Failure";
import { EntryCheck } from "../audit/EntryCheck";
import { useHead } from "../audit/useHead";

/** That an entry is in the log: computed in the page, from the log's tiles and its newest head. */
export function Receipt({ entry, onAsk }: { entry: number; onAsk: (entry: number) => void }) {
  const t = useText();
  const { head, error, reach } = useHead();
  const ask = (index: number) => {
    reach(index);
    onAsk(index);
  };
  if (error) return <Failure error={error} />;
  if (!head) return <p role="status">{t("loading")}</p>;
  return <EntryCheck head={head} asked={entry} onAsk={ask} />;
}
