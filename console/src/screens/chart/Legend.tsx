import { KindMark } from "../../chart/KindMark";
import { useText, useWord } from "../../i18n/texts";
import type { Entity } from "../../wire/shapes";

/** The kinds that are on the chart, and what dashes mean. */
export function Legend({ entities }: { entities: Entity[] }) {
  const t = useText();
  const word = useWord();
  const kinds = [...new Set(entities.map((one) => one.kind))].sort();
  return (
    <ul className="legend" aria-label={t("legend.label")}>
      {kinds.map((kind) => (
        <li key={kind}>
          <KindMark kind={kind} /> {word("kind", kind)}
        </li>
      ))}
      <li>
        <span className="dashes" aria-hidden="true" /> {t("legend.low")}
      </li>
    </ul>
  );
}
