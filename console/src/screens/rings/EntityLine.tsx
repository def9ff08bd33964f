import { KindMark } from "../../chart/KindMark";
import { useText, useWord } from "../../i18n/texts";
import { HandlingChip } from "../../kit/HandlingChip";
import { Link } from "../../kit/Link";
import { highest } from "../../kit/handling";
import { nameOf } from "../../kit/names";
import type { Entity } from "../../wire/shapes";

/** An entity of a report in a line: what it is, who says so under which handling code, and the way to its chart. */
export function EntityLine({ entity }: { entity: Entity | undefined }) {
  const t = useText();
  const word = useWord();
  if (!entity) return <span className="small">{t("withheldKey")}</span>;
  const owners = [...new Set(entity.records.map((one) => one.owner))].sort();
  return (
    <span className="row">
      <KindMark kind={entity.kind} />
      <Link to={`chart/${encodeURIComponent(entity.handle)}`}>{nameOf(entity) ?? t("withheldKey")}</Link>
      <span className="small">
        {word("kind", entity.kind)} · {owners.join(", ")}
      </span>
      {highest(entity.records.map((one) => one.handling)).map((one) => (
        <HandlingChip key={`${one.scheme} ${one.code}`} handling={one} />
      ))}
    </span>
  );
}
