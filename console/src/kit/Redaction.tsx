import { useText, useWord } from "../i18n/texts";
import type { Withheld } from "../wire/shapes";

/** A field group that rules withhold: a block of one length whatever is behind it, who withholds, and by which rule. */
export function Redaction({ withheld }: { withheld: Withheld }) {
  const t = useText();
  const word = useWord();
  return (
    <span className="redaction">
      <span className="block" aria-hidden="true" />
      {t("redaction", { group: word("group", withheld.fieldGroup), owner: withheld.owner, rule: withheld.rule })}
    </span>
  );
}
