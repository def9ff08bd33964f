import { useText } from "../../i18n/texts";
import type { CellProblem, Preview } from "../../wire/preview";
import { placeOf, unread } from "./sheet";
import type { Looked, SheetState } from "./useSheet";

/** So many rows can be corrected at once; the others come when these are right. */
const SHOWN = 25;

/** Rows that would not be accepted, or have a value that is not linked: why, with their cells to be corrected in place. */
export function Corrections({ sheet, looked }: { sheet: SheetState; looked: Looked }) {
  const t = useText();
  const { preview } = looked;
  const problems = new Map<number, CellProblem[]>();
  for (const row of unread(looked.sheet, preview.cells)) problems.set(row, [{ row, code: "unread", pointer: "", message: t("new.unread"), columns: [], type: "" }]);
  for (const one of [...preview.errors, ...preview.notes]) problems.set(one.row, [...(problems.get(one.row) ?? []), one]);
  const rows = [...problems].sort(([a], [b]) => a - b);
  if (rows.length === 0) return null;
  return (
    <section aria-label={t("new.correct")}>
      <h2>{t("new.correct")}</h2>
      <p>{t("new.correct.text", { errors: preview.rejected, notes: preview.notes.length })}</p>
      <ul className="records">
        {rows.slice(0, SHOWN).map(([row, some]) => (
          <li key={row} className="record">
            <Row row={row} problems={some} sheet={sheet} preview={preview} />
          </li>
        ))}
      </ul>
      {rows.length > SHOWN && <p className="small">{t("sources.more", { count: rows.length - SHOWN })}</p>}
    </section>
  );
}

function Row({ row, problems, sheet, preview }: { row: number; problems: CellProblem[]; sheet: SheetState; preview: Preview }) {
  const t = useText();
  const { edits, correct } = sheet;
  const names = preview.columns.length ? preview.columns.map((one) => one.name) : [t("new.line")];
  // A row may have more cells than there are columns: that is then what is wrong with it.
  const beyond = (preview.cells[row] ?? []).slice(names.length).map((_, at) => `#${names.length + at + 1}`);
  const columns = [...names, ...beyond];
  const named = new Set(problems.flatMap((one) => one.columns));
  return (
    <>
      <h3>{t("new.row", { row })}</h3>
      {problems.map((one, at) => (
        <p key={`${one.pointer} ${at}`} dir="auto">
          {one.columns.length > 0 && <strong>{one.columns.join(", ")}: </strong>}
          {one.message} <code>{one.code}</code>
        </p>
      ))}
      <div className="cells">
        {columns.map((column, at) => (
          <Cell
            key={column}
            column={column}
            isNamed={named.has(column)}
            given={preview.cells[row]?.[at] ?? ""}
            value={edits.get(placeOf(row, at)) ?? preview.cells[row]?.[at] ?? ""}
            onChange={(text) => correct(row, at, text)}
          />
        ))}
      </div>
    </>
  );
}

interface CellProps {
  column: string;
  isNamed: boolean;
  /** As it was when the file was looked at. */
  given: string;
  value: string;
  onChange: (text: string) => void;
}

function Cell({ column, isNamed, given, value, onChange }: CellProps) {
  // A field of one line would lose the line ends of a cell that has some.
  return (
    <label>
      <span dir="auto">{column}</span>
      {given.includes("\n") ? (
        <textarea rows={3} dir="auto" aria-invalid={isNamed} value={value} onChange={(event) => onChange(event.target.value)} />
      ) : (
        <input type="text" dir="auto" aria-invalid={isNamed} value={value} onChange={(event) => onChange(event.target.value)} />
      )}
    </label>
  );
}
