import { useQuery } from "@tanstack/react-query";
import { useId, useState } from "react";
import { Button } from "react-aria-components";
import { useDesk } from "../../app/desk";
import { KindMark } from "../../chart/KindMark";
import FIND from "../../documents/find.graphql";
import NAMES from "../../documents/names.graphql";
import { useText, useWord } from "../../i18n/texts";
import { Failure } from "../../kit/Failure";
import { nameOf } from "../../kit/names";
import type { Entity, NamesData, SearchData } from "../../wire/shapes";
import { recognise } from "../search/recognise";

/** One end of a path: found by an identifier or a name, and chosen among what is visible. */
export function EndChoice({ label, chosen, onChoose }: { label: string; chosen: Entity | null; onChoose: (entity: Entity | null) => void }) {
  const t = useText();
  const word = useWord();
  const id = useId();
  const { ask, footing, service } = useDesk();
  const [text, setText] = useState("");
  const [asked, setAsked] = useState("");
  const { data, error, isFetching } = useQuery({
    queryKey: ["end", footing, asked],
    enabled: asked !== "",
    queryFn: async () => {
      const readings = recognise(asked, service.couriers).filter((one) => !one.lacks);
      const found = await Promise.all(
        readings.map(async ({ kind, parts }) =>
          kind === null
            ? ((await ask<NamesData>(NAMES, { text: parts[0]?.value ?? "" })).data.searchNames?.entities ?? [])
            : ((await ask<Pick<SearchData, "search">>(FIND, { kind, parts })).data.search ?? []),
        ),
      );
      return found.flat();
    },
  });
  return (
    <fieldset className="filters end">
      <legend>{label}</legend>
      <div className="field">
        <label htmlFor={id}>{t("search.label")}</label>
        <input
          id={id}
          type="text"
          value={text}
          onChange={(event) => setText(event.target.value)}
          onKeyDown={(event) => {
            if (event.key !== "Enter") return;
            event.preventDefault();
            setAsked(text.trim());
          }}
          autoComplete="off"
          spellCheck={false}
          maxLength={300}
        />
        <Button className="quiet" onPress={() => setAsked(text.trim())}>
          {t("paths.find")}
        </Button>
      </div>
      <div className="found-ends">
        {error && <Failure error={error} />}
        {isFetching && <p role="status">{t("loading")}</p>}
        {data?.length === 0 && <p role="status">{t("paths.notFound")}</p>}
        {data?.map((one) => (
          <label key={one.handle} className="row">
            <input type="radio" name={`${id}end`} checked={chosen?.handle === one.handle} onChange={() => onChoose(one)} />
            <KindMark kind={one.kind} />
            <span className="key">{nameOf(one) ?? t("withheldKey")}</span>
            <span className="small">{word("kind", one.kind)}</span>
          </label>
        ))}
      </div>
    </fieldset>
  );
}
