import { useText, useWord } from "../../i18n/texts";
import { Link } from "../../kit/Link";
import { Table } from "../../kit/Table";
import type { Ring } from "../../wire/rings";
import { placeOf, TAGS, VERDICTS } from "./words";

/** Rings, ranked: how many are in each, what they share, how far chance explains them, and whose records they rest on. */
export function RingTable({ rings, label }: { rings: Ring[]; label: string }) {
  const t = useText();
  return (
    <Table
      label={label}
      heads={[
        t("rings.ring"),
        t("rings.accounts"),
        t("rings.shares"),
        t("rings.spread"),
        t("rings.chance"),
        t("rings.agencies"),
        t("rings.tag"),
        t("rings.verdict"),
      ]}
    >
      {rings.map((one) => (
        <Row key={one.id} ring={one} />
      ))}
    </Table>
  );
}

function Row({ ring }: { ring: Ring }) {
  const t = useText();
  const word = useWord();
  const tag = TAGS[ring.tag ?? ""];
  return (
    <tr>
      <th scope="row">
        <Link to={placeOf(ring)}>{ring.rank === null ? t("rings.unranked") : t("rings.rank", { rank: ring.rank })}</Link>
      </th>
      <td>{t("rings.coreFringe", { core: ring.core, fringe: ring.fringe })}</td>
      <td>{ring.identifiers.map((one) => `${one.count} ${word("kind", one.kind)}`).join(", ")}</td>
      <td className="number">{ring.score}</td>
      <td className="number">
        {ring.expected ?? t("rings.notTold")} {ring.significant && <strong className="small">{t("rings.significant")}</strong>}
      </td>
      <td>
        {ring.agencies.join(", ")} <span className="small">{t("rings.records", { count: ring.records })}</span>
      </td>
      <td>{tag && t(tag)}</td>
      <td>{t(VERDICTS[ring.verdict])}</td>
    </tr>
  );
}
