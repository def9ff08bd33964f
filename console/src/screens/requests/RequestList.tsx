import { useInfiniteQuery } from "@tanstack/react-query";
import { Button } from "react-aria-components";
import { useDesk } from "../../app/desk";
import DISCLOSURES from "../../documents/disclosureRequests.graphql";
import PRESERVATIONS from "../../documents/preservationRequests.graphql";
import { moment, useLanguage, useText, useWord } from "../../i18n/texts";
import { Failure } from "../../kit/Failure";
import { Link } from "../../kit/Link";
import { Problems } from "../../kit/Problems";
import { Table } from "../../kit/Table";
import type { InformationRequest, RequestsData, Side } from "../../wire/requests";
import { Clock } from "./Clock";
import { STATES } from "./words";

/** So many come at a time; fewer are the last ones. */
const PAGE = 50;

const listOf = (data: RequestsData): InformationRequest[] => data.disclosureRequests ?? data.preservationRequests ?? [];

/** The requests that the organisation received, or sent, newest first. */
export function RequestList({ kind, role, state }: { kind: "disclosure" | "preservation"; role: Side; state: string | null }) {
  const t = useText();
  const { ask } = useDesk();
  const { data, error, hasNextPage, fetchNextPage, isFetchingNextPage } = useInfiniteQuery({
    queryKey: ["requests", kind, role, state],
    queryFn: ({ pageParam }) => ask<RequestsData>(kind === "disclosure" ? DISCLOSURES : PRESERVATIONS, { role, state, before: pageParam }),
    initialPageParam: null as number | null,
    getNextPageParam: (page) => {
      const listed = listOf(page.data);
      return listed.length < PAGE ? null : listed[listed.length - 1]!.index;
    },
    // Others change them: what is looked at is as of now.
    staleTime: 0,
  });
  const title = t(role === "HELD" ? "requests.received" : "requests.sent");
  const requests = data?.pages.flatMap((page) => listOf(page.data)) ?? [];
  return (
    <section aria-label={title}>
      <h2>{title}</h2>
      {error && <Failure error={error} />}
      <Problems problems={data?.pages.flatMap((page) => page.problems) ?? []} />
      {!data && !error && <p role="status">{t("loading")}</p>}
      {data && requests.length === 0 && <p className="empty">{t("requests.none")}</p>}
      {requests.length > 0 && <Requests requests={requests} role={role} label={`${title}: ${t(kind === "disclosure" ? "requests.disclosure" : "requests.preservation")}`} />}
      {hasNextPage && (
        <Button className="quiet" isDisabled={isFetchingNextPage} onPress={() => void fetchNextPage()}>
          {t("requests.more")}
        </Button>
      )}
    </section>
  );
}

function Requests({ requests, role, label }: { requests: InformationRequest[]; role: Side; label: string }) {
  const t = useText();
  return (
    <Table
      label={label}
      heads={[
        t(role === "HELD" ? "requests.asker" : "requests.holder"),
        t("requests.state"),
        t("requests.clock"),
        t("requests.groups"),
        t("footing.case"),
        t("requests.asked"),
      ]}
    >
      {requests.map((one) => (
        <Row key={one.id} request={one} role={role} />
      ))}
    </Table>
  );
}

function Row({ request, role }: { request: InformationRequest; role: Side }) {
  const t = useText();
  const word = useWord();
  const language = useLanguage();
  return (
    <tr>
      <th scope="row">
        <Link to={`requests/${encodeURIComponent(request.id)}`}>{t("requests.one", { org: role === "HELD" ? request.asker : request.holder, entry: request.index })}</Link>
      </th>
      <td>
        {t(STATES[request.state] ?? "state.closed")} {request.urgency !== "routine" && <strong className="small">{word("urgency", request.urgency)}</strong>}
      </td>
      <td>
        <Clock request={request} />
      </td>
      <td>{request.fieldGroups.map((group) => word("group", group)).join(", ")}</td>
      <td>{request.case}</td>
      <td>{moment(language, request.askedAt)}</td>
    </tr>
  );
}
