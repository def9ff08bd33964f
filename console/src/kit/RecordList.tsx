import { moment, useLanguage, useText, useWord } from "../i18n/texts";
import type { Attribute, Entity, Grading, ShownRecord } from "../wire/shapes";
import { HandlingChip } from "./HandlingChip";
import { Redaction } from "./Redaction";

/** Who says what of an entity, under which handling code, how far it is trusted, and when. */
export function RecordList({ entity }: { entity: Entity }) {
  const t = useText();
  return (
    <>
      <p className="small">{t("records.count", { records: entity.recordCount, owners: entity.ownerCount, sources: entity.independentSources })}</p>
      <ul className="records">
        {entity.records.map((one) => (
          <li key={one.handle}>
            <RecordView record={one} />
          </li>
        ))}
      </ul>
      {entity.moreRecords && <p className="small">{t("records.more")}</p>}
    </>
  );
}

function RecordView({ record }: { record: ShownRecord }) {
  const t = useText();
  const language = useLanguage();
  const since = moment(language, record.since);
  const until = moment(language, record.until);
  return (
    <div className={isLow(record.grading) ? "record low" : "record"}>
      <p className="row">
        <strong>{record.owner}</strong>
        <HandlingChip handling={record.handling} />
        <GradingText grading={record.grading} />
        {(since || until) && <span className="small">{since === until ? since : `${since} – ${until}`}</span>}
        {record.circular && <span className="small">{t("records.circular")}</span>}
        {record.submission !== null && <span className="small">{t("records.row", { submission: record.submission, row: record.row ?? 0 })}</span>}
      </p>
      <Attributes attributes={record.attributes} />
      {record.withheld.map((one) => (
        <p key={one.fieldGroup}>
          <Redaction withheld={one} />
        </p>
      ))}
    </div>
  );
}

/** What is claimed, name by name. */
export function Attributes({ attributes }: { attributes: Attribute[] }) {
  const word = useWord();
  if (attributes.length === 0) return null;
  return (
    <dl>
      {attributes.map((one, at) => (
        <div key={`${one.name} ${at}`}>
          <dt>{word("attribute", one.name)}</dt>
          <dd>{one.value}</dd>
        </div>
      ))}
    </dl>
  );
}

export function GradingText({ grading }: { grading: Grading | null }) {
  const t = useText();
  if (!grading) return <span className="small">{t("grading.none")}</span>;
  return (
    <span className="small" title={grading.scheme}>
      {t("grading", { code: `${grading.source}${grading.information}` })}
    </span>
  );
}

/** Whether a source is graded as unreliable, or the information as doubtful: drawn dashed. */
export function isLow(grading: Grading | null): boolean {
  return grading !== null && grading.scheme === "admiralty" && (/[DE]/.test(grading.source) || /[45]/.test(grading.information));
}
