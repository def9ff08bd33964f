import { describe, expect, it } from "vitest";
import { reduce, visible, type Expansion } from "../src/chart/document";
import { outlineOf } from "../src/chart/outline";
import type { Entity, Link } from "../src/wire/shapes";

const entity = (handle: string): Entity => ({ handle, kind: "Phone", key: `phone:${handle}`, records: [], recordCount: 0, ownerCount: 0, independentSources: 0, moreRecords: false });
const record = (handle: string, owner = "pasar") => ({ handle, owner, ownerKind: "company", handling: { scheme: "tlp-2.0", code: "AMBER" }, grading: null, circular: false });
const link = (source: string, target: string, by = "r1", owner = "pasar"): Link => ({ kind: "USES", source, target, since: null, until: null, claimCount: 1, independentSources: 1, attributes: [], withheld: [], record: record(by, owner) });

const around = (middle: string, others: string[]): Expansion => ({
  around: middle,
  entities: [middle, ...others].map(entity),
  links: others.map((one) => link(middle, one)),
  more: false,
});
const begun = () => reduce({ past: [], now: null, future: [] }, { type: "begin", expansion: around("a", ["b", "c"]) });
const names = (chart: Parameters<typeof visible>[0]) => visible(chart).entities.map((one) => one.handle).join("");

describe("the chart's document", () => {
  it("adds what is around another entity, and says each link once", () => {
    const more = reduce(begun(), { type: "expand", expansion: { ...around("b", ["a", "d"]), links: [link("a", "b"), link("b", "d")] } });
    expect(names(more.now!)).toBe("abcd");
    expect(more.now!.links).toHaveLength(3);
  });

  it("hides without removing, and each step is undone and done again", () => {
    const hidden = reduce(begun(), { type: "hide", handle: "b" });
    expect([names(hidden.now!), visible(hidden.now!).links.length, hidden.now!.entities.size]).toEqual(["ac", 1, 3]);
    const undone = reduce(hidden, { type: "undo" });
    expect(names(undone.now!)).toBe("abc");
    expect(names(reduce(undone, { type: "redo" }).now!)).toBe("ac");
    expect(reduce(begun(), { type: "undo" })).toEqual(begun());
  });

  it("shows what lies on a path, even if it was hidden", () => {
    const hidden = reduce(begun(), { type: "hide", handle: "c" });
    const path = { length: 1, entities: [entity("c"), entity("e")], links: [link("c", "e")] };
    expect(names(reduce(hidden, { type: "path", path }).now!)).toBe("abce");
  });
});

describe("the outline", () => {
  it("has every visible entity in full once, and every claim", () => {
    const expansion = { ...around("a", ["b", "c"]), links: [link("a", "b"), link("a", "b", "r2", "swiftline"), link("a", "c"), link("b", "c")] };
    const { now } = reduce({ past: [], now: null, future: [] }, { type: "begin", expansion });
    const { rows } = outlineOf({ ...now!, entities: new Map([...now!.entities, ["z", entity("z")]]) });
    expect(rows.filter((one) => !one.again).map((one) => one.entity.handle).sort().join("")).toBe("abcz");
    expect(rows.flatMap((one) => one.links)).toHaveLength(4);
    expect(new Set(rows.map((one) => one.id)).size).toBe(rows.length);
  });
});
