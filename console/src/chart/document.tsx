/**
 * The chart's document: what was expanded, what is hidden, selected and highlighted. Every change makes a new state, so
 * each can be undone. Hiding removes nothing, and nothing moves unless the person asks.
 */
import { createContext, use, useMemo, useReducer, useRef, type Dispatch, type ReactNode, type RefObject } from "react";
import type { Entity, Link, Path } from "../wire/shapes";
import type { Place } from "./layout";

export interface Chart {
  start: string;
  entities: Map<string, Entity>;
  links: Link[];
  /** Entities that were expanded; those with more links than were given. */
  expanded: Set<string>;
  more: Set<string>;
  hidden: Set<string>;
  /** Entities and links (by :func:`linkId`) of the path that is highlighted. */
  path: Set<string>;
}

export interface Expansion {
  around: string;
  entities: Entity[];
  links: Link[];
  more: boolean;
}

export type Act =
  | { type: "begin"; expansion: Expansion }
  | { type: "expand"; expansion: Expansion }
  | { type: "path"; path: Path }
  | { type: "hide"; handle: string }
  | { type: "showAll" }
  | { type: "undo" }
  | { type: "redo" };

interface History {
  past: Chart[];
  now: Chart | null;
  future: Chart[];
}

const LONGEST = 100;

export const linkId = (link: Link): string => `${link.source} ${link.kind} ${link.target} ${link.record.handle}`;

function added(chart: Chart, entities: Entity[], links: Link[]): Pick<Chart, "entities" | "links"> {
  const known = new Set(chart.links.map(linkId));
  return {
    entities: new Map([...chart.entities, ...entities.map((one): [string, Entity] => [one.handle, one])]),
    links: [...chart.links, ...links.filter((one) => !known.has(linkId(one)))],
  };
}

const EMPTY: Chart = { start: "", entities: new Map(), links: [], expanded: new Set(), more: new Set(), hidden: new Set(), path: new Set() };

function expanded(chart: Chart, { around, entities, links, more }: Expansion): Chart {
  return {
    ...chart,
    ...added(chart, entities, links),
    expanded: new Set([...chart.expanded, around]),
    more: more ? new Set([...chart.more, around]) : chart.more,
  };
}

function changed(chart: Chart, act: Act): Chart {
  switch (act.type) {
    case "expand":
      return expanded(chart, act.expansion);
    case "path": {
      const shown = [...act.path.entities.map((one) => one.handle), ...act.path.links.map(linkId)];
      const hidden = new Set([...chart.hidden].filter((one) => !shown.includes(one)));
      return { ...chart, ...added(chart, act.path.entities, act.path.links), path: new Set(shown), hidden };
    }
    case "hide":
      return { ...chart, hidden: new Set([...chart.hidden, act.handle]) };
    case "showAll":
      return { ...chart, hidden: new Set() };
    default:
      return chart;
  }
}

export function reduce(history: History, act: Act): History {
  const { past, now, future } = history;
  if (act.type === "begin") {
    return { past: [], now: expanded({ ...EMPTY, start: act.expansion.around }, act.expansion), future: [] };
  }
  if (now === null) return history;
  if (act.type === "undo") {
    const before = past.at(-1);
    return before ? { past: past.slice(0, -1), now: before, future: [now, ...future] } : history;
  }
  if (act.type === "redo") {
    const [after, ...rest] = future;
    return after ? { past: [...past, now], now: after, future: rest } : history;
  }
  return { past: [...past.slice(1 - LONGEST), now], now: changed(now, act), future: [] };
}

/** What is not hidden: entities, and links between two of them. */
export function visible(chart: Chart): { entities: Entity[]; links: Link[] } {
  const entities = [...chart.entities.values()].filter((one) => !chart.hidden.has(one.handle));
  const there = new Set(entities.map((one) => one.handle));
  return { entities, links: chart.links.filter((one) => there.has(one.source) && there.has(one.target)) };
}

interface Held {
  chart: Chart | null;
  canUndo: boolean;
  canRedo: boolean;
  act: Dispatch<Act>;
  /** Where entities lie, as long as the chart lasts: what has a place keeps it. */
  places: RefObject<Record<string, Place>>;
}

const Context = createContext<Held | null>(null);

/** Keeps the chart while other screens are looked at. */
export function ChartProvider({ children }: { children: ReactNode }) {
  const [history, act] = useReducer(reduce, { past: [], now: null, future: [] });
  const places = useRef<Record<string, Place>>({});
  const held = useMemo(
    () => ({ chart: history.now, canUndo: history.past.length > 0, canRedo: history.future.length > 0, act, places }),
    [history],
  );
  return <Context value={held}>{children}</Context>;
}

export function useChart(): Held {
  const held = use(Context);
  if (held === null) throw new Error("no chart");
  return held;
}
