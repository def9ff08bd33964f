import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { linesOf } from "../src/screens/policies/lines";
import { rulesOf } from "../src/screens/policies/rules";

const POLICIES = join(import.meta.dirname, "..", "..", "policies");
const files = ["shared.cedar", ...["orgs", "rulebooks"].flatMap((folder) => readdirSync(join(POLICIES, folder)).map((name) => `${folder}/${name}`))];

describe("rules of a file", () => {
  it.each(files)("of %s: each is found, whole, with its effect", (name) => {
    const text = readFileSync(join(POLICIES, name), "utf8");
    const rules = rulesOf(text);
    expect(rules.map((one) => one.id)).toEqual([...text.matchAll(/^@id\("([^"]+)"\)/gm)].map((one) => one[1]));
    expect(rules.filter((one) => one.isPermit).length).toBe([...text.matchAll(/^permit/gm)].length);
    for (const one of rules) expect(text).toContain(one.text);
  });

  it("have the words of the comment above them, and not those of the one before", () => {
    const text = '// The file.\n\n// Why.\n// Because.\n@id("a-one")\npermit (\n  principal,\n  action,\n  resource\n);\n\n@id("a-two")\nforbid (principal, action, resource);\n';
    expect(rulesOf(text).map((one) => [one.id, one.isPermit, one.words])).toEqual([
      ["a-one", true, "Why. Because."],
      ["a-two", false, ""],
    ]);
  });
});

describe("lines that differ", () => {
  it("make the one text of the other, with as much as can be kept", () => {
    const [before, after] = ["a\nb\nc\nd", "a\nc\nx\nd\ne"];
    const lines = linesOf(before, after);
    expect(lines.filter((one) => one.mark !== "+").map((one) => one.text).join("\n")).toBe(before);
    expect(lines.filter((one) => one.mark !== "-").map((one) => one.text).join("\n")).toBe(after);
    expect(lines.filter((one) => one.mark === " ").map((one) => one.text)).toEqual(["a", "c", "d"]);
  });

  it("are all of a text that has no other", () => {
    expect(linesOf("", "a\nb").map((one) => one.mark)).toEqual(["+", "+"]);
    expect(linesOf("a", "").map((one) => one.mark)).toEqual(["-"]);
  });
});
