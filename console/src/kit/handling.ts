/** Handling codes: which one is the highest. Only codes of one scheme have an order; other schemes' are all shown. */
import type { Handling } from "../wire/shapes";

export const TLP = ["CLEAR", "GREEN", "AMBER", "AMBER+STRICT", "RED"];
export const TLP_SCHEME = "tlp-2.0";

/** The highest TLP code, and every code of other schemes, each once. */
export function highest(handlings: Handling[]): Handling[] {
  const each = [...new Map(handlings.map((one) => [`${one.scheme} ${one.code}`, one])).values()];
  const rank = (one: Handling): number => (TLP.includes(one.code) ? TLP.indexOf(one.code) : TLP.length);
  const [first] = each.filter((one) => one.scheme === TLP_SCHEME).sort((a, b) => rank(b) - rank(a));
  const others = each.filter((one) => one.scheme !== TLP_SCHEME).sort((a, b) => a.code.localeCompare(b.code));
  return first ? [first, ...others] : others;
}

/** The code as the scheme writes it. */
export const handlingText = (one: Handling): string => (one.scheme === TLP_SCHEME ? `TLP:${one.code}` : `${one.scheme} ${one.code}`);
