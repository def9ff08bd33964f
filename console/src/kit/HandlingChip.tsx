import type { Handling } from "../wire/shapes";
import { handlingText, TLP_SCHEME } from "./handling";

/** A handling code: always its text, for TLP in its colour on black. */
export function HandlingChip({ handling }: { handling: Handling }) {
  const tone = handling.scheme === TLP_SCHEME ? handling.code.toLowerCase().replace("+strict", "") : "neutral";
  return <span className={`chip chip-${tone}`}>{handlingText(handling)}</span>;
}
