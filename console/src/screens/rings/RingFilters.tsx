import { useText } from "../../i18n/texts";
import { Choice } from "../../kit/Choice";
import { TAGS, VERDICTS } from "./words";

/** What is wanted of rings; an empty text wants all. */
export interface Filter {
  tag: string;
  significant: string;
  agency: string;
  verdict: string;
}

export const NO_FILTER: Filter = { tag: "", significant: "", agency: "", verdict: "" };

/** A filter as the question takes it. */
export function variablesOf(filter: Filter): Record<string, unknown> {
  return {
    ...(filter.tag && { tag: filter.tag }),
    ...(filter.significant && { significant: filter.significant === "yes" }),
    ...(filter.agency && { agencies: [filter.agency] }),
    ...(filter.verdict && { verdict: filter.verdict }),
  };
}

/** Narrows the list of rings. */
export function RingFilters({ filter, agencies, onChange }: { filter: Filter; agencies: string[]; onChange: (filter: Filter) => void }) {
  const t = useText();
  return (
    <fieldset className="filters">
      <legend>{t("filter.legend")}</legend>
      <Choice label={t("rings.tag")} value={filter.tag} onChange={(tag) => onChange({ ...filter, tag })} options={Object.entries(TAGS).map(([code, key]) => [code, t(key)])} />
      <Choice
        label={t("filter.significant")}
        value={filter.significant}
        onChange={(significant) => onChange({ ...filter, significant })}
        options={[
          ["yes", t("filter.yes")],
          ["no", t("filter.no")],
        ]}
      />
      <Choice label={t("filter.agency")} value={filter.agency} onChange={(agency) => onChange({ ...filter, agency })} options={agencies.map((one) => [one, one])} />
      <Choice label={t("rings.verdict")} value={filter.verdict} onChange={(verdict) => onChange({ ...filter, verdict })} options={Object.entries(VERDICTS).map(([code, key]) => [code, t(key)])} />
    </fieldset>
  );
}
