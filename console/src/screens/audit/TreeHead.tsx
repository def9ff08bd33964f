import { Button } from "react-aria-components";
import { b64u } from "../../evidence/bytes";
import { useText } from "../../i18n/texts";
import type { Head } from "../../wire/log";

/** The log's head, and what was computed of it here. */
export function TreeHead({ head, onAgain }: { head: Head; onAgain: () => void }) {
  const t = useText();
  const { checkpoint, before } = head;
  return (
    <section className="card" aria-label={t("audit.head")}>
      <h2>{t("audit.head")}</h2>
      <dl>
        <div>
          <dt>{t("audit.log")}</dt>
          <dd>{checkpoint.origin}</dd>
        </div>
        <div>
          <dt>{t("audit.size")}</dt>
          <dd>{checkpoint.size}</dd>
        </div>
        <div>
          <dt>{t("audit.root")}</dt>
          <dd>
            <code>{b64u(checkpoint.root)}</code>
          </dd>
        </div>
      </dl>
      <p role="status">✓ {before ? t("audit.grown", { before, now: checkpoint.size }) : t("audit.first")}</p>
      <Button className="quiet" onPress={onAgain}>
        {t("audit.again")}
      </Button>
    </section>
  );
}
