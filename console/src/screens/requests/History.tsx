import { moment, useLanguage, useText } from "../../i18n/texts";
import type { RequestFile } from "../../wire/requests";
import { STEPS } from "./words";

/** What was done about a request: when, by whom, and the entry that proves it. */
export function History({ file }: { file: RequestFile }) {
  const t = useText();
  const language = useLanguage();
  return (
    <>
      <h2>{t("request.history")}</h2>
      <ol className="records">
        {file.history.map((one) => (
          <li key={one.index} className="record">
            <p className="row">
              <strong>{STEPS[one.action] ? t(STEPS[one.action]!) : one.action}</strong>
              <span>
                {one.person} · {one.org}
              </span>
              <span className="small">
                {moment(language, one.at)} · {t("signing.entry", { entry: one.index })}
              </span>
            </p>
            {one.text && <p>{one.text}</p>}
          </li>
        ))}
      </ol>
    </>
  );
}
