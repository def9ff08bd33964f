/** The chart as a tree: each entity once with all its links below, and a mention wherever another link leads to it. */
import { linkId, visible, type Chart } from "./document";
import type { Entity, Link } from "../wire/shapes";

export interface Twig {
  id: string;
  entity: Entity;
  /** The claims of the link that leads here; none at a root. */
  links: Link[];
  /** Whether the entity stands in full elsewhere. */
  again: boolean;
  twigs: Twig[];
}

/** The roots (the start first, then what hangs on nothing that is visible), and all twigs in order. */
export function outlineOf(chart: Chart): { roots: Twig[]; rows: Twig[] } {
  const { entities, links } = visible(chart);
  const byHandle = new Map(entities.map((one) => [one.handle, one]));
  const around = new Map<string, Link[]>();
  for (const link of links) {
    for (const end of new Set([link.source, link.target])) around.set(end, [...(around.get(end) ?? []), link]);
  }
  const rows: Twig[] = [];
  const placed = new Set<string>();
  const told = new Set<string>();
  const grow = (root: Entity): Twig => {
    const first: Twig = { id: root.handle, entity: root, links: [], again: false, twigs: [] };
    placed.add(root.handle);
    // Breadth first, so that each entity stands as near to the start as it is.
    const queue = [first];
    for (let twig = queue.shift(); twig; twig = queue.shift()) {
      for (const link of around.get(twig.entity.handle) ?? []) {
        if (told.has(linkId(link))) continue;
        told.add(linkId(link));
        const other = byHandle.get(link.source === twig.entity.handle ? link.target : link.source);
        if (!other) continue;
        const there = twig.twigs.find((one) => one.entity === other && one.links[0]?.kind === link.kind);
        if (there) {
          there.links.push(link);
          continue;
        }
        const again = placed.has(other.handle);
        const found: Twig = { id: again ? `${twig.id} ${linkId(link)}` : other.handle, entity: other, links: [link], again, twigs: [] };
        twig.twigs.push(found);
        placed.add(other.handle);
        if (!again) queue.push(found);
      }
    }
    return first;
  };
  const start = byHandle.get(chart.start);
  const roots = start ? [grow(start)] : [];
  for (const entity of entities) if (!placed.has(entity.handle)) roots.push(grow(entity));
  const walk = (twig: Twig): void => {
    rows.push(twig);
    twig.twigs.forEach(walk);
  };
  roots.forEach(walk);
  return { roots, rows };
}
