import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useMemo } from "react";
import { useDesk } from "../app/desk";
import { keyOfFile, makeKey, nameOf, readKey, type Held } from "../evidence/keyring";

/** The key that the person signs with here: the one of this device, or that of a file that was chosen on this page. */
export function useKey() {
  const { session, service } = useDesk();
  const queries = useQueryClient();
  const place = useMemo(() => ({ origin: service.origin, org: session.org }), [service.origin, session.org]);
  const name = nameOf(place, session.person);
  const queryKey = ["key", name];
  const kept = useQuery<Held | null>({ queryKey, queryFn: () => readKey(name), staleTime: Infinity, gcTime: Infinity, structuralSharing: false });
  return {
    place,
    key: kept.data ?? null,
    error: kept.error,
    make: async () => queries.setQueryData(queryKey, await makeKey(name)),
    choose: async (file: File) => queries.setQueryData(queryKey, await keyOfFile(await file.text())),
  };
}
