import { useText } from "../../i18n/texts";
import { Deed } from "../../kit/Deed";
import type { RequestFile } from "../../wire/requests";
import { STEPS } from "./words";

/** What was done about a request: when, by whom, and the entry that proves it. */
export function History({ file }: { file: RequestFile }) {
  const t = useText();
  return (
    <>
      <h2>{t("request.history")}</h2>
      <ol className="records">
        {file.history.map((one) => {
          const title = STEPS[one.action] ? t(STEPS[one.action]!) : one.action;
          return <Deed key={one.index} title={title} who={`${one.person} · ${one.org}`} at={one.at} index={one.index} text={one.text} />;
        })}
      </ol>
    </>
  );
}
