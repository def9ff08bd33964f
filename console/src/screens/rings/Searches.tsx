import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useDesk } from "../../app/desk";
import RUNS from "../../documents/runs.graphql";
import { useText } from "../../i18n/texts";
import { Failure } from "../../kit/Failure";
import { Problems } from "../../kit/Problems";
import type { Run, RunsData } from "../../wire/rings";
import { Progress } from "./Progress";
import { RankedRings } from "./RankedRings";
import { RunChoice } from "./RunChoice";
import { SearchForm } from "./SearchForm";

/** So often a search that goes on is looked at. */
const EACH = 2_000;
const goesOn = (run: Run): boolean => run.state === "waiting" || run.state === "running";

/** The searches of the organisation: start one, watch it, and see what one found. */
export function Searches() {
  const t = useText();
  const { ask, footing } = useDesk();
  const [chosen, setChosen] = useState("");
  const { data, error, refetch } = useQuery({
    queryKey: ["runs", footing],
    queryFn: () => ask<RunsData>(RUNS, {}),
    refetchInterval: (query) => (query.state.data?.data.ringRuns?.some(goesOn) ? EACH : false),
    staleTime: 0,
  });
  if (error) return <Failure error={error} />;
  if (!data) return <p role="status">{t("loading")}</p>;
  if (data.problems.length) return <Problems problems={data.problems} />;
  const runs = data.data.ringRuns ?? [];
  const known = data.report.index;
  const ended = runs.filter((one) => one.state === "done");
  const shown = ended.find((one) => one.id === chosen) ?? ended[0];
  return (
    <>
      <SearchForm known={known} onStarted={() => void refetch()} />
      {runs.filter(goesOn).map((one) => (
        <Progress key={one.id} run={one} known={known} onCancelled={() => void refetch()} />
      ))}
      <RunChoice runs={runs} shown={shown ?? null} onChoose={setChosen} />
      {shown ? <RankedRings key={shown.id} run={shown.id} /> : <p className="empty">{t("rings.noRun")}</p>}
    </>
  );
}
