import { Button } from "react-aria-components";
import { useText } from "../../i18n/texts";
import { Link } from "../../kit/Link";
import { ProblemTable } from "../../kit/ProblemTable";
import { saveFile } from "../../kit/saveFile";
import type { Preview } from "../../wire/preview";
import type { Taken } from "../../wire/submissions";
import { fileOf, onlyRows } from "./sheet";

interface Props {
  taken: Taken;
  preview: Preview;
  onCorrect: (rows: ReadonlySet<number>) => void;
}

/** What became of a file that was sent: its receipt was checked; rows that were not accepted go on by themselves. */
export function SubmittedRows({ taken, preview, onCorrect }: Props) {
  const t = useText();
  const { index = 0, accepted, rejected } = taken;
  // The first of them are told with the answer; all that was looked at says which rows they are.
  const rows = new Set([...taken.errors, ...preview.errors].map((one) => one.row));
  const save = () => {
    const { body, ending } = fileOf(preview, onlyRows(preview.cells, preview.header, rows));
    saveFile(`rows-of-${index}${ending}`, "application/octet-stream", new TextDecoder().decode(body));
  };
  return (
    <section className="note" aria-label={t("new.sent")}>
      <h2>{t("new.sent")}</h2>
      <p role="status">✓ {t("new.taken", { index, accepted, rejected })}</p>
      <p>
        <Link to={`submissions/${index}`}>{t("new.follow", { index })}</Link>
      </p>
      {rejected > 0 && (
        <>
          {rows.size < rejected && <p>{t("new.restCut", { count: rows.size })}</p>}
          <ProblemTable problems={taken.errors} label={t("submissions.errors")} />
          <div className="row">
            <Button onPress={() => onCorrect(rows)}>{t("new.correctRest")}</Button>
            <Button className="quiet" onPress={save}>
              {t("new.saveRest")}
            </Button>
          </div>
        </>
      )}
    </section>
  );
}
