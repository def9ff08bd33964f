import { Button } from "react-aria-components";
import { KindMark } from "../../chart/KindMark";
import { visible, type Chart } from "../../chart/document";
import { moment, useLanguage, useText, useWord } from "../../i18n/texts";
import { AskWithheld } from "../../disclosure/AskWithheld";
import { HandlingChip } from "../../kit/HandlingChip";
import { Attributes, GradingText, RecordList } from "../../kit/RecordList";
import { Redaction } from "../../kit/Redaction";
import { nameOf } from "../../kit/names";
import type { Entity, Link } from "../../wire/shapes";

interface Props {
  chart: Chart;
  entity: Entity;
  from: string | null;
  onSelect: (handle: string) => void;
  onExpand: () => void;
  onHide: () => void;
  onPath: () => void;
}

/** The evidence: who says what of an entity and of its links, under which handling code, how it is graded, and when. */
export function Drawer({ chart, entity, from, onSelect, onExpand, onHide, onPath }: Props) {
  const t = useText();
  const word = useWord();
  const links = visible(chart).links.filter((one) => one.source === entity.handle || one.target === entity.handle);
  return (
    <>
      <h2 className="row">
        <KindMark kind={entity.kind} />
        <span className="key">{nameOf(entity) ?? t("withheldKey")}</span>
      </h2>
      <p className="small">{word("kind", entity.kind)}</p>
      <div className="row">
        <Button onPress={onExpand}>{t("drawer.expand")}</Button>
        <Button className="quiet" onPress={onPath}>
          {t(from !== null && from !== entity.handle ? "drawer.pathTo" : "drawer.pathFrom")}
        </Button>
        <Button className="quiet" onPress={onHide}>
          {t("drawer.hide")}
        </Button>
      </div>
      <h3>{t("drawer.records")}</h3>
      <RecordList entity={entity} />
      <h3>{t("drawer.links", { count: links.length })}</h3>
      <ul className="records">
        {links.map((one) => (
          <li key={`${one.source} ${one.kind} ${one.target} ${one.record.handle}`}>
            <LinkView chart={chart} link={one} of={entity.handle} onSelect={onSelect} />
          </li>
        ))}
      </ul>
      <AskWithheld key={entity.handle} records={[...entity.records, ...links.map((one) => ({ ...one.record, withheld: one.withheld }))]} />
    </>
  );
}

function LinkView({ chart, link, of, onSelect }: { chart: Chart; link: Link; of: string; onSelect: (handle: string) => void }) {
  const t = useText();
  const word = useWord();
  const other = chart.entities.get(link.source === of ? link.target : link.source);
  if (!other) return null;
  return (
    <div className="record">
      <p className="row">
        <span className="small">{link.source === of ? word("link", link.kind) : `← ${word("link", link.kind)}`}</span>
        <KindMark kind={other.kind} />
        <Button className="textual" onPress={() => onSelect(other.handle)}>
          {nameOf(other) ?? t("withheldKey")}
        </Button>
      </p>
      <LinkSource link={link} />
    </div>
  );
}

/** Who says that two are linked. */
export function LinkSource({ link }: { link: Link }) {
  const t = useText();
  const language = useLanguage();
  const [since, until] = [moment(language, link.since), moment(language, link.until)];
  return (
    <>
      <p className="row">
        <strong>{link.record.owner}</strong>
        <HandlingChip handling={link.record.handling} />
        <GradingText grading={link.record.grading} />
        {(since || until) && <span className="small">{since === until ? since : `${since} – ${until}`}</span>}
        {link.claimCount > 1 && <span className="small">{t("link.claims", { claims: link.claimCount, sources: link.independentSources })}</span>}
      </p>
      <Attributes attributes={link.attributes} />
      {link.withheld.map((one) => (
        <p key={one.fieldGroup}>
          <Redaction withheld={one} />
        </p>
      ))}
    </>
  );
}
