/** Kinds by shape, glyph and colour (Okabe and Ito's), never by colour alone. */

export type Shape = "ellipse" | "round-rectangle" | "hexagon" | "rectangle" | "diamond" | "octagon" | "barrel" | "cut-rectangle" | "round-tag" | "pentagon";

export interface Look {
  shape: Shape;
  colour: string;
  glyph: string;
}

const GLYPHS = import.meta.glob<string>("./glyphs/*.svg", { eager: true, query: "?url", import: "default" });
const look = (kind: string, shape: Shape, colour: string): Look => ({ shape, colour, glyph: GLYPHS[`./glyphs/${kind}.svg`] ?? "" });

export const KINDS: Record<string, Look> = {
  Person: look("Person", "ellipse", "#0072b2"),
  Organisation: look("Organisation", "octagon", "#0072b2"),
  Account: look("Account", "round-rectangle", "#e69f00"),
  Phone: look("Phone", "hexagon", "#009e73"),
  Email: look("Email", "hexagon", "#56b4e9"),
  Device: look("Device", "barrel", "#009e73"),
  PaymentAccount: look("PaymentAccount", "barrel", "#f0e442"),
  Address: look("Address", "pentagon", "#0072b2"),
  Vehicle: look("Vehicle", "cut-rectangle", "#000000"),
  Container: look("Container", "cut-rectangle", "#cc79a7"),
  Parcel: look("Parcel", "rectangle", "#cc79a7"),
  Listing: look("Listing", "round-tag", "#e69f00"),
  Image: look("Image", "round-tag", "#56b4e9"),
  Permit: look("Permit", "cut-rectangle", "#0072b2"),
  Specimen: look("Specimen", "octagon", "#d55e00"),
  Taxon: look("Taxon", "ellipse", "#009e73"),
  Seizure: look("Seizure", "diamond", "#d55e00"),
  Case: look("Case", "rectangle", "#000000"),
  Event: look("Event", "pentagon", "#cc79a7"),
};

const OTHER: Look = { shape: "ellipse", colour: "#666666", glyph: "" };

export const lookOf = (kind: string): Look => KINDS[kind] ?? OTHER;
