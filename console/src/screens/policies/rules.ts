/** The rules of a file of policies, each with the words that its author wrote above it. */

export interface Rule {
  id: string;
  isPermit: boolean;
  /** The comment above it. */
  words: string;
  text: string;
}

const START = /^@id\("([^"]+)"\)/;
const END = /;\s*$/;

/** Reads the one format of policy files: comments, `@id`, the rule, in lines. What is no rule is left out. */
export function rulesOf(text: string): Rule[] {
  const rules: Rule[] = [];
  let words: string[] = [];
  let rule: string[] = [];
  let id = "";
  for (const line of text.split("\n")) {
    if (id) {
      rule.push(line);
    } else if (line.startsWith("//")) {
      words.push(line.replace(/^\/\/\s?/, ""));
    } else if (START.test(line)) {
      id = START.exec(line)![1]!;
      rule = [line];
    } else if (!line.trim()) {
      words = [];
    }
    if (id && END.test(line)) {
      rules.push({ id, isPermit: /^permit\b/m.test(rule.join("\n")), words: words.join(" "), text: rule.join("\n") });
      [id, words, rule] = ["", [], []];
    }
  }
  return rules;
}
