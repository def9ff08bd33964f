import { useQuery } from "@tanstack/react-query";
import { useDesk } from "../../app/desk";
import DIFFERENCE from "../../documents/policyDifference.graphql";
import { useLanguage, useText, useWord } from "../../i18n/texts";
import { Failure } from "../../kit/Failure";
import { Problems } from "../../kit/Problems";
import type { DifferenceData, PolicyChange, PolicyDifference, PolicyVersion } from "../../wire/policies";
import { TextDifference } from "./TextDifference";

/** What a version changes: every decision there is, compared by the service, in words and with counts; and its text. */
export function Difference({ version, base }: { version: PolicyVersion; base: PolicyVersion | null }) {
  const t = useText();
  const { ask } = useDesk();
  const { data, error } = useQuery({
    queryKey: ["difference", version.object],
    queryFn: () => ask<DifferenceData>(DIFFERENCE, { object: version.object }),
  });
  const found = data?.data.policyDifference;
  return (
    <section aria-label={t("difference.title")}>
      <h2>{t("difference.title")}</h2>
      {error && <Failure error={error} />}
      <Problems problems={data?.problems ?? []} />
      {!data && !error && <p role="status">{t("difference.asking")}</p>}
      {found && <Found found={found} />}
      <TextDifference before={base?.files ?? []} after={version.files} />
    </section>
  );
}

function Found({ found }: { found: PolicyDifference }) {
  const t = useText();
  const language = useLanguage();
  const lines = [...found.rules, ...found.limits, ...found.tellings];
  return (
    <>
      <p role="status">{t("difference.counts", { changed: written(language, found.changed), decisions: written(language, found.decisions) })}</p>
      {lines.length > 0 && (
        <ul className="records" dir="ltr">
          {lines.map((one) => (
            <li key={one}>
              <code>{one}</code>
            </li>
          ))}
        </ul>
      )}
      <ul className="records">
        {found.changes.map((one, at) => (
          <li key={at} className="record">
            <Change change={one} />
          </li>
        ))}
      </ul>
      {found.truncated && <p className="note">{t("difference.truncated")}</p>}
    </>
  );
}

/** A large number as people of the language write it. */
const written = (language: string, number: string): string => new Intl.NumberFormat(language).format(BigInt(number));

/** One change, as a sentence: who gains or loses what on whose records, when, and how much it touches. */
function Change({ change }: { change: PolicyChange }) {
  const t = useText();
  const word = useWord();
  const language = useLanguage();
  const actions = change.actions.map((one) => word("right", one.replace("view:", "")));
  const owner = change.owner === "somebody" ? t("difference.somebody") : change.owner;
  return (
    <>
      <p>
        <strong className={change.gain ? "gains" : "loses"}>{t(change.gain ? "difference.gain" : "difference.lose", { actions: actions.join(", "), owner })}</strong>{" "}
        {change.records !== null && <strong>{t("difference.records", { count: change.records })}</strong>} <span className="small">{t("difference.decisions", { count: written(language, change.decisions) })}</span>
      </p>
      {change.when.length === 0 ? (
        <p>{t("difference.always")}</p>
      ) : (
        <dl>
          {change.when.map((one) => (
            <div key={one.axis}>
              <dt>{word("axis", one.axis)}</dt>
              <dd lang="en" dir="ltr">
                {one.classes.join("; ")}
              </dd>
            </div>
          ))}
        </dl>
      )}
    </>
  );
}
