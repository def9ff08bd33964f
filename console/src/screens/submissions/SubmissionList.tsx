import { useInfiniteQuery } from "@tanstack/react-query";
import { Button } from "react-aria-components";
import { useDesk } from "../../app/desk";
import SUBMISSIONS from "../../documents/submissions.graphql";
import { moment, useLanguage, useText } from "../../i18n/texts";
import { Failure } from "../../kit/Failure";
import { Link } from "../../kit/Link";
import { Problems } from "../../kit/Problems";
import { Table } from "../../kit/Table";
import { PAGE, type Submission, type SubmissionsData } from "../../wire/submissions";
import { EACH, stateOf } from "./words";

/** The organisation's submissions, newest first: what became of their rows, and whether they are in the graph. */
export function SubmissionList() {
  const t = useText();
  const { ask } = useDesk();
  const { data, error, hasNextPage, fetchNextPage, isFetchingNextPage } = useInfiniteQuery({
    queryKey: ["submissions"],
    queryFn: ({ pageParam }) => ask<SubmissionsData>(SUBMISSIONS, { first: PAGE, before: pageParam }),
    initialPageParam: null as number | null,
    getNextPageParam: (page) => {
      const some = page.data.submissions ?? [];
      return some.length < PAGE ? null : (some.at(-1)?.index ?? null);
    },
    // Those that are on their way into the graph are the newest.
    refetchInterval: (query) => (query.state.data?.pages[0]?.data.submissions?.some((one) => !one.applied) ? EACH : false),
    staleTime: 0,
  });
  const listed = data?.pages.flatMap((page) => page.data.submissions ?? []) ?? [];
  const problems = data?.pages.flatMap((page) => page.problems) ?? [];
  return (
    <>
      <h1>{t("nav.submissions")}</h1>
      <p>
        <Link to="submissions/new" className="button">
          {t("new.title")}
        </Link>
      </p>
      {error && <Failure error={error} />}
      <Problems problems={problems} />
      {!data && !error && <p role="status">{t("loading")}</p>}
      {data && !problems.length && listed.length === 0 && <p className="empty">{t("submissions.none")}</p>}
      {listed.length > 0 && <Listed submissions={listed} />}
      {hasNextPage && (
        <Button className="quiet" isDisabled={isFetchingNextPage} onPress={() => void fetchNextPage()}>
          {t("audit.more")}
        </Button>
      )}
    </>
  );
}

function Listed({ submissions }: { submissions: Submission[] }) {
  const t = useText();
  const language = useLanguage();
  return (
    <Table
      label={t("nav.submissions")}
      heads={[
        t("submissions.one"),
        t("submissions.received"),
        t("submissions.format"),
        t("submissions.rows"),
        t("submissions.accepted"),
        t("submissions.rejected"),
        t("submissions.state"),
      ]}
    >
      {submissions.map((one) => (
        <tr key={one.index}>
          <th scope="row">
            <Link to={`submissions/${one.index}`}>{t("submissions.number", { index: one.index })}</Link>
          </th>
          <td>{moment(language, one.receivedAt)}</td>
          <td>{one.mediaType}</td>
          <td className="number">{one.rows}</td>
          <td className="number">{one.accepted}</td>
          <td className="number">{one.rejected}</td>
          <td>{t(stateOf(one))}</td>
        </tr>
      ))}
    </Table>
  );
}
