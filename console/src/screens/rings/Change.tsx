import { useText } from "../../i18n/texts";
import { nameOf } from "../../kit/names";
import type { RingFile } from "../../wire/rings";

/** How a ring changed since the search before that found it: who joined, and who left. */
export function Change({ file }: { file: RingFile }) {
  const t = useText();
  const { change } = file;
  const entities = new Map(file.entities.map((one) => [one.handle, one]));
  const named = (handle: string): string => {
    const entity = entities.get(handle);
    return (entity && nameOf(entity)) ?? t("ring.elsewhere");
  };
  return (
    <>
      <h2>{t("ring.change")}</h2>
      {change === null ? (
        <p className="empty">{t("ring.noChange")}</p>
      ) : (
        <>
          <p>{t("ring.change.text", { then: change.earlierAccounts ?? 0, now: change.laterAccounts ?? 0 })}</p>
          <dl>
            <div>
              <dt>{t("ring.joined", { count: change.joined.length })}</dt>
              <dd>{change.joined.map(named).join(", ")}</dd>
            </div>
            <div>
              <dt>{t("ring.left", { count: change.left.length })}</dt>
              <dd>{change.left.map(named).join(", ")}</dd>
            </div>
          </dl>
        </>
      )}
    </>
  );
}
