import { useInfiniteQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Button } from "react-aria-components";
import { useDesk } from "../../app/desk";
import RINGS from "../../documents/rings.graphql";
import { useText } from "../../i18n/texts";
import { Failure } from "../../kit/Failure";
import { Problems } from "../../kit/Problems";
import type { RingsData } from "../../wire/rings";
import { NO_FILTER, RingFilters, variablesOf, type Filter } from "./RingFilters";
import { RingTable } from "./RingTable";

/** The rings of a search, ranked, page by page, as far as all that they cite may be seen. */
export function RankedRings({ run }: { run: string }) {
  const t = useText();
  const [filter, setFilter] = useState(NO_FILTER);
  const all = useRings(run, NO_FILTER);
  const { data, error, hasNextPage, fetchNextPage, isFetchingNextPage } = useRings(run, filter);
  const rings = data?.pages.flatMap((page) => page.data.keptRings?.rings ?? []) ?? [];
  const agencies = new Set(all.data?.pages.flatMap((page) => page.data.keptRings?.rings ?? []).flatMap((one) => one.agencies));
  const problems = data?.pages.flatMap((page) => page.problems) ?? [];
  return (
    <>
      <RingFilters filter={filter} agencies={[...agencies].sort()} onChange={setFilter} />
      {error && <Failure error={error} />}
      <Problems problems={problems} />
      {!data && !error && <p role="status">{t("loading")}</p>}
      {data && <p role="status">{t("rings.listed", { count: rings.length })}</p>}
      {rings.length > 0 && <RingTable rings={rings} label={t("nav.rings")} />}
      {hasNextPage && (
        <Button className="quiet" isDisabled={isFetchingNextPage} onPress={() => void fetchNextPage()}>
          {t("rings.more")}
        </Button>
      )}
    </>
  );
}

function useRings(run: string, filter: Filter) {
  const { ask, footing } = useDesk();
  return useInfiniteQuery({
    queryKey: ["rings", footing, run, filter],
    queryFn: ({ pageParam }) => ask<RingsData>(RINGS, { run, filter: variablesOf(filter), afterRing: pageParam }),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.data.keptRings?.nextAfter ?? null,
  });
}
