import { useText, useWord } from "../../i18n/texts";
import { Scroll } from "../../kit/Scroll";
import type { Preview } from "../../wire/preview";
import type { SheetState } from "./useSheet";

/** So many rows show what a mapping makes of them. */
const SHOWN = 10;

/** The columns with what each holds, to be changed one by one, over the first rows and what becomes of them. */
export function ColumnTable({ sheet, preview }: { sheet: SheetState; preview: Preview }) {
  const t = useText();
  const { header, cells, columns } = preview;
  const becomes = new Map(preview.becomes.map((one) => [one.row, one]));
  const wrong = new Set(preview.errors.map((one) => one.row));
  const rows = cells.map((row, number) => ({ row, number })).filter(({ row, number }) => number >= header && row.some((cell) => cell.trim()));
  return (
    <>
      <h2>{t("new.columns")}</h2>
      <p role="status">{t("new.counts", { title: preview.title, accepted: preview.accepted, rejected: preview.rejected })}</p>
      <Scroll label={t("new.columns")}>
        <table>
          <thead>
            <tr>
              <th scope="col">{t("problems.row")}</th>
              {columns.map((one) => (
                <th key={one.name} scope="col">
                  <Kind column={one} sheet={sheet} kinds={preview.kinds} />
                </th>
              ))}
              {columns.length === 0 && <th scope="col">{t("new.line")}</th>}
              <th scope="col">{t("new.becomes")}</th>
            </tr>
          </thead>
          <tbody>
            {rows.slice(0, SHOWN).map(({ row, number }) => (
              <tr key={number}>
                <th scope="row" className="number">
                  {number}
                </th>
                {(columns.length ? columns.map((_, at) => row[at] ?? "") : row).map((cell, at) => (
                  <td key={at} dir="auto">
                    {cell}
                  </td>
                ))}
                <td>{wrong.has(number) ? <strong>{t("new.wrong")}</strong> : <Becomes found={becomes.get(number)} />}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
      {Object.entries(preview.losses).map(([what, count]) => (
        <p key={what} className="small" dir="auto">
          {what}: {count}
        </p>
      ))}
      {preview.warnings.map((one) => (
        <p key={`${one.row} ${one.pointer}`} className="note" dir="auto">
          {one.message} <code>{one.code}</code>
        </p>
      ))}
    </>
  );
}

function Kind({ column, sheet, kinds }: { column: Preview["columns"][number]; sheet: SheetState; kinds: string[] }) {
  const t = useText();
  const word = useWord();
  return (
    <>
      <span dir="auto">{column.name}</span>
      <select aria-label={t("new.holds", { column: column.name })} value={column.holds} onChange={(event) => sheet.hold(column.name, event.target.value)}>
        <option value="">{t("new.notRead")}</option>
        {kinds.map((code) => (
          <option key={code} value={code}>
            {word("holds", code)}
          </option>
        ))}
      </select>
    </>
  );
}

function Becomes({ found }: { found: Preview["becomes"][number] | undefined }) {
  const word = useWord();
  if (!found) return null;
  return (
    <>
      {found.entities.map((one) => {
        const [kind = "", ...key] = one.split(" ");
        return (
          <span key={one} className="source">
            {word("kind", kind)} <bdi>{key.join(" ")}</bdi>
          </span>
        );
      })}
      {found.links.length > 0 && <span className="small">{found.links.map((one) => word("link", one)).join(", ")}</span>}
    </>
  );
}
