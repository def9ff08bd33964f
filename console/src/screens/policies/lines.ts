/** What differs between two texts, line by line. */

export interface Line {
  mark: " " | "+" | "-";
  text: string;
}

/** The lines of both, in order: those of both once, by a longest common subsequence. */
export function linesOf(before: string, after: string): Line[] {
  const [old, fresh] = [before ? before.split("\n") : [], after ? after.split("\n") : []];
  // longest[i][j]: how many lines the texts have in common from line i and line j on.
  const longest = Array.from({ length: old.length + 1 }, () => new Array<number>(fresh.length + 1).fill(0));
  for (let i = old.length - 1; i >= 0; i -= 1) {
    for (let j = fresh.length - 1; j >= 0; j -= 1) {
      longest[i]![j] = old[i] === fresh[j] ? longest[i + 1]![j + 1]! + 1 : Math.max(longest[i + 1]![j]!, longest[i]![j + 1]!);
    }
  }
  const lines: Line[] = [];
  let [i, j] = [0, 0];
  while (i < old.length || j < fresh.length) {
    if (i < old.length && j < fresh.length && old[i] === fresh[j]) {
      lines.push({ mark: " ", text: old[i]! });
      [i, j] = [i + 1, j + 1];
    } else if (i < old.length && (j === fresh.length || longest[i + 1]![j]! >= longest[i]![j + 1]!)) {
      lines.push({ mark: "-", text: old[i]! });
      i += 1;
    } else {
      lines.push({ mark: "+", text: fresh[j]! });
      j += 1;
    }
  }
  return lines;
}
