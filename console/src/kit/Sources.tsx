import { moment, useLanguage, useText } from "../i18n/texts";
import type { Handling, ShownRecord } from "../wire/shapes";
import { HandlingChip } from "./HandlingChip";
import { GradingText } from "./RecordList";

/** What an answer tells of records by handle: in full where it lists them, else whose they are, by its receipt. */
export interface KnownRecords {
  records: Map<string, ShownRecord>;
  owners: Map<string, string>;
}

interface Group {
  owner: string;
  handling: Handling | null;
  handles: string[];
}

/** The records that a line rests on: by owner and handling code, each record when opened. `count`: all, cited or not. */
export function Sources({ handles, count, known }: { handles: string[]; count: number; known: KnownRecords }) {
  const t = useText();
  const groups = grouped(handles, known);
  return (
    <details className="sources">
      <summary>
        {groups.map((one) => (
          <span key={`${one.owner} ${one.handling?.scheme} ${one.handling?.code}`} className="source">
            <strong>{one.owner}</strong> {one.handling ? <HandlingChip handling={one.handling} /> : t("sources.uncoded")} × {one.handles.length}
          </span>
        ))}
        {count > handles.length && <span className="small">{t("sources.more", { count: count - handles.length })}</span>}
      </summary>
      <ul className="records">
        {handles.map((handle) => (
          <li key={handle} className="record">
            <RecordLine handle={handle} known={known} />
          </li>
        ))}
      </ul>
    </details>
  );
}

function RecordLine({ handle, known }: { handle: string; known: KnownRecords }) {
  const t = useText();
  const language = useLanguage();
  const record = known.records.get(handle);
  const [since, until] = [moment(language, record?.since ?? null), moment(language, record?.until ?? null)];
  return (
    <p className="row">
      <strong>{record?.owner ?? known.owners.get(handle)}</strong>
      {record && <HandlingChip handling={record.handling} />}
      {record && <GradingText grading={record.grading} />}
      {(since || until) && <span className="small">{since === until ? since : `${since} – ${until}`}</span>}
      {record && record.submission !== null && <span className="small">{t("records.row", { submission: record.submission, row: record.row ?? 0 })}</span>}
      <code className="handle">{handle}</code>
    </p>
  );
}

function grouped(handles: string[], known: KnownRecords): Group[] {
  const groups = new Map<string, Group>();
  for (const handle of handles) {
    const record = known.records.get(handle);
    const owner = record?.owner ?? known.owners.get(handle) ?? "";
    const handling = record?.handling ?? null;
    const name = `${owner} ${handling?.scheme} ${handling?.code}`;
    const group = groups.get(name);
    if (group) group.handles.push(handle);
    else groups.set(name, { owner, handling, handles: [handle] });
  }
  return [...groups.values()].sort((a, b) => a.owner.localeCompare(b.owner));
}
