import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useDesk, useOnScreen } from "../../app/desk";
import RING from "../../documents/ring.graphql";
import { useText } from "../../i18n/texts";
import { Failure } from "../../kit/Failure";
import { Link } from "../../kit/Link";
import { Problems } from "../../kit/Problems";
import type { KnownRecords } from "../../kit/Sources";
import type { Answer } from "../../wire/ask";
import type { RingData, RingFile } from "../../wire/rings";
import { Around } from "./Around";
import { Change } from "./Change";
import { Grounds } from "./Grounds";
import { Judging } from "./Judging";
import { Members } from "./Members";
import { Reasons } from "./Reasons";
import { RingTable } from "./RingTable";

/** One ring, as a run found it (null: the last that did): who is in it, what it rests on, what lies around it. */
export function RingPage({ ring, run }: { ring: string; run: string | null }) {
  const t = useText();
  const { ask, footing } = useDesk();
  const queries = useQueryClient();
  const { data, error } = useQuery({
    queryKey: ["ring", footing, ring, run],
    queryFn: () => ask<RingData>(RING, { id: ring, run }),
  });
  const looked = async () => {
    await queries.invalidateQueries({ queryKey: ["ring"] });
    await queries.invalidateQueries({ queryKey: ["rings"] });
  };
  return (
    <>
      <p>
        <Link to="rings">{t("ring.back")}</Link>
      </p>
      {error && <Failure error={error} />}
      {!data && !error && <p role="status">{t("loading")}</p>}
      {data && !data.data.ring && (
        <>
          <h1>{t("ring.absent")}</h1>
          <p>{t("ring.absent.text")}</p>
          <Problems problems={data.problems} />
        </>
      )}
      {data?.data.ring && <Report file={data.data.ring} answer={data} onJudged={() => void looked()} />}
    </>
  );
}

function Report({ file, answer, onJudged }: { file: RingFile; answer: Answer<RingData>; onJudged: () => void }) {
  const t = useText();
  const { ring } = file;
  const known = knownOf(answer, file);
  useOnScreen([...known.records.values()].map((one) => one.handling));
  return (
    <>
      <h1>{ring.rank === null ? t("rings.unranked") : t("rings.rank", { rank: ring.rank })}</h1>
      <RingTable rings={[ring]} label={t("ring.summary")} />
      <Judging file={file} known={answer.report.index} onJudged={onJudged} />
      <Reasons file={file} known={known} />
      <Members file={file} />
      <Grounds file={file} known={known} />
      <Around file={file} known={known} />
      <h2>{t("ring.network")}</h2>
      {file.network.length ? <RingTable rings={file.network} label={t("ring.network")} /> : <p className="empty">{t("ring.noNetwork")}</p>}
      <Change file={file} />
    </>
  );
}

/** What is known of the records that the report cites: those of its entities in full, of all others whose they are. */
function knownOf(answer: Answer<RingData>, file: RingFile): KnownRecords {
  const owners = [...answer.report.shown].flatMap(([owner, records]) => [...records.keys()].map((handle): [string, string] => [handle, owner]));
  const records = file.entities.flatMap((one) => one.records);
  return { records: new Map(records.map((one) => [one.handle, one])), owners: new Map(owners) };
}
