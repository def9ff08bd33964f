import { useDesk } from "../../app/desk";
import { useText } from "../../i18n/texts";
import { Link } from "../../kit/Link";
import type { PolicyVersion } from "../../wire/policies";
import { Approving } from "./Approving";
import { Difference } from "./Difference";
import { Rules } from "./Rules";
import { Signers } from "./VersionTable";
import { SHARED, short, STATES } from "./words";

/** A version or proposal: who stands behind it, what it changes in words and in its text, and the way to approve it. */
export function VersionPage({ version, versions, known }: { version: PolicyVersion; versions: PolicyVersion[]; known: number }) {
  const t = useText();
  const { session } = useDesk();
  const base = versions.find((one) => one.part === version.part && one.version === version.base && one.since !== null);
  return (
    <>
      <p>
        <Link to="policies">{t("policy.back")}</Link>
      </p>
      <h1>{t("policy.one", { part: version.part === SHARED ? t("policy.shared") : version.part, version: short(version.version) })}</h1>
      <section className="card" aria-label={t("policy.standing")}>
        <p role="status">
          <strong>{t(STATES[version.state] ?? "policy.outdated")}</strong> {version.missing && t("policy.missing", { what: version.missing })}
        </p>
        <dl>
          <div>
            <dt>{t("policy.signers")}</dt>
            <dd>
              <Signers version={version} />
            </dd>
          </div>
          <div>
            <dt>{t("policy.note")}</dt>
            <dd>{version.note}</dd>
          </div>
          {version.since !== null && (
            <div>
              <dt>{t("policy.since")}</dt>
              <dd>
                {t("signing.entry", { entry: version.since })} {version.until !== null && `– ${t("signing.entry", { entry: version.until })}`}
              </dd>
            </div>
          )}
        </dl>
      </section>
      {version.object && <Difference version={version} base={base ?? null} />}
      {version.state === "open" && session.roles.includes("officer") && <Approving version={version} known={known} />}
      <h2>{t("policy.files")}</h2>
      <Rules version={version} />
    </>
  );
}
