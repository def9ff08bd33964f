import { useText, type TextKey } from "../../i18n/texts";
import { Sources, type KnownRecords } from "../../kit/Sources";
import type { Cited, RingFile } from "../../wire/rings";
import { EntityLine } from "./EntityLine";

/** What lies around a ring: adverts by night, what is offered, seizures, brokers, go-betweens, and hubs left out. */
export function Around({ file, known }: { file: RingFile; known: KnownRecords }) {
  const t = useText();
  const { adverts } = file;
  const lists: [TextKey, Cited[]][] = [
    ["ring.products", file.products],
    ["ring.seizures", file.seizures],
    ["ring.brokers", file.brokers],
    ["ring.goBetweens", file.goBetweens],
    ["ring.hubs", file.excludedHubs],
  ];
  return (
    <>
      <h2>{t("ring.adverts")}</h2>
      {adverts.count ? (
        <>
          <p>{t("ring.adverts.text", { count: adverts.count, timed: adverts.timed, night: adverts.atNight })}</p>
          <Sources handles={adverts.records} count={adverts.recordCount} known={known} />
        </>
      ) : (
        <p className="empty">{t("ring.noAdverts")}</p>
      )}
      {lists.map(([title, some]) => some.length > 0 && <List key={title} title={title} cited={some} file={file} known={known} />)}
    </>
  );
}

function List({ title, cited, file, known }: { title: TextKey; cited: Cited[]; file: RingFile; known: KnownRecords }) {
  const t = useText();
  const entities = new Map(file.entities.map((one) => [one.handle, one]));
  return (
    <>
      <h2>{t(title)}</h2>
      <ul className="records">
        {cited.map((one) => (
          <li key={one.entity} className="record">
            <EntityLine entity={entities.get(one.entity)} />
            <Sources handles={one.records} count={one.recordCount} known={known} />
          </li>
        ))}
      </ul>
    </>
  );
}
