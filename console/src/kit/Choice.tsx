import { useId } from "react";
import { useText } from "../i18n/texts";

/** One of a list, by the platform's own control. Options are code and text. */
export function Choice(props: { label: string; value: string; onChange: (value: string) => void; options: [string, string][] }) {
  const t = useText();
  const id = useId();
  return (
    <div className="field">
      <label htmlFor={id}>{props.label}</label>
      <select id={id} value={props.value} onChange={(event) => props.onChange(event.target.value)}>
        <option value="">{t("choose")}</option>
        {props.options.map(([code, text]) => (
          <option key={code} value={code}>
            {text}
          </option>
        ))}
      </select>
    </div>
  );
}
