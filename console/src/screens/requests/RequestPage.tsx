import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useDesk, useOnScreen } from "../../app/desk";
import REQUEST from "../../documents/informationRequest.graphql";
import { useText } from "../../i18n/texts";
import { Failure } from "../../kit/Failure";
import { Link } from "../../kit/Link";
import { Problems } from "../../kit/Problems";
import type { RequestData, RequestFile } from "../../wire/requests";
import { Asked } from "./Asked";
import { Deciding } from "./Deciding";
import { History } from "./History";
import { Meant } from "./Meant";
import { Steps } from "./Steps";

/** The states in which a request is to be decided. */
const OPEN = ["open", "asked-back"];

/** A request as both sides see it: what is asked and why, where it stands, what was done; and what may be done now. */
export function RequestPage({ id }: { id: string }) {
  const t = useText();
  const { ask } = useDesk();
  const queries = useQueryClient();
  const { data, error } = useQuery({
    queryKey: ["requests", "one", id],
    queryFn: () => ask<RequestData>(REQUEST, { id }),
    staleTime: 0,
  });
  const file = data?.data.informationRequest;
  return (
    <>
      <p>
        <Link to="requests">{t("request.back")}</Link>
      </p>
      {error && <Failure error={error} />}
      {!data && !error && <p role="status">{t("loading")}</p>}
      {data && !file && (
        <>
          <h1>{t("request.absent")}</h1>
          <p>{t("request.absent.text")}</p>
          <Problems problems={data.problems} />
        </>
      )}
      {data && file && <Page key={file.request.lastIndex} file={file} known={data.report.index} onChanged={() => void queries.invalidateQueries({ queryKey: ["requests"] })} />}
    </>
  );
}

function Page({ file, known, onChanged }: { file: RequestFile; known: number; onChanged: () => void }) {
  const t = useText();
  const { session } = useDesk();
  const { request } = file;
  const isHolder = request.holder === session.org;
  useOnScreen(file.records.map((one) => one.handling));
  return (
    <>
      <h1>{t(isHolder ? "request.from" : "request.to", { org: isHolder ? request.asker : request.holder, entry: request.index })}</h1>
      <Asked request={request} />
      {isHolder && request.kind === "disclosure" && <Meant file={file} />}
      {isHolder && request.kind === "disclosure" && OPEN.includes(request.state) && file.records.length > 0 && session.roles.includes("officer") && (
        <Deciding file={file} known={known} onDone={onChanged} />
      )}
      <Steps file={file} known={known} isHolder={isHolder} onDone={onChanged} />
      <History file={file} />
    </>
  );
}
