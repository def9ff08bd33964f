import { useText } from "../../i18n/texts";
import type { PolicyVersion } from "../../wire/policies";
import { linesOf } from "./lines";

/** The files that differ, line by line: what goes is marked with a minus, what comes with a plus. */
export function TextDifference({ before, after }: { before: PolicyVersion["files"]; after: PolicyVersion["files"] }) {
  const t = useText();
  const [old, fresh] = [before, after].map((files) => new Map(files.map((one) => [one.name, one.text])));
  const names = [...new Set([...old!.keys(), ...fresh!.keys()])].filter((one) => old!.get(one) !== fresh!.get(one)).sort();
  return names.map((name) => (
    <details key={name}>
      <summary>{t("difference.text", { file: name })}</summary>
      <pre className="command" dir="ltr" tabIndex={0} aria-label={name}>
        {linesOf(old!.get(name) ?? "", fresh!.get(name) ?? "").map((one, at) => (
          <span key={at} className={one.mark === "+" ? "gains" : one.mark === "-" ? "loses" : ""}>
            {`${one.mark} ${one.text}\n`}
          </span>
        ))}
      </pre>
    </details>
  ));
}
