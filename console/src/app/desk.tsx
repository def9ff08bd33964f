/** What all screens share: who asks whom and on what footing, which answers held, and which handling codes are shown. */
import { useQueryClient } from "@tanstack/react-query";
import { createContext, use, useCallback, useEffect, useId, useMemo, useState, type ReactNode } from "react";
import { VerifyError } from "../evidence/errors";
import { act, ask, AskError, NO_FOOTING, type Acted, type Answer, type Asker, type Footing } from "../wire/ask";
import type { Service } from "../wire/service";
import type { Session } from "../wire/session";
import type { Handling } from "../wire/shapes";

interface Desk extends Asker {
  stated: boolean;
  state: (footing: Footing) => void;
  /** Asks a document; the answer was checked. What does not hold also raises the banner. */
  ask: <T>(document: string, variables: Record<string, unknown>) => Promise<Answer<T>>;
  /** Hands a signed act in; its receipt was checked. */
  act: <T>(document: string, compact: string) => Promise<Acted<T>>;
  /** Raises the banner where an error says that something does not hold, and leaves where it says that nobody is logged in. */
  alarm: (error: unknown) => void;
  /** What did not hold: shown until the page is loaded anew. */
  broken: VerifyError | null;
  /** The last entry that an answer was checked against. */
  checked: number | null;
  shown: Map<string, Handling[]>;
  show: (who: string, handlings: Handling[]) => void;
}

const Context = createContext<Desk | null>(null);

export function DeskProvider(props: { session: Session; service: Service; children: ReactNode }) {
  const { session, service, children } = props;
  const queries = useQueryClient();
  const [footing, state] = useState(NO_FOOTING);
  const [broken, setBroken] = useState<VerifyError | null>(null);
  const [checked, setChecked] = useState<number | null>(null);
  const [shown, setShown] = useState(new Map<string, Handling[]>());
  const alarm = useCallback(
    (error: unknown) => {
      if (error instanceof VerifyError) setBroken(error);
      // The session has ended: the entrance finds that out, and nothing stays on screen.
      if (error instanceof AskError && error.code === "no_session") void queries.invalidateQueries({ queryKey: ["session"] });
    },
    [queries],
  );
  const asking = useCallback(
    async <T,>(document: string, variables: Record<string, unknown>): Promise<Answer<T>> => {
      try {
        const answer = await ask<T>({ session, service, footing }, document, variables);
        setChecked(answer.report.index);
        return answer;
      } catch (error) {
        alarm(error);
        throw error;
      }
    },
    [session, service, footing, alarm],
  );
  const acting = useCallback(
    async <T,>(document: string, compact: string): Promise<Acted<T>> => {
      try {
        const acted = await act<T>({ session, service, footing }, document, compact);
        setChecked(acted.index);
        return acted;
      } catch (error) {
        alarm(error);
        throw error;
      }
    },
    [session, service, footing, alarm],
  );
  const show = useCallback((who: string, handlings: Handling[]) => {
    setShown((before) => {
      const after = new Map(before);
      if (handlings.length) after.set(who, handlings);
      else after.delete(who);
      return after;
    });
  }, []);
  const stated = footing.purpose !== "" && footing.legalBasis !== "" && footing.case !== "";
  const desk = useMemo(
    () => ({ session, service, footing, stated, state, ask: asking, act: acting, alarm, broken, checked, shown, show }),
    [session, service, footing, stated, asking, acting, alarm, broken, checked, shown, show],
  );
  return <Context value={desk}>{children}</Context>;
}

export function useDesk(): Desk {
  const desk = use(Context);
  if (desk === null) throw new Error("no desk");
  return desk;
}

/** Tell the header which handling codes a part of the screen shows, as long as it is there. */
export function useOnScreen(handlings: Handling[]): void {
  const { show } = useDesk();
  const who = useId();
  const written = JSON.stringify([...new Map(handlings.map((one) => [`${one.scheme} ${one.code}`, one])).values()]);
  useEffect(() => {
    show(who, JSON.parse(written) as Handling[]);
    return () => show(who, []);
  }, [show, who, written]);
}
