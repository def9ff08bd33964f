import cytoscape from "cytoscape";
import fcose from "cytoscape-fcose";
import type { Order, Place } from "./layout";

cytoscape.use(fcose);

/** Nodes are as large here as they are with their labels, so that labels keep apart. */
const APART = 90;

self.onmessage = (event: MessageEvent<Order>) => {
  const { nodes, edges } = event.data;
  const fixed = nodes.filter((one) => one.place);
  const cy = cytoscape({
    headless: true,
    styleEnabled: true,
    style: [{ selector: "node", style: { width: 120, height: 60 } }],
    elements: [
      ...nodes.map(({ id, place }) => ({ data: { id }, position: { ...(place ?? near(id, event.data)) } })),
      ...edges.map(({ source, target }) => ({ data: { source, target } })),
    ],
  });
  const options = {
    name: "fcose",
    quality: "default",
    randomize: fixed.length === 0,
    animate: false,
    nodeSeparation: APART,
    idealEdgeLength: APART,
    nodeRepulsion: 9000,
    fixedNodeConstraint: fixed.length ? fixed.map(({ id, place }) => ({ nodeId: id, position: place })) : undefined,
  };
  cy.layout(options as cytoscape.LayoutOptions).run();
  const places: Record<string, Place> = {};
  cy.nodes().forEach((node) => {
    places[node.id()] = { ...node.position() };
  });
  // The constraint holds up to rounding; what has a place keeps it to the pixel.
  for (const { id, place } of fixed) if (place) places[id] = place;
  self.postMessage(places);
};

/** A first place for a new node: around a neighbour that has one. */
function near(id: string, { nodes, edges }: Order): Place {
  const at = nodes.findIndex((one) => one.id === id);
  const others = edges.filter((one) => one.source === id || one.target === id).map((one) => (one.source === id ? one.target : one.source));
  const place = nodes.find((one) => one.place && others.includes(one.id))?.place ?? { x: 0, y: 0 };
  const turn = at * 2.399963;
  return { x: place.x + APART * Math.cos(turn), y: place.y + APART * Math.sin(turn) };
}
