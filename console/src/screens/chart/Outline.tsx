import { Tree, TreeItem, TreeItemContent, Button, type Key } from "react-aria-components";
import { useMemo, useState } from "react";
import { outlineOf, type Twig } from "../../chart/outline";
import type { Chart } from "../../chart/document";
import { KindMark } from "../../chart/KindMark";
import { useText, useWord } from "../../i18n/texts";
import { HandlingChip } from "../../kit/HandlingChip";
import { highest } from "../../kit/handling";
import { press, type Keys } from "../../kit/keys";
import { nameOf } from "../../kit/names";

interface Props {
  chart: Chart;
  selected: string | null;
  onSelect: (handle: string) => void;
  onOpen: (handle: string) => void;
  keys: Keys;
}

/** The chart as a treegrid: all that is drawn, from the start outwards, with the same selection and the same keys. */
export function Outline({ chart, selected, onSelect, onOpen, keys }: Props) {
  const t = useText();
  const { roots, rows } = useMemo(() => outlineOf(chart), [chart]);
  const [shut, setShut] = useState<Set<Key>>(new Set());
  const chosen = rows.find((one) => one.entity.handle === selected)?.id;
  const handleOf = (id: Key): string => rows.find((one) => one.id === id)?.entity.handle ?? "";
  return (
    <div
      className="outline"
      onKeyDownCapture={(event) => {
        // Letters are keys of the chart here, not the beginning of a name.
        press(keys, event);
      }}
    >
      <Tree
        aria-label={t("outline.label")}
        items={roots}
        selectionMode="single"
        selectionBehavior="replace"
        disallowEmptySelection
        selectedKeys={chosen ? [chosen] : []}
        onSelectionChange={(ids) => {
          const [id] = ids === "all" ? [] : [...ids];
          if (id !== undefined) onSelect(handleOf(id));
        }}
        onAction={(id) => onOpen(handleOf(id))}
        expandedKeys={rows.map((one) => one.id).filter((id) => !shut.has(id))}
        onExpandedChange={(open) => setShut(new Set(rows.map((one) => one.id).filter((id) => !open.has(id))))}
      >
        {(twig) => <Row twig={twig} chart={chart} />}
      </Tree>
    </div>
  );
}

function Row({ twig, chart }: { twig: Twig; chart: Chart }) {
  const t = useText();
  const word = useWord();
  const { entity, links, id, twigs } = twig;
  const [link] = links;
  const name = nameOf(entity) ?? t("withheldKey");
  const codes = highest(entity.records.map((one) => one.handling));
  const said = link ? `${word("link", link.kind)} · ${[...new Set(links.map((one) => one.record.owner))].join(", ")}` : t("outline.start");
  return (
    <TreeItem id={id} textValue={`${word("kind", entity.kind)} ${name}`}>
      <TreeItemContent>
        {({ level, hasChildItems }) => (
          <div className={`twig level-${Math.min(level, 6)}`}>
            {hasChildItems ? <Button slot="chevron">▸</Button> : <span className="leaf" />}
            <KindMark kind={entity.kind} />
            <span className="key">{name}</span>
            <span className="small">{word("kind", entity.kind)}</span>
            <span className="small">{said}</span>
            {codes.map((one) => (
              <HandlingChip key={`${one.scheme} ${one.code}`} handling={one} />
            ))}
            {twig.again && <span className="small">{t("outline.again")}</span>}
            {chart.path.has(entity.handle) && <span className="small">{t("outline.onPath")}</span>}
            {chart.more.has(entity.handle) && <span className="small">{t("chart.moreLinks")}</span>}
          </div>
        )}
      </TreeItemContent>
      {twigs.map((one) => (
        <Row key={one.id} twig={one} chart={chart} />
      ))}
    </TreeItem>
  );
}
