import { useQuery } from "@tanstack/react-query";
import { useId } from "react";
import { Button } from "react-aria-components";
import { useDesk } from "../app/desk";
import CASES from "../documents/cases.graphql";
import REQUEST from "../documents/requestDisclosure.graphql";
import type { Members } from "../evidence/canonical";
import { moment, useLanguage, useText, useWord } from "../i18n/texts";
import { Choice } from "../kit/Choice";
import { Failure } from "../kit/Failure";
import { Ticks } from "../kit/Ticks";
import { dayAhead, endOf } from "../kit/days";
import type { Proposed } from "../signing/SignDialog";
import type { CasesData } from "../wire/shapes";
import type { Subject } from "./AskDisclosure";
import { GROUPS } from "./groups";

const URGENCIES = ["routine", "urgent", "emergency"];
/** So many days the holder has, unless another day is chosen. */
const DAYS = 14;

/** What is written in the form. */
export interface Draft {
  groups: string[];
  urgency: string;
  day: string;
  why: string;
}

interface Props {
  subject: Subject;
  draft: Draft;
  onDraft: (draft: Draft) => void;
  onProposed: (proposed: Proposed) => void;
  onClose: () => void;
}

export const draftOf = (subject: Subject): Draft => ({ groups: subject.groups, urgency: "routine", day: dayAhead(DAYS), why: "" });

/** What is asked for, until when and why; the footing that is stated is part of what will be signed. */
export function AskForm({ subject, draft, onDraft, onProposed, onClose }: Props) {
  const t = useText();
  const word = useWord();
  const language = useLanguage();
  const id = useId();
  const { ask, footing } = useDesk();
  const { groups, urgency, day, why } = draft;
  // What the act says it knows of is the log as it is now: asked anew with each form.
  const known = useQuery({ queryKey: ["known", footing], queryFn: () => ask<CasesData>(CASES, {}), staleTime: 0 });
  const propose = () => {
    if (!known.data) return;
    const deadline = endOf(day);
    const body: Members = {
      holder: subject.holder,
      ...footing,
      deadline,
      urgency: urgency || "routine",
      fieldGroups: groups,
      justification: why.trim(),
      ...(subject.identifiers.length > 0 && { identifiers: subject.identifiers.map(({ kind, parts }) => ({ kind, parts: Object.fromEntries(parts.map((one) => [one.name, one.value])) })) }),
      ...(subject.records.length > 0 && { records: subject.records }),
    };
    const about = [
      ...subject.identifiers.map(({ kind, parts }) => `${word("kind", kind)} ${parts.map((one) => one.value).join(" ")}`),
      ...(subject.records.length ? [t("ask.records", { count: subject.records.length })] : []),
    ].join(", ");
    const words = t("words.ask", {
      holder: subject.holder,
      groups: groups.map((one) => word("group", one)).join(", "),
      about,
      until: moment(language, deadline),
      purpose: footing.purpose,
      basis: footing.legalBasis,
      case: footing.case,
    });
    onProposed({ decision: { kind: "request-disclosure", sub: subject.holder, body, after: known.data.report.index }, words: `${words} ${t("words.text", { text: why.trim() })}`, document: REQUEST });
  };
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        propose();
      }}
    >
      {known.error && <Failure error={known.error} />}
      <p className="small">{t("ask.footing", { purpose: footing.purpose, basis: footing.legalBasis, case: footing.case })}</p>
      <Ticks legend={t("ask.groups")} chosen={groups} onChange={(chosen) => onDraft({ ...draft, groups: chosen })} options={GROUPS.map((one) => [one, word("group", one)])} />
      <Choice label={t("ask.urgency")} value={urgency} onChange={(chosen) => onDraft({ ...draft, urgency: chosen })} options={URGENCIES.map((one) => [one, word("urgency", one)])} />
      <div className="field">
        <label htmlFor={`${id}day`}>{t("ask.deadline")}</label>
        <input id={`${id}day`} type="date" required min={dayAhead(1)} value={day} onChange={(event) => onDraft({ ...draft, day: event.target.value })} />
      </div>
      <label htmlFor={`${id}why`}>{t("ask.why")}</label>
      <textarea id={`${id}why`} rows={3} required maxLength={4_000} value={why} onChange={(event) => onDraft({ ...draft, why: event.target.value })} />
      <div className="row">
        <Button type="submit" isDisabled={!known.data || !groups.length || !why.trim()}>
          {t("ask.go")}
        </Button>
        <Button className="quiet" onPress={onClose}>
          {t("cancel")}
        </Button>
      </div>
    </form>
  );
}
