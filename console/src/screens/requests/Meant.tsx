import { KindMark } from "../../chart/KindMark";
import { useText, useWord } from "../../i18n/texts";
import { HandlingChip } from "../../kit/HandlingChip";
import { Attributes } from "../../kit/RecordList";
import { nameOf } from "../../kit/names";
import type { HeldRecord, RequestFile } from "../../wire/requests";

/** The holder's own records that a request means. */
export function Meant({ file }: { file: RequestFile }) {
  const t = useText();
  return (
    <section aria-label={t("request.meant", { count: file.records.length })}>
      <h2>{t("request.meant", { count: file.records.length })}</h2>
      {file.records.length === 0 && <p className="empty">{t("request.meant.none")}</p>}
      {file.truncated && <p className="note">{t("records.more")}</p>}
      <ul className="records">
        {file.records.map((one) => (
          <li key={one.handle} className="record">
            <Record record={one} />
          </li>
        ))}
      </ul>
    </section>
  );
}

function Record({ record }: { record: HeldRecord }) {
  const t = useText();
  const word = useWord();
  return (
    <>
      <p className="row">
        <strong>{t("records.row", { submission: record.submission, row: record.row })}</strong>
        <HandlingChip handling={record.handling} />
        <span className="small">{record.fieldGroups.map((one) => word("group", one)).join(", ")}</span>
      </p>
      {record.entities.map((one) => (
        <div key={one.handle}>
          <p className="row">
            <KindMark kind={one.kind} />
            <span className="key">{nameOf(one) ?? t("withheldKey")}</span>
            <span className="small">{word("kind", one.kind)}</span>
          </p>
          {one.records.map((claim) => (
            <Attributes key={claim.handle} attributes={claim.attributes} />
          ))}
        </div>
      ))}
    </>
  );
}
