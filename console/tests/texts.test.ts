import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { LINKS } from "../src/screens/paths/links";

const SRC = join(import.meta.dirname, "..", "src");
const TEXTS = join(SRC, "i18n");
/** Keys that are put together from a code of the schema. */
const FAMILIES = ["kind", "link", "group", "attribute", "holds", "urgency", "use", "axis", "right"];

const read = (language: string): Record<string, string> => JSON.parse(readFileSync(join(TEXTS, `${language}.json`), "utf8"));
const languages = readdirSync(TEXTS).filter((name) => name.endsWith(".json")).map((name) => name.slice(0, -5));
const files = (folder: string): string[] =>
  readdirSync(folder).flatMap((name) => (statSync(join(folder, name)).isDirectory() ? files(join(folder, name)) : [join(folder, name)]));
const source = files(SRC).filter((one) => /\.tsx?$/.test(one)).map((one) => readFileSync(one, "utf8")).join("\n");
const inFamily = (key: string): boolean => FAMILIES.some((one) => key.startsWith(`${one}.`)) && !source.includes(`"${key}"`);

const placeholders = (text: string): string[] => [...text.matchAll(/\{\{(\w+)\}\}/g)].map((one) => one[1]!).sort();

describe("texts", () => {
  const english = read("en");

  it.each(languages)("of %s: every key is there, with its placeholders, and says something", (language) => {
    const texts = read(language);
    expect(Object.keys(texts).sort()).toEqual(Object.keys(english).sort());
    for (const [key, text] of Object.entries(texts)) {
      expect([key, text.trim() !== ""]).toEqual([key, true]);
      expect([key, placeholders(text)]).toEqual([key, placeholders(english[key]!)]);
    }
  });

  it("none is unused", () => {
    expect(Object.keys(english).filter((key) => !inFamily(key) && !source.includes(`"${key}"`))).toEqual([]);
  });

  it("none that is used is missing", () => {
    const used = [...source.matchAll(/\bt\(\s*"([^"]+)"/g)].map((one) => one[1]!);
    expect(used.length).toBeGreaterThan(60);
    expect(used.filter((key) => !(key in english))).toEqual([]);
  });

  it("everything that a column may hold has one", () => {
    const table = readFileSync(join(SRC, "..", "..", "importers", "headings.yaml"), "utf8");
    const held = [...table.matchAll(/^(\w+): \[/gm)].map((one) => `holds.${one[1]}`);
    expect(held.length).toBeGreaterThan(20);
    expect(held.filter((key) => !(key in english))).toEqual([]);
  });

  it("every kind and link of the schema has one", () => {
    const schema = join(SRC, "..", "..", "schema");
    const kinds = readdirSync(join(schema, "entities")).map((name) => `kind.${name.replace(".yaml", "")}`);
    const links = [...readFileSync(join(schema, "links.yaml"), "utf8").matchAll(/^ {2}([A-Z_]+):$/gm)].map((one) => `link.${one[1]}`);
    expect([...kinds, ...links].filter((key) => !(key in english))).toEqual([]);
    expect(LINKS.map((one) => `link.${one}`)).toEqual(links);
  });
});
