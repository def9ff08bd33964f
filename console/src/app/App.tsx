import { QueryClient, QueryClientProvider, useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { I18nProvider } from "react-aria-components";
import { ChartProvider } from "../chart/document";
import { useLanguage } from "../i18n/texts";
import { Failure } from "../kit/Failure";
import LoginScreen from "../screens/login/LoginScreen";
import { readService } from "../wire/service";
import { readSession } from "../wire/session";
import { DeskProvider } from "./desk";
import { Frame } from "./Frame";
import { useWatch } from "./watch";

const HOLD = 10 * 60_000;

export function App() {
  // Answers are kept in memory alone, and for as long as they may be looked at again.
  const [queries] = useState(() => new QueryClient({ defaultOptions: { queries: { retry: false, staleTime: HOLD, gcTime: HOLD, refetchOnWindowFocus: false } } }));
  const language = useLanguage();
  return (
    <I18nProvider locale={language}>
      <QueryClientProvider client={queries}>
        <Entrance />
      </QueryClientProvider>
    </I18nProvider>
  );
}

function Entrance() {
  const session = useQuery({ queryKey: ["session"], queryFn: readSession });
  useWatch(session.data?.idleSeconds ?? 0, session.dataUpdatedAt, () => void session.refetch());
  const service = useQuery({ queryKey: ["service"], queryFn: readService });
  const queries = useQueryClient();
  const nobody = session.data === null;
  useEffect(() => {
    // Answers to somebody who is not there any more.
    if (nobody) queries.removeQueries({ predicate: (one) => one.queryKey[0] !== "session" && one.queryKey[0] !== "service" });
  }, [nobody, queries]);
  const error = session.error ?? service.error;
  if (error) return <Failure error={error} />;
  if (session.data === undefined || service.data === undefined) return null;
  if (session.data === null) return <LoginScreen />;
  return (
    <DeskProvider session={session.data} service={service.data}>
      <ChartProvider>
        <Frame />
      </ChartProvider>
    </DeskProvider>
  );
}
