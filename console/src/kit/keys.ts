/** Single keys (WCAG 2.1.4): they can be turned off, and never act while something is typed. */
import { useEffect, useRef, useSyncExternalStore } from "react";

let on = true;
const listeners = new Set<() => void>();

export function switchKeys(wanted: boolean): void {
  on = wanted;
  for (const changed of listeners) changed();
}

export function useKeysOn(): boolean {
  return useSyncExternalStore(
    (changed) => {
      listeners.add(changed);
      return () => listeners.delete(changed);
    },
    () => on,
  );
}

export type Keys = Record<string, () => void>;

/** What a key press means: runs it and says whether there was anything. */
export function press(keys: Keys, event: KeyboardEvent | React.KeyboardEvent): boolean {
  const target = event.target as HTMLElement;
  if (!on || event.ctrlKey || event.metaKey || event.altKey) return false;
  if (target.closest("input, textarea, select, [contenteditable], [role=dialog]")) return false;
  const act = keys[event.key] ?? keys[event.key.toLowerCase()];
  if (!act) return false;
  event.preventDefault();
  event.stopPropagation();
  act();
  return true;
}

/** Keys of the whole page, or only while `here` says so. */
export function useKeys(keys: Keys, here?: () => boolean): void {
  const latest = useRef({ keys, here });
  useEffect(() => {
    latest.current = { keys, here };
  });
  useEffect(() => {
    const listen = (event: KeyboardEvent) => {
      if (!event.defaultPrevented && (latest.current.here?.() ?? true)) press(latest.current.keys, event);
    };
    document.addEventListener("keydown", listen);
    return () => document.removeEventListener("keydown", listen);
  }, []);
}
