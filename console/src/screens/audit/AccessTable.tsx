import { useInfiniteQuery } from "@tanstack/react-query";
import { Button } from "react-aria-components";
import { useDesk } from "../../app/desk";
import ACCESS from "../../documents/accessLog.graphql";
import { moment, useLanguage, useText } from "../../i18n/texts";
import { Failure } from "../../kit/Failure";
import { Problems } from "../../kit/Problems";
import { Table } from "../../kit/Table";
import type { Access, AccessData } from "../../wire/audit";

interface Props {
  /** Only who saw records of this submission; null: of all. */
  submission?: number | null;
  onAsk: (entry: number) => void;
}

/** Who saw the organisation's records: when, for which purpose, under which law and case, and which records. */
export function AccessTable({ submission = null, onAsk }: Props) {
  const t = useText();
  const { ask, session, footing } = useDesk();
  const { data, error, hasNextPage, fetchNextPage, isFetchingNextPage } = useInfiniteQuery({
    queryKey: ["access", footing, submission],
    queryFn: ({ pageParam }) => ask<AccessData>(ACCESS, { before: pageParam, submission }),
    initialPageParam: null as number | null,
    getNextPageParam: (page) => page.data.accessLog?.nextBefore ?? null,
  });
  const entries = data?.pages.flatMap((page) => page.data.accessLog?.entries ?? []) ?? [];
  const rules = data?.pages[0]?.data.accessLog?.toldLate ?? [];
  const problems = data?.pages.flatMap((page) => page.problems) ?? [];
  const title = submission === null ? t("audit.access", { org: session.org }) : t("audit.accessTo", { submission });
  return (
    <>
      <h2>{title}</h2>
      {error && <Failure error={error} />}
      <Problems problems={problems} />
      {!data && !error && <p role="status">{t("loading")}</p>}
      {data && problems.length === 0 && entries.length === 0 && <p className="empty">{t("audit.nobody")}</p>}
      {entries.length > 0 && (
        <Table
          label={title}
          heads={[
            t("audit.number"),
            t("audit.when"),
            t("audit.reader"),
            t("footing.purpose"),
            t("footing.basis"),
            t("footing.case"),
            t("audit.records"),
          ]}
        >
          {entries.map((one) => (
            <Row key={`${one.index} ${one.late?.index}`} access={one} onAsk={onAsk} />
          ))}
        </Table>
      )}
      {rules.map((one) => (
        <p key={one.rule} className="small">
          {t("audit.late", { rule: one.rule, law: one.law })}
        </p>
      ))}
      {hasNextPage && (
        <Button className="quiet" isDisabled={isFetchingNextPage} onPress={() => void fetchNextPage()}>
          {t("audit.more")}
        </Button>
      )}
    </>
  );
}

function Row({ access, onAsk }: { access: Access; onAsk: (entry: number) => void }) {
  const t = useText();
  const language = useLanguage();
  const shown = access.records.filter((one) => !one.hit);
  return (
    <tr>
      <th scope="row">
        <Button className="textual" aria-label={t("audit.checkEntry", { entry: access.index })} onPress={() => onAsk(access.index)}>
          {access.index}
        </Button>
      </th>
      <td>{moment(language, access.at)}</td>
      <td>
        {access.reader} <span className="small">{access.person}</span>{" "}
        {access.signed && <span className="small">{t("audit.signed")}</span>}{" "}
        {access.export && <strong className="small">{t("audit.export")}</strong>}
      </td>
      <td>{access.purpose}</td>
      <td>{access.legalBasis}</td>
      <td>{access.case}</td>
      <td>
        <details>
          <summary>{t("audit.counts", { shown: shown.length, hits: access.records.length - shown.length })}</summary>
          {access.records.slice(0, MOST).map((one) => (
            <p key={`${one.submission} ${one.row} ${one.hit}`} className="small">
              {t("records.row", { submission: one.submission, row: one.row })} {one.hit && t("audit.hit")}
            </p>
          ))}
          {access.records.length > MOST && <p className="small">{t("sources.more", { count: access.records.length - MOST })}</p>}
        </details>
      </td>
    </tr>
  );
}

/** So many records of one read are listed. */
const MOST = 100;
