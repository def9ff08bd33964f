import { Choice } from "../../kit/Choice";
import { moment, useLanguage, useText } from "../../i18n/texts";
import type { Run } from "../../wire/rings";
import { STATES } from "./words";

interface Props {
  runs: Run[];
  shown: Run | null;
  onChoose: (run: string) => void;
}

/** Which search's rings are shown; what ended otherwise is listed with why. */
export function RunChoice({ runs, shown, onChoose }: Props) {
  const t = useText();
  const language = useLanguage();
  const others = runs.filter((one) => one.state === "failed" || one.state === "cancelled");
  const called = (run: Run): string => `${moment(language, run.at)} · ${run.person} · ${run.case}`;
  return (
    <>
      {shown && (
        <>
          <Choice label={t("rings.run")} value={shown.id} onChange={onChoose} options={runs.filter((one) => one.state === "done").map((one) => [one.id, called(one)])} />
          <p className="small">
            {shown.rings === null
              ? t("rings.noTotals")
              : t("rings.totals", { rings: shown.rings, accounts: shown.accounts ?? 0, links: shown.links ?? 0, claims: shown.claims ?? 0, hubs: shown.excludedHubs ?? 0 })}
          </p>
        </>
      )}
      {others.length > 0 && (
        <details>
          <summary>{t("rings.others", { count: others.length })}</summary>
          <ul>
            {others.map((one) => (
              <li key={one.id}>
                {called(one)}: {t(STATES[one.state])} {one.why && <code>{one.why}</code>}
              </li>
            ))}
          </ul>
        </details>
      )}
    </>
  );
}
