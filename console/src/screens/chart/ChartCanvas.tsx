import cytoscape, { type Core } from "cytoscape";
import { useEffect, useImperativeHandle, useRef, type Ref } from "react";
import { elementsOf, styleOf } from "../../chart/canvas";
import type { Chart } from "../../chart/document";
import { useChart, visible } from "../../chart/document";
import { layOut, type Place } from "../../chart/layout";
import { useLanguage, useText, useWord } from "../../i18n/texts";
import { nameOf } from "../../kit/names";

export interface Lens {
  fit: () => void;
  zoom: (factor: number) => void;
  /** The nearest visible node in a direction, as on the screen. */
  neighbour: (handle: string, x: number, y: number) => string | null;
}

interface Props {
  chart: Chart;
  selected: string | null;
  onSelect: (handle: string) => void;
  onExpand: (handle: string) => void;
  lens: Ref<Lens>;
}

/** The drawn chart. It is one application to assistive technology; the outline has all that it has. */
export function ChartCanvas({ chart, selected, onSelect, onExpand, lens }: Props) {
  const t = useText();
  const word = useWord();
  const language = useLanguage();
  const box = useRef<HTMLDivElement>(null);
  const core = useRef<Core | null>(null);
  const { places } = useChart();
  const unseen = useRef(true);
  const handlers = useRef({ onSelect, onExpand });
  useEffect(() => {
    handlers.current = { onSelect, onExpand };
  });
  useEffect(() => {
    const cy = cytoscape({ container: box.current, style: [], boxSelectionEnabled: false, selectionType: "single", minZoom: 0.1, maxZoom: 4 });
    core.current = cy;
    unseen.current = true;
    const dress = () => box.current && cy.style(styleOf(box.current));
    const dark = window.matchMedia("(prefers-color-scheme: dark)");
    dress();
    dark.addEventListener("change", dress);
    cy.on("tap", "node", (event) => handlers.current.onSelect((event.target as cytoscape.NodeSingular).id()));
    cy.on("dbltap", "node", (event) => handlers.current.onExpand((event.target as cytoscape.NodeSingular).id()));
    cy.on("dragfree", "node", (event) => {
      const node = event.target as cytoscape.NodeSingular;
      places.current[node.id()] = { ...node.position() };
    });
    return () => {
      dark.removeEventListener("change", dress);
      cy.destroy();
    };
  }, []);
  useEffect(() => {
    let current = true;
    const { entities, links } = visible(chart);
    const kept = places.current;
    const isNew = entities.some((one) => !kept[one.handle]);
    const order = {
      nodes: entities.map(({ handle }) => ({ id: handle, ...(kept[handle] ? { place: kept[handle] } : {}) })),
      edges: links.map(({ source, target }) => ({ source, target })),
    };
    const draw = (found: Record<string, Place>) => {
      if (!current || !core.current) return;
      places.current = { ...places.current, ...found };
      const cy = core.current;
      const words = { withheld: t("withheldKey"), more: t("chart.moreLinks"), link: (kind: string) => word("link", kind) };
      cy.json({ elements: elementsOf(chart, places.current, words) } as never);
      if (unseen.current) fit(cy);
      unseen.current = false;
      box.current?.setAttribute("data-drawn", String(cy.nodes().length));
    };
    if (isNew) void layOut(order).then(draw);
    else draw({});
    return () => {
      current = false;
    };
    // The texts are those of the language.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [chart, language]);
  useEffect(() => {
    const cy = core.current;
    if (!cy) return;
    cy.elements().unselect();
    if (selected) cy.getElementById(selected).select();
  }, [selected, chart]);
  useImperativeHandle(lens, () => ({
    fit: () => core.current && fit(core.current),
    zoom: (factor) => {
      const cy = core.current;
      if (cy) cy.zoom({ level: factor ? cy.zoom() * factor : 1, renderedPosition: { x: cy.width() / 2, y: cy.height() / 2 } });
    },
    neighbour: (handle, x, y) => (core.current ? nearest(core.current, handle, x, y) : null),
  }));
  const entity = selected ? chart.entities.get(selected) : undefined;
  return (
    <>
      <div ref={box} className="canvas" role="application" tabIndex={0} aria-label={t("chart.canvas", { count: visible(chart).entities.length })} aria-describedby="chart-said" />
      <p id="chart-said" className="unseen" aria-live="polite">
        {entity ? t("chart.selected", { kind: word("kind", entity.kind), name: nameOf(entity) ?? t("withheldKey") }) : ""}
      </p>
    </>
  );
}

/** All of it on screen, but no larger than it was drawn for. */
function fit(cy: Core): void {
  cy.fit(undefined, 50);
  if (cy.zoom() > 1.2) {
    cy.zoom(1.2);
    cy.center();
  }
}

function nearest(cy: Core, handle: string, x: number, y: number): string | null {
  const from = cy.getElementById(handle);
  if (from.empty()) return null;
  const here = from.position();
  const found = (from as cytoscape.NodeSingular)
    .neighborhood("node")
    .toArray()
    .map((node) => {
      const place = (node as cytoscape.NodeSingular).position();
      const [dx, dy] = [place.x - here.x, place.y - here.y];
      const along = dx * x + dy * y;
      return { id: node.id(), along, far: Math.hypot(dx, dy) };
    })
    .filter((one) => one.along > 0.35 * one.far)
    .sort((a, b) => a.far - b.far);
  return found[0]?.id ?? null;
}
