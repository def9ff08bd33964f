import { useInfiniteQuery } from "@tanstack/react-query";
import { Button } from "react-aria-components";
import { useDesk } from "../../app/desk";
import VERSIONS from "../../documents/policyVersions.graphql";
import { useText } from "../../i18n/texts";
import { Failure } from "../../kit/Failure";
import { Problems } from "../../kit/Problems";
import type { VersionsData } from "../../wire/policies";
import { Rules } from "./Rules";
import { VersionPage } from "./VersionPage";
import { VersionTable } from "./VersionTable";

const PAGE = 50;

/** The policies: what is in force, in words; versions and proposals; and the page of the one that the address names. */
export default function PoliciesScreen({ id }: { id: string }) {
  const t = useText();
  const { ask } = useDesk();
  const { data, error, hasNextPage, fetchNextPage, isFetchingNextPage } = useInfiniteQuery({
    queryKey: ["policies"],
    queryFn: ({ pageParam }) => ask<VersionsData>(VERSIONS, { before: pageParam }),
    initialPageParam: null as number | null,
    // Versions of one entry come together, so fewer than a page are the last ones.
    getNextPageParam: (page) => {
      const listed = page.data.policyVersions ?? [];
      return listed.length < PAGE ? null : listed[listed.length - 1]!.index;
    },
    staleTime: 0,
  });
  const versions = data?.pages.flatMap((page) => page.data.policyVersions ?? []) ?? [];
  const known = Math.max(0, ...(data?.pages.map((page) => page.report.index) ?? []));
  const one = versions.find((version) => (version.object ?? version.version) === id);
  return (
    <>
      {!one && <h1>{t("nav.policies")}</h1>}
      {error && <Failure error={error} />}
      <Problems problems={data?.pages.flatMap((page) => page.problems) ?? []} />
      {!data && !error && <p role="status">{t("loading")}</p>}
      {one && <VersionPage key={one.object ?? one.version} version={one} versions={versions} known={known} />}
      {data && id && !one && <p role="status">{t("policy.absent")}</p>}
      {data && !one && (
        <>
          <h2>{t("policy.versions")}</h2>
          <VersionTable versions={versions} />
          {hasNextPage && (
            <Button className="quiet" isDisabled={isFetchingNextPage} onPress={() => void fetchNextPage()}>
              {t("requests.more")}
            </Button>
          )}
          <h2>{t("policy.now")}</h2>
          {versions
            .filter((version) => version.state === "in-force")
            .map((version) => (
              <Rules key={version.part} version={version} />
            ))}
        </>
      )}
    </>
  );
}
