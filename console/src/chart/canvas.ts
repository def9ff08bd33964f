/** How the chart is drawn: cytoscape's elements and style from the chart's document. */
import type { ElementDefinition, StylesheetJson } from "cytoscape";
import { isLow } from "../kit/RecordList";
import { nameOf } from "../kit/names";
import { linkId, visible, type Chart } from "./document";
import { lookOf } from "./kinds";
import type { Place } from "./layout";

export interface Words {
  withheld: string;
  more: string;
  link: (kind: string) => string;
}

/** The elements of what is visible. Links of one kind between the same two are one line, however many claims there are. */
export function elementsOf(chart: Chart, places: Record<string, Place>, words: Words): ElementDefinition[] {
  const { entities, links } = visible(chart);
  const nodes = entities.map((entity): ElementDefinition => {
    const { shape, colour, glyph } = lookOf(entity.kind);
    const more = chart.more.has(entity.handle) ? `\n${words.more}` : "";
    const low = entity.records.length > 0 && entity.records.every((one) => isLow(one.grading));
    return {
      data: { id: entity.handle, label: shortened(nameOf(entity) ?? words.withheld) + more, shape, colour, ...(glyph ? { glyph } : {}) },
      classes: [low && "low", chart.path.has(entity.handle) && "path", entity.handle === chart.start && "start"].filter(Boolean).join(" "),
      position: { ...(places[entity.handle] ?? { x: 0, y: 0 }) },
    };
  });
  const lines = new Map<string, ElementDefinition>();
  for (const link of links) {
    const id = `${link.source} ${link.kind} ${link.target}`;
    const onPath = chart.path.has(linkId(link));
    const before = lines.get(id);
    const low = isLow(link.record.grading) && (before ? before.classes?.includes("low") : true);
    const path = onPath || before?.classes?.includes("path");
    lines.set(id, {
      data: { id, source: link.source, target: link.target, label: words.link(link.kind) },
      classes: [low && "low", path && "path"].filter(Boolean).join(" "),
    });
  }
  return [...nodes, ...lines.values()];
}

const shortened = (text: string): string => (text.length > 24 ? `${text.slice(0, 22)}…` : text);

/** The style, in the colours of the page as they are now (light or dark). */
export function styleOf(element: HTMLElement): StylesheetJson {
  const colours = getComputedStyle(element);
  const of = (name: string): string => colours.getPropertyValue(name).trim();
  const [ink, ground, line, focus] = [of("--ink"), of("--ground"), of("--line-strong"), of("--focus")];
  return [
    {
      selector: "node",
      style: {
        shape: "data(shape)" as never,
        "background-color": "data(colour)",
        "background-width": "60%",
        "background-height": "60%",
        width: 34,
        height: 34,
        label: "data(label)",
        "font-size": 11,
        "font-family": "system-ui, sans-serif",
        color: ink,
        "text-valign": "bottom",
        "text-margin-y": 4,
        "text-wrap": "wrap",
        "text-background-color": ground,
        "text-background-opacity": 0.85,
        "text-background-padding": "1px",
        "border-width": 1,
        "border-color": ink,
      },
    },
    { selector: "node[glyph]", style: { "background-image": "data(glyph)" } },
    {
      selector: "edge",
      style: {
        width: 1.5,
        "line-color": line,
        "target-arrow-color": line,
        "target-arrow-shape": "triangle",
        "arrow-scale": 0.8,
        "curve-style": "bezier",
        label: "data(label)",
        "font-size": 9,
        "font-family": "system-ui, sans-serif",
        color: ink,
        "text-rotation": "autorotate",
        "text-background-color": ground,
        "text-background-opacity": 0.85,
        "min-zoomed-font-size": 8,
      },
    },
    { selector: ".low", style: { "line-style": "dashed", "border-style": "dashed", "border-width": 2 } },
    { selector: "node.start", style: { "border-width": 3 } },
    { selector: ".path", style: { "line-color": focus, "target-arrow-color": focus, "border-color": focus, width: 4 } },
    { selector: "node.path", style: { "border-width": 4, width: 38 } },
    { selector: "node:selected", style: { "outline-color": focus, "outline-width": 3, "outline-offset": 3, "border-color": focus } },
  ];
}
