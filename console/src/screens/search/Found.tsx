import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useDesk, useOnScreen } from "../../app/desk";
import NAMES from "../../documents/names.graphql";
import SEARCH from "../../documents/search.graphql";
import { useText, useWord } from "../../i18n/texts";
import { Choice } from "../../kit/Choice";
import { Failure } from "../../kit/Failure";
import type { Problem } from "../../wire/ask";
import type { Entity, Match, NamesData, SearchData } from "../../wire/shapes";
import { EntityCard } from "./EntityCard";
import { MatchMark } from "./MatchMark";
import type { Part, Reading } from "./recognise";

/** What is found under one reading of what was typed. */
export function Found({ reading }: { reading: Reading }) {
  const t = useText();
  const word = useWord();
  const { service } = useDesk();
  const [courier, setCourier] = useState("");
  const title = reading.kind === null ? t("search.asName") : t("search.as", { kind: word("kind", reading.kind) });
  const parts = courier ? [{ name: "courier", value: courier }, ...reading.parts] : reading.parts;
  return (
    <section className="found">
      <h2>{title}</h2>
      {reading.lacks && <Choice label={t("search.courier")} value={courier} onChange={setCourier} options={service.couriers.map((one) => [one, one])} />}
      {reading.kind === null ? (
        <Named text={parts[0]?.value ?? ""} />
      ) : reading.lacks && !courier ? null : (
        <Identified kind={reading.kind} parts={parts} />
      )}
    </section>
  );
}

function Identified({ kind, parts }: { kind: string; parts: Part[] }) {
  const { ask, footing } = useDesk();
  const { data, error, isPending } = useQuery({
    queryKey: ["search", footing, kind, parts],
    queryFn: () => ask<SearchData>(SEARCH, { kind, parts, identifiers: [{ kind, parts }] }),
  });
  if (error) return <Failure error={error} />;
  if (isPending) return <Waiting />;
  const [match] = data.data.match ?? [];
  return <Results entities={data.data.search ?? []} match={match ? { found: match, asked: { kind, parts } } : null} problems={data.problems} onlyOwn={data.onlyOwn} />;
}

function Named({ text }: { text: string }) {
  const t = useText();
  const { ask, footing } = useDesk();
  const { data, error, isPending } = useQuery({
    queryKey: ["names", footing, text],
    queryFn: () => ask<NamesData>(NAMES, { text }),
  });
  if (error) return <Failure error={error} />;
  if (isPending) return <Waiting />;
  const found = data.data.searchNames;
  return (
    <>
      {found && found.entityCount > found.entities.length && <p role="status">{t("search.moreNames", { shown: found.entities.length, all: found.entityCount })}</p>}
      <Results entities={found?.entities ?? []} match={null} problems={data.problems} onlyOwn={data.onlyOwn} />
    </>
  );
}

function Waiting() {
  const t = useText();
  return <p role="status">{t("loading")}</p>;
}

interface Resulting {
  entities: Entity[];
  match: { found: Match; asked: { kind: string; parts: Part[] } } | null;
  problems: Problem[];
  onlyOwn: boolean;
}

function Results({ entities, match, problems, onlyOwn }: Resulting) {
  const t = useText();
  const { session } = useDesk();
  useOnScreen(entities.flatMap((one) => one.records.map((record) => record.handling)));
  const isOwn = (entity: Entity): boolean => entity.records.some((record) => record.owner === session.org);
  const own = entities.filter(isOwn);
  const others = entities.filter((one) => !isOwn(one));
  return (
    <>
      {problems.map((one) => (
        <p key={`${one.code} ${one.where}`} className="failure" role="alert">
          {one.message} <code>{one.code}</code>
        </p>
      ))}
      {match && <MatchMark match={match.found} asked={match.asked} shown={new Set(entities.flatMap((one) => one.records.map((record) => record.owner)))} onlyOwn={onlyOwn} />}
      {!match && entities.length === 0 && problems.length === 0 && <p role="status">{t("search.noName")}</p>}
      <Group title={t("search.own")} entities={own} />
      <Group title={t("search.visible")} entities={others} />
    </>
  );
}

function Group({ title, entities }: { title: string; entities: Entity[] }) {
  if (entities.length === 0) return null;
  return (
    <>
      <h3>{title}</h3>
      {entities.map((one) => (
        <EntityCard key={one.handle} entity={one} />
      ))}
    </>
  );
}
