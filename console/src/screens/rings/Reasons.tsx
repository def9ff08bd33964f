import { useText } from "../../i18n/texts";
import { Sources, type KnownRecords } from "../../kit/Sources";
import type { RingFile } from "../../wire/rings";

/** Why this is a ring: each reason with a bar for how many records say so, and the records. */
export function Reasons({ file, known }: { file: RingFile; known: KnownRecords }) {
  const t = useText();
  const most = Math.max(1, ...file.reasons.map((one) => one.recordCount));
  return (
    <>
      <h2>{t("ring.why")}</h2>
      <ul className="records">
        {file.reasons.map((one, at) => (
          <li key={at} className="record">
            <p lang="en" dir="ltr">
              {one.text}
            </p>
            <p className="row">
              <meter min={0} max={most} value={one.recordCount} aria-label={t("ring.weight", { count: one.recordCount })} />
              <span className="small">{t("rings.records", { count: one.recordCount })}</span>
            </p>
            <Sources handles={one.records} count={one.recordCount} known={known} />
          </li>
        ))}
      </ul>
    </>
  );
}
