import { useState } from "react";
import { Button } from "react-aria-components";
import { useDesk } from "../../app/desk";
import SUBMISSIONS from "../../documents/submissions.graphql";
import { useText } from "../../i18n/texts";
import { Failure } from "../../kit/Failure";
import { Link } from "../../kit/Link";
import type { Answer } from "../../wire/ask";
import type { Session } from "../../wire/session";
import { readTold, type SubmissionsData, type Taken } from "../../wire/submissions";
import { ChooseFile } from "./ChooseFile";
import { ColumnTable } from "./ColumnTable";
import { Corrections } from "./Corrections";
import { SaidOnce } from "./SaidOnce";
import { Sending } from "./Sending";
import { SubmittedRows } from "./SubmittedRows";
import { useSheet, type Rest } from "./useSheet";

/**
 * From a file to a signed submission: what its columns hold, what its rows become, cells corrected in place. `rest`: of a
 * file that was sent as this submission, the rows that were not accepted.
 */
export function NewSubmission({ rest = null }: { rest?: number | null }) {
  const t = useText();
  const { ask, session, alarm } = useDesk();
  const sheet = useSheet();
  const [taken, setTaken] = useState<Taken | null>(null);
  const [failed, setFailed] = useState<Error | null>(null);
  const { looked, pending, isStale } = sheet;
  const error = failed ?? sheet.error;
  const choose = async (file: File) => {
    setTaken(null);
    setFailed(null);
    try {
      await sheet.take(file, rest === null ? undefined : await readRest(ask, session, rest));
    } catch (problem) {
      alarm(problem);
      setFailed(problem as Error);
    }
  };
  return (
    <>
      <p>
        <Link to="submissions">{t("submissions.back")}</Link>
      </p>
      <h1>{t("new.title")}</h1>
      {!session.roles.includes("submitter") && <p className="note">{t("new.noSubmitter")}</p>}
      {rest !== null && <p className="note">{t("new.restOf", { index: rest })}</p>}
      <ChooseFile onChosen={(file) => void choose(file)} />
      {error && <Failure error={error} />}
      {pending && <p role="status">{t("new.looking")}</p>}
      {looked && taken && (
        <SubmittedRows
          taken={taken}
          preview={looked.preview}
          onCorrect={(rows) => {
            setTaken(null);
            sheet.keep(rows);
          }}
        />
      )}
      {looked && !taken && (
        <>
          <SaidOnce sheet={sheet} preview={looked.preview} />
          {looked.readAs !== "utf-8" && <p className="note">{t("new.readAs", { charset: looked.readAs })}</p>}
          <ColumnTable sheet={sheet} preview={looked.preview} />
          <Corrections sheet={sheet} looked={looked} />
          <div className="row">
            <Button className={isStale ? "" : "quiet"} isDisabled={pending} onPress={sheet.again}>
              {t("new.again")}
            </Button>
            <Sending sheet={sheet} looked={looked} onTaken={setTaken} />
          </div>
        </>
      )}
    </>
  );
}

type Ask = <T>(document: string, variables: Record<string, unknown>) => Promise<Answer<T>>;

/** The rows of a submission that were not accepted, and how many its file had. */
async function readRest(ask: Ask, session: Session, index: number): Promise<Rest> {
  const [answer, errors] = await Promise.all([ask<SubmissionsData>(SUBMISSIONS, { first: 1, before: index + 1 }), readTold(session, index, "errors")]);
  const found = answer.data.submissions?.find((one) => one.index === index);
  return { rows: new Set(errors.map((one) => one.row)), of: found?.rows ?? 0 };
}
