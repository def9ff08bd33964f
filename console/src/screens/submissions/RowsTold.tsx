import { useQuery } from "@tanstack/react-query";
import { Button } from "react-aria-components";
import { useDesk } from "../../app/desk";
import { useText } from "../../i18n/texts";
import { Failure } from "../../kit/Failure";
import { Link } from "../../kit/Link";
import { ProblemTable } from "../../kit/ProblemTable";
import { saveFile } from "../../kit/saveFile";
import { readTold, type Submission } from "../../wire/submissions";

interface Props {
  submission: Submission;
  /** Rows that were not accepted, or values of accepted rows that can't be linked. */
  what: "errors" | "notes";
}

/** What the service says of single rows of a submission. */
export function RowsTold({ submission, what }: Props) {
  const t = useText();
  const { session, alarm } = useDesk();
  const { index } = submission;
  const { data, error } = useQuery({
    queryKey: ["told", index, what],
    queryFn: async () => {
      try {
        return await readTold(session, index, what);
      } catch (failed) {
        alarm(failed);
        throw failed;
      }
    },
  });
  const title = t(what === "errors" ? "submissions.errors" : "submissions.notes");
  const save = () => saveFile(`submission-${index}-${what}.ndjson`, "application/x-ndjson", (data ?? []).map((one) => `${JSON.stringify(one)}\n`).join(""));
  return (
    <>
      <h2>{title}</h2>
      {error && <Failure error={error} />}
      {!data && !error && <p role="status">{t("loading")}</p>}
      {data?.length === 0 && <p className="empty">{t("submissions.noneTold")}</p>}
      {data && data.length > 0 && (
        <>
          <ProblemTable problems={data} label={title} />
          <p className="row">
            {what === "errors" && session.roles.includes("submitter") && (
              <Link to={`submissions/rest-${index}`} className="button">
                {t("submissions.correct")}
              </Link>
            )}
            <Button className="quiet" onPress={save}>
              {t(what === "errors" ? "submissions.saveErrors" : "submissions.saveNotes")}
            </Button>
          </p>
        </>
      )}
    </>
  );
}
