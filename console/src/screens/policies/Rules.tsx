import { useText } from "../../i18n/texts";
import type { PolicyVersion } from "../../wire/policies";
import { rulesOf, type Rule } from "./rules";
import { SHARED, short } from "./words";

/** The rules of a version, file by file: what each permits or forbids in its author's words, and to the letter. */
export function Rules({ version }: { version: PolicyVersion }) {
  const t = useText();
  return (
    <section className="card" aria-label={t("policy.rules", { part: version.part })}>
      <h3>
        {version.part === SHARED ? t("policy.shared") : version.part} <span className="small">{short(version.version)}</span>
      </h3>
      {version.files.map((one) => (
        <File key={one.name} name={one.name} text={one.text} />
      ))}
    </section>
  );
}

function File({ name, text }: { name: string; text: string }) {
  const rules = rulesOf(text);
  return (
    <details>
      <summary>
        {name} {rules.length > 0 && `(${rules.length})`}
      </summary>
      {rules.map((one) => (
        <RuleView key={one.id} rule={one} />
      ))}
      {rules.length === 0 && (
        <pre className="command" dir="ltr" tabIndex={0}>
          {text}
        </pre>
      )}
    </details>
  );
}

function RuleView({ rule }: { rule: Rule }) {
  const t = useText();
  return (
    <div className="record">
      <p className="row">
        <strong>{t(rule.isPermit ? "policy.permits" : "policy.forbids")}</strong> <code>{rule.id}</code>
      </p>
      {rule.words && <p lang="en">{rule.words}</p>}
      <pre className="command" dir="ltr" tabIndex={0} aria-label={rule.id}>
        {rule.text}
      </pre>
    </div>
  );
}
