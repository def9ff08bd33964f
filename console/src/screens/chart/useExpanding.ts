import { useCallback, useState } from "react";
import { useDesk } from "../../app/desk";
import type { Expansion } from "../../chart/document";
import EXPAND from "../../documents/expand.graphql";
import type { ExpandData } from "../../wire/shapes";

/** At most this many links an expansion, so at most one more of entities with the one in the middle. */
const LIMIT = 299;

/** Asks what is around an entity. */
export function useExpanding() {
  const { ask } = useDesk();
  const [error, setError] = useState<Error | null>(null);
  const [pending, setPending] = useState(false);
  const expand = useCallback(
    async (around: string): Promise<Expansion | null> => {
      setPending(true);
      setError(null);
      try {
        const { data, problems } = await ask<ExpandData>(EXPAND, { start: around, limit: LIMIT });
        if (problems[0]) setError(new Error(problems[0].message));
        if (!data.expand) return null;
        return { around, entities: data.expand.entities, links: data.expand.links, more: data.expand.moreLinks };
      } catch (failed) {
        setError(failed as Error);
        return null;
      } finally {
        setPending(false);
      }
    },
    [ask],
  );
  return { expand, error, pending };
}
