import { useQuery } from "@tanstack/react-query";
import { useDesk } from "../../app/desk";
import { KindMark } from "../../chart/KindMark";
import PREVIEW from "../../documents/previewGrant.graphql";
import { useText, useWord } from "../../i18n/texts";
import { Failure } from "../../kit/Failure";
import { Problems } from "../../kit/Problems";
import { Attributes } from "../../kit/RecordList";
import { Redaction } from "../../kit/Redaction";
import { nameOf } from "../../kit/names";
import type { InformationRequest, Preview as Shown, PreviewData } from "../../wire/requests";
import type { Entity, Withheld } from "../../wire/shapes";

/** What is thought of granting. */
export interface Offer {
  records: string[];
  groups: string[];
  uses: string[];
}

/** What the other side will see by a grant, record by record, as the rules in force decide it: asked of the service. */
export function Preview({ request, offer }: { request: InformationRequest; offer: Offer }) {
  const t = useText();
  const { ask } = useDesk();
  const { data, error } = useQuery({
    queryKey: ["preview", request.id, request.lastIndex, offer],
    queryFn: () => ask<PreviewData>(PREVIEW, { request: request.id, records: offer.records, fieldGroups: offer.groups, uses: offer.uses }),
    enabled: offer.records.length > 0 && offer.groups.length > 0,
    staleTime: 0,
  });
  const title = t("preview.title", { org: request.asker });
  return (
    <section className="card preview" aria-label={title}>
      <h3>{title}</h3>
      <div aria-live="polite">
        {offer.records.length === 0 || offer.groups.length === 0 ? (
          <p className="empty">{t("preview.nothing")}</p>
        ) : (
          <>
            {error && <Failure error={error} />}
            <Problems problems={data?.problems ?? []} />
            {!data && !error && <p>{t("loading")}</p>}
            {data?.data.previewGrant?.map((one) => <Record key={one.record} shown={one} />)}
          </>
        )}
      </div>
    </section>
  );
}

function Record({ shown }: { shown: Shown }) {
  const t = useText();
  const word = useWord();
  const names = new Map(shown.entities.map((one) => [one.handle, nameOf(one) ?? t("withheldKey")]));
  return (
    <div className="record">
      {shown.rule && <p className="failure">{t("preview.kept", { rule: shown.rule })}</p>}
      {shown.entities.map((one) => (
        <Thing key={one.handle} entity={one} />
      ))}
      {shown.links.map((one, at) => (
        <div key={`${one.kind} ${at}`}>
          <p>
            {names.get(one.source)} <strong>{word("link", one.kind)}</strong> {names.get(one.target)}
          </p>
          <Attributes attributes={one.attributes} />
        </div>
      ))}
      <Held withheld={[...shown.entities.flatMap((one) => one.records.flatMap((record) => record.withheld)), ...shown.links.flatMap((one) => one.withheld)]} />
      {shown.uses.length > 0 && <p className="small">{t("preview.uses", { uses: shown.uses.map((one) => word("use", one)).join(", ") })}</p>}
    </div>
  );
}

function Thing({ entity }: { entity: Entity }) {
  const t = useText();
  const word = useWord();
  return (
    <>
      <p className="row">
        <KindMark kind={entity.kind} />
        <span className="key">{nameOf(entity) ?? t("withheldKey")}</span>
        <span className="small">{word("kind", entity.kind)}</span>
      </p>
      {entity.records.map((one) => (
        <Attributes key={one.handle} attributes={one.attributes} />
      ))}
    </>
  );
}

/** What is withheld of a record: each group once, whatever is behind it. */
function Held({ withheld }: { withheld: Withheld[] }) {
  const each = new Map(withheld.map((one) => [one.fieldGroup, one]));
  return [...each.values()].map((one) => (
    <p key={one.fieldGroup}>
      <Redaction withheld={one} />
    </p>
  ));
}
