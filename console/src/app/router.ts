/** Addresses of screens: `/console/<screen>/<handle>`. Nothing of a person is in them: a handle means nothing elsewhere. */
import { useSyncExternalStore } from "react";

const BASE = "/console/";
const listeners = new Set<() => void>();

export interface Place {
  screen: string;
  id: string;
}

export function go(path: string): void {
  window.history.pushState(null, "", BASE + path);
  for (const changed of listeners) changed();
}

export const hrefOf = (path: string): string => BASE + path;

function subscribe(changed: () => void): () => void {
  listeners.add(changed);
  window.addEventListener("popstate", changed);
  return () => {
    listeners.delete(changed);
    window.removeEventListener("popstate", changed);
  };
}

export function placeOf(pathname: string): Place {
  const [screen = "", id = ""] = pathname.startsWith(BASE) ? pathname.slice(BASE.length).split("/") : [];
  return { screen: screen || "search", id: decodeURIComponent(id) };
}

export function usePlace(): Place {
  return placeOf(useSyncExternalStore(subscribe, () => window.location.pathname));
}
