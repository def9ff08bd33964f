import { useText, useWord } from "../../i18n/texts";
import { KindMark } from "../../chart/KindMark";
import { AskWithheld } from "../../disclosure/AskWithheld";
import { Link } from "../../kit/Link";
import { RecordList } from "../../kit/RecordList";
import { nameOf } from "../../kit/names";
import type { Entity } from "../../wire/shapes";

/** An entity with what records say of it, and the way to its chart. */
export function EntityCard({ entity }: { entity: Entity }) {
  const t = useText();
  const word = useWord();
  return (
    <article className="card">
      <header className="row">
        <KindMark kind={entity.kind} />
        <strong className="key">{nameOf(entity) ?? t("withheldKey")}</strong>
        <span className="small">{word("kind", entity.kind)}</span>
        <span className="grow" />
        <Link to={`chart/${encodeURIComponent(entity.handle)}`} className="button">
          {t("search.chart")}
        </Link>
      </header>
      <RecordList entity={entity} />
      <AskWithheld records={entity.records} />
    </article>
  );
}
