/** Some of a list, by boxes to tick. Options are code and text. */
export function Ticks(props: { legend: string; chosen: string[]; onChange: (chosen: string[]) => void; options: [string, string][] }) {
  const { legend, chosen, onChange, options } = props;
  const turned = (code: string, on: boolean) => onChange(options.map(([one]) => one).filter((one) => (one === code ? on : chosen.includes(one))));
  return (
    <fieldset className="ticks">
      <legend>{legend}</legend>
      {options.map(([code, text]) => (
        <label key={code}>
          <input type="checkbox" checked={chosen.includes(code)} onChange={(event) => turned(code, event.target.checked)} /> {text}
        </label>
      ))}
    </fieldset>
  );
}
