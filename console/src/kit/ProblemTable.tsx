import { useText } from "../i18n/texts";
import type { RowProblem } from "../wire/submissions";
import { Table } from "./Table";

/** So many are listed; there may be thousands. */
const MOST = 200;

/** What is wrong with which row, or not linked in it: where, why, and what to do, as the service words it. */
export function ProblemTable({ problems, label }: { problems: RowProblem[]; label: string }) {
  const t = useText();
  return (
    <>
      <Table label={label} heads={[t("problems.row"), t("problems.why"), t("problems.where")]}>
        {problems.slice(0, MOST).map((one, at) => (
          <tr key={`${one.row} ${one.pointer} ${at}`}>
            <th scope="row" className="number">
              {one.row}
            </th>
            <td>
              <span dir="auto">{one.message}</span> <code>{one.code}</code>
            </td>
            <td>
              <code>{one.pointer}</code>
            </td>
          </tr>
        ))}
      </Table>
      {problems.length > MOST && <p className="small">{t("sources.more", { count: problems.length - MOST })}</p>}
    </>
  );
}
