import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useDesk } from "../../app/desk";
import SUBMISSIONS from "../../documents/submissions.graphql";
import { moment, useLanguage, useText } from "../../i18n/texts";
import { Failure } from "../../kit/Failure";
import { Link } from "../../kit/Link";
import { Problems } from "../../kit/Problems";
import type { Submission, SubmissionsData } from "../../wire/submissions";
import { AccessTable } from "../audit/AccessTable";
import { Receipt } from "./Receipt";
import { Recalling } from "./Recalling";
import { RowsTold } from "./RowsTold";
import { EACH, stateOf } from "./words";

/** One submission: what became of it, that it is in the log, its rows that were not accepted, who saw it, its recall. */
export function SubmissionPage({ index }: { index: number }) {
  const t = useText();
  const { ask, session } = useDesk();
  const [entry, setEntry] = useState(index);
  const { data, error } = useQuery({
    queryKey: ["submission", index],
    queryFn: () => ask<SubmissionsData>(SUBMISSIONS, { first: 1, before: index + 1 }),
    refetchInterval: (query) => (query.state.data?.data.submissions?.some((one) => !one.applied) ? EACH : false),
    staleTime: 0,
  });
  const found = data?.data.submissions?.find((one) => one.index === index);
  return (
    <>
      <p>
        <Link to="submissions">{t("submissions.back")}</Link>
      </p>
      <h1>{t("submissions.number", { index })}</h1>
      {error && <Failure error={error} />}
      {!data && !error && <p role="status">{t("loading")}</p>}
      {data && <Problems problems={data.problems} />}
      {data && !data.problems.length && !found && <p>{t("submissions.absent")}</p>}
      {found && data && (
        <>
          <Summary submission={found} />
          <Receipt entry={entry} onAsk={setEntry} />
          <RowsTold submission={found} what="errors" />
          <RowsTold submission={found} what="notes" />
          {session.roles.includes("officer") ? (
            <AccessTable submission={index} onAsk={setEntry} />
          ) : (
            <p className="small">{t("submissions.accessByOfficer")}</p>
          )}
          <Recalling submission={found} known={data.report.index} />
        </>
      )}
    </>
  );
}

function Summary({ submission }: { submission: Submission }) {
  const t = useText();
  const language = useLanguage();
  const lines: [string, string | number][] = [
    [t("submissions.received"), moment(language, submission.receivedAt)],
    [t("submissions.format"), submission.mediaType],
    [t("submissions.rows"), submission.rows],
    [t("submissions.accepted"), submission.accepted],
    [t("submissions.rejected"), submission.rejected],
  ];
  return (
    <section className="card" aria-label={t("submissions.summary")}>
      <p role="status">
        <strong>{t(stateOf(submission))}</strong>
      </p>
      {!submission.applied && <progress aria-label={t("submissions.applying")} />}
      <dl>
        {lines.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      {submission.setAside.map((one) => (
        <p key={`${one.code} ${one.first}`} className="small">
          {t("submissions.aside", { first: one.first, last: one.last })} <code>{one.code}</code>
        </p>
      ))}
      {submission.moreSetAside && <p className="small">{t("submissions.moreAside")}</p>}
    </section>
  );
}
