import { moment, useLanguage, useText, useWord } from "../../i18n/texts";
import { Sources, type KnownRecords } from "../../kit/Sources";
import { Table } from "../../kit/Table";
import { nameOf } from "../../kit/names";
import type { RingFile, Shared } from "../../wire/rings";
import type { Entity } from "../../wire/shapes";
import { EntityLine } from "./EntityLine";

/** What a ring rests on: each thing that its accounts share, who uses it, from when to when, and which records say so. */
export function Grounds({ file, known }: { file: RingFile; known: KnownRecords }) {
  const t = useText();
  const entities = new Map(file.entities.map((one) => [one.handle, one]));
  return (
    <>
      <h2>{t("ring.grounds", { count: file.identifiers.length })}</h2>
      <Table
        label={t("ring.grounds", { count: file.identifiers.length })}
        heads={[
          t("ring.shared"),
          t("ring.usedBy"),
          t("ring.times"),
          t("ring.says"),
        ]}
      >
        {file.identifiers.map((one, at) => (
          <Row key={`${one.identifier} ${one.kind} ${at}`} shared={one} entities={entities} known={known} />
        ))}
      </Table>
    </>
  );
}

function Row({ shared, entities, known }: { shared: Shared; entities: Map<string, Entity>; known: KnownRecords }) {
  const t = useText();
  const word = useWord();
  const language = useLanguage();
  const [since, until] = [moment(language, shared.since), moment(language, shared.until)];
  const names = shared.accounts.map((one) => {
    const entity = entities.get(one);
    return (entity && nameOf(entity)) ?? t("withheldKey");
  });
  return (
    <tr>
      <th scope="row">{shared.identifier === null ? word("link", shared.kind) : <EntityLine entity={entities.get(shared.identifier)} />}</th>
      <td>{names.join(", ")}</td>
      <td>{since || until ? (since === until ? since : `${since || "…"} – ${until || "…"}`) : t("ring.noTimes")}</td>
      <td>
        <Sources handles={shared.records} count={shared.recordCount} known={known} />
      </td>
    </tr>
  );
}
