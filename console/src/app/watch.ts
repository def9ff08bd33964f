/** Whether somebody is there. */
import { useEffect, useRef } from "react";

const MINUTE = 60_000;
const RENEW = 10 * MINUTE;

/**
 * Asks for the session anew every ten minutes while somebody works, since its name changes; and once when nobody has for
 * as long as it lasts, so that what is on screen goes with it. A page that nobody looks at does not keep it alive.
 */
export function useWatch(idleSeconds: number, asked: number, ask: () => void): void {
  const state = useRef({ acted: 0, asked, ask, idleSeconds });
  useEffect(() => {
    state.current = { ...state.current, asked, ask, idleSeconds };
  });
  useEffect(() => {
    const act = () => {
      state.current.acted = Date.now();
    };
    act();
    const look = () => {
      const { acted, asked: last, ask: again, idleSeconds: idle } = state.current;
      if (!idle) return;
      const now = Date.now();
      const working = now - acted < RENEW;
      const over = now - Math.max(acted, last) > idle * 1000 + MINUTE;
      if ((working && now - last > RENEW) || over) again();
    };
    const timer = setInterval(look, MINUTE);
    for (const name of ["pointerdown", "keydown"]) document.addEventListener(name, act, true);
    return () => {
      clearInterval(timer);
      for (const name of ["pointerdown", "keydown"]) document.removeEventListener(name, act, true);
    };
  }, []);
}
