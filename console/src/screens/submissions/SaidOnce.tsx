import { useId } from "react";
import { useDesk } from "../../app/desk";
import { useText } from "../../i18n/texts";
import { Choice } from "../../kit/Choice";
import { TLP } from "../../kit/handling";
import type { Preview } from "../../wire/preview";
import type { SheetState } from "./useSheet";

/** Questions that have a control of their own here. */
const OWN = ["handling", "legalBasis"];

/** What the file does not say, and what holds for all its rows: nothing of it is guessed. */
export function SaidOnce({ sheet, preview }: { sheet: SheetState; preview: Preview }) {
  const t = useText();
  const { service } = useDesk();
  const { said, say } = sheet;
  const purposes = (code: string, on: boolean) => (on ? [...said.purposes, code] : said.purposes.filter((one) => one !== code));
  return (
    <section aria-label={t("new.said")}>
      <h2>{t("new.said")}</h2>
      <Choice label={t("new.handling")} value={said.handling} onChange={(handling) => say({ handling })} options={TLP.map((code) => [code, `TLP:${code}`])} />
      <Choice label={t("footing.basis")} value={said.legalBasis} onChange={(legalBasis) => say({ legalBasis })} options={service.legalBases.map((one) => [one.code, `${one.code}: ${one.title}`])} />
      <fieldset className="filters">
        <legend>{t("new.purposes")}</legend>
        {service.purposes.map((one) => (
          <label key={one.code} className="row">
            <input type="checkbox" checked={said.purposes.includes(one.code)} onChange={(event) => say({ purposes: purposes(one.code, event.target.checked) })} />
            {one.code}
          </label>
        ))}
      </fieldset>
      {preview.questions
        .filter((one) => !OWN.includes(one.name))
        .map((one) => (
          <Answer key={one.name} name={one.name} question={one.question} sheet={sheet} />
        ))}
    </section>
  );
}

function Answer({ name, question, sheet }: { name: string; question: string; sheet: SheetState }) {
  const id = useId();
  const { said, say } = sheet;
  return (
    <div className="field">
      <label htmlFor={id} dir="auto">
        {question}
      </label>
      <input id={id} type="text" dir="auto" maxLength={100} value={said.answers[name] ?? ""} onChange={(event) => say({ answers: { ...said.answers, [name]: event.target.value } })} />
    </div>
  );
}
