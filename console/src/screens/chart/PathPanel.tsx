import { useQuery } from "@tanstack/react-query";
import { Button } from "react-aria-components";
import { useDesk } from "../../app/desk";
import { useChart } from "../../chart/document";
import PATHS from "../../documents/paths.graphql";
import { useText } from "../../i18n/texts";
import { Failure } from "../../kit/Failure";
import type { PathsData } from "../../wire/shapes";
import { Hops } from "./Hops";

/** The shortest paths between two entities, hop by hop with who says so; each can be shown on the chart. */
export function PathPanel({ ends, onClose }: { ends: [string, string]; onClose: () => void }) {
  const t = useText();
  const { ask, footing } = useDesk();
  const { act } = useChart();
  const [source, target] = ends;
  const { data, error, isPending } = useQuery({
    queryKey: ["paths", footing, source, target],
    queryFn: () => ask<PathsData>(PATHS, { source, target }),
  });
  const found = data?.data.paths;
  return (
    <section className="paths">
      <h2>{t("path.title")}</h2>
      {error && <Failure error={error} />}
      {isPending && <p role="status">{t("loading")}</p>}
      {found && found.paths.length === 0 && <p role="status">{t("path.none")}</p>}
      {found?.paths.map((one, at) => (
        <section key={one.links.map((link) => link.record.handle).join(" ")} aria-label={t("path.one", { number: at + 1, length: one.length })}>
          <h3>{t("path.one", { number: at + 1, length: one.length })}</h3>
          <Hops path={one} />
          <Button onPress={() => act({ type: "path", path: one })}>{t("path.show")}</Button>
        </section>
      ))}
      {found?.morePaths && <p className="small">{t("path.more")}</p>}
      <Button className="quiet" onPress={onClose}>
        {t("close")}
      </Button>
    </section>
  );
}
