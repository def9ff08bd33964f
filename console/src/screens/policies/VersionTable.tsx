import { useText } from "../../i18n/texts";
import { Link } from "../../kit/Link";
import { Table } from "../../kit/Table";
import type { PolicySigner, PolicyVersion } from "../../wire/policies";
import { placeOf, SHARED, short, STATES } from "./words";

/** Versions and proposals, newest first: of which part, where each stands, and who stands behind it. */
export function VersionTable({ versions }: { versions: PolicyVersion[] }) {
  const t = useText();
  return (
    <Table
      label={t("policy.versions")}
      heads={[
        t("policy.version"),
        t("policy.part"),
        t("requests.state"),
        t("policy.signers"),
        t("policy.note"),
      ]}
    >
      {versions.map((one) => (
        <Row key={`${one.object ?? one.version} ${one.index} ${one.part}`} version={one} />
      ))}
    </Table>
  );
}

function Row({ version }: { version: PolicyVersion }) {
  const t = useText();
  return (
    <tr>
      <th scope="row">
        <Link to={placeOf(version)}>{short(version.version)}</Link> <span className="small">{t("signing.entry", { entry: version.index })}</span>
      </th>
      <td>{version.part === SHARED ? t("policy.shared") : version.part}</td>
      <td>
        {t(STATES[version.state] ?? "policy.outdated")} {version.missing && <strong className="small">{t("policy.missing", { what: version.missing })}</strong>}
      </td>
      <td>
        <Signers version={version} />
      </td>
      <td>{version.note}</td>
    </tr>
  );
}

/** Who proposed and approved a version; other organisations' people are not named. */
export function Signers({ version }: { version: PolicyVersion }) {
  const t = useText();
  const named = (one: PolicySigner): string => [one.person, one.org].filter(Boolean).join(" · ");
  if (!version.proposer) return <>{t("policy.started")}</>;
  return (
    <>
      {named(version.proposer)}
      {version.approvals.map((one) => `, ${named(one)}`)}
    </>
  );
}
