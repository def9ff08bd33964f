import { useText } from "../i18n/texts";
import { AskError } from "../wire/ask";
import { VerifyError } from "../evidence/errors";

/** What went wrong, with its code and what to do. */
export function Failure({ error }: { error: Error }) {
  const t = useText();
  const code = error instanceof AskError || error instanceof VerifyError ? error.code : "";
  const text = code ? error.message : t("failure.unreachable");
  return (
    <p className="failure" role="alert">
      <strong>{t("failure.title")}</strong> {text} {code && <code>{code}</code>}
    </p>
  );
}
