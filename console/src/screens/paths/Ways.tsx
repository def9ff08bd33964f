import { useQuery } from "@tanstack/react-query";
import { Button } from "react-aria-components";
import { useDesk, useOnScreen } from "../../app/desk";
import { go } from "../../app/router";
import { useChart } from "../../chart/document";
import PATHS from "../../documents/pathsBetween.graphql";
import { useText } from "../../i18n/texts";
import { Failure } from "../../kit/Failure";
import { Problems } from "../../kit/Problems";
import type { Path, PathsData } from "../../wire/shapes";
import { Hops } from "../chart/Hops";

/** What is asked: two ends, how long at most and how many, by which links and in which time. */
export interface Route {
  source: string;
  target: string;
  maxHops: number;
  k: number;
  linkKinds: string[] | null;
  during: { since?: string; until?: string; undated: boolean } | null;
}

/** The shortest paths of a route, each hop with who says so; each can be taken to the chart. */
export function Ways({ route }: { route: Route }) {
  const t = useText();
  const { ask, footing } = useDesk();
  const { act, places } = useChart();
  const { data, error } = useQuery({ queryKey: ["route", footing, route], queryFn: () => ask<PathsData>(PATHS, { ...route }) });
  const found = data?.data.paths;
  useOnScreen((found?.paths ?? []).flatMap((one) => one.links.map((link) => link.record.handling)));
  const chart = (path: Path) => {
    places.current = {};
    act({ type: "begin", expansion: { around: route.source, entities: path.entities, links: path.links, more: true } });
    act({ type: "path", path });
    go(`chart/${encodeURIComponent(route.source)}`);
  };
  return (
    <>
      {error && <Failure error={error} />}
      <Problems problems={data?.problems ?? []} />
      {!data && !error && <p role="status">{t("loading")}</p>}
      {data && <p role="status">{found?.paths.length ? t("paths.found", { count: found.paths.length }) : t("paths.none")}</p>}
      {found?.paths.map((one, at) => (
        <section key={at} className="card" aria-label={t("path.one", { number: at + 1, length: one.length })}>
          <h2>{t("path.one", { number: at + 1, length: one.length })}</h2>
          <Hops path={one} />
          <Button className="quiet" onPress={() => chart(one)}>
            {t("path.show")}
          </Button>
        </section>
      ))}
      {found?.morePaths && <p className="small">{t("path.more")}</p>}
    </>
  );
}
