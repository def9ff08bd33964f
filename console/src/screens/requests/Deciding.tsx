import { useId, useState } from "react";
import { Button } from "react-aria-components";
import { GROUPS } from "../../disclosure/groups";
import DECIDE from "../../documents/decideDisclosure.graphql";
import type { Members } from "../../evidence/canonical";
import { moment, useLanguage, useText, useWord } from "../../i18n/texts";
import { Ticks } from "../../kit/Ticks";
import { dayAhead, endOf } from "../../kit/days";
import { SignDialog, type Proposed } from "../../signing/SignDialog";
import type { RequestFile } from "../../wire/requests";
import { Preview } from "./Preview";

const USES = ["analyse", "export"];
/** So many days a grant lasts, unless another day is chosen. */
const DAYS = 90;

/** The holder grants: which records, which field groups, for what else, until when, on which terms; previewed, then signed. */
export function Deciding({ file, known, onDone }: { file: RequestFile; known: number; onDone: () => void }) {
  const t = useText();
  const word = useWord();
  const language = useLanguage();
  const id = useId();
  const { request } = file;
  const [records, setRecords] = useState(file.records.map((one) => one.handle));
  const [groups, setGroups] = useState(request.fieldGroups);
  const [uses, setUses] = useState<string[]>([]);
  const [day, setDay] = useState(() => dayAhead(DAYS));
  const [conditions, setConditions] = useState("");
  const [proposed, setProposed] = useState<Proposed | null>(null);
  const propose = () => {
    const body: Members = {
      decision: "grant",
      target: { records },
      fieldGroups: groups,
      until: endOf(day),
      ...(uses.length > 0 && { uses }),
      ...(conditions.trim() && { conditions: conditions.trim() }),
    };
    const said = t("words.grant", {
      org: request.asker,
      entry: request.index,
      records: records.length,
      groups: [...groups.map((one) => word("group", one)), ...uses.map((one) => word("use", one))].join(", "),
      until: moment(language, endOf(day)),
      case: request.case,
    });
    setProposed({
      decision: { kind: "decide-disclosure", sub: request.id, body, after: known },
      words: conditions.trim() ? `${said} ${t("words.terms", { text: conditions.trim() })}` : said,
      document: DECIDE,
    });
  };
  return (
    <section className="note" aria-label={t("decide.title")}>
      <h2>{t("decide.title")}</h2>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          propose();
        }}
      >
        <Ticks legend={t("decide.records")} chosen={records} onChange={setRecords} options={file.records.map((one) => [one.handle, t("records.row", { submission: one.submission, row: one.row })])} />
        <Ticks legend={t("decide.groups")} chosen={groups} onChange={setGroups} options={GROUPS.map((one) => [one, `${word("group", one)}${request.fieldGroups.includes(one) ? "" : ` ${t("decide.notAsked")}`}`])} />
        <Ticks legend={t("decide.uses")} chosen={uses} onChange={setUses} options={USES.map((one) => [one, word("use", one)])} />
        <Preview request={request} offer={{ records, groups, uses }} />
        <div className="field">
          <label htmlFor={`${id}day`}>{t("decide.until")}</label>
          <input id={`${id}day`} type="date" required min={dayAhead(1)} value={day} onChange={(event) => setDay(event.target.value)} />
        </div>
        <label htmlFor={`${id}terms`}>{t("decide.conditions")}</label>
        <textarea id={`${id}terms`} rows={2} maxLength={4_000} value={conditions} onChange={(event) => setConditions(event.target.value)} />
        <Button type="submit" isDisabled={!records.length || !groups.length}>
          {t("act.grant")}
        </Button>
      </form>
      <SignDialog proposed={proposed} onClose={() => setProposed(null)} onDone={() => onDone()} />
    </section>
  );
}
