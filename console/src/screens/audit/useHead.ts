import { useQuery } from "@tanstack/react-query";
import { useDesk } from "../../app/desk";
import { readHead } from "../../wire/log";

/** The log's newest head, checked against what this device has pinned; what does not fit raises the alarm. */
export function useHead() {
  const { service, alarm } = useDesk();
  const { data, error, refetch } = useQuery({
    queryKey: ["head"],
    queryFn: async () => {
      try {
        return await readHead(service);
      } catch (failed) {
        alarm(failed);
        throw failed;
      }
    },
    staleTime: 0,
  });
  /** Read the head again where an entry may have been made after it was read. */
  const reach = (entry: number) => {
    if (data && entry >= data.checkpoint.size) void refetch();
  };
  return { head: data, error, refetch, reach };
}
