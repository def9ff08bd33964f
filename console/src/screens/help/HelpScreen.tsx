import { useText, useWord, type TextKey } from "../../i18n/texts";
import { KindMark } from "../../chart/KindMark";
import { KINDS } from "../../chart/kinds";
import { switchKeys, useKeysOn } from "../../kit/keys";

const KEYS: [string, TextKey][] = [
  ["/", "key.search"],
  ["E", "key.expand"],
  ["P", "key.path"],
  ["H", "key.hide"],
  ["F", "key.fit"],
  ["+ − 0", "key.zoom"],
  ["T", "key.outline"],
  ["← → ↑ ↓", "key.neighbour"],
  ["Enter", "key.drawer"],
  ["Ctrl+Z", "key.undo"],
  ["Esc", "key.escape"],
  ["?", "key.help"],
];

/** Shortcuts, which can be turned off, and what marks mean. */
export default function HelpScreen() {
  const t = useText();
  const word = useWord();
  const keysOn = useKeysOn();
  return (
    <>
      <h1>{t("help.title")}</h1>
      <h2>{t("help.keys")}</h2>
      <p>
        <label>
          <input type="checkbox" checked={keysOn} onChange={(event) => switchKeys(event.target.checked)} /> {t("help.keysOn")}
        </label>
      </p>
      <dl className="keys">
        {KEYS.map(([keys, text]) => (
          <div key={keys}>
            <dt>
              <kbd>{keys}</kbd>
            </dt>
            <dd>{t(text)}</dd>
          </div>
        ))}
      </dl>
      <h2>{t("help.kinds")}</h2>
      <ul className="legend">
        {Object.keys(KINDS).map((kind) => (
          <li key={kind}>
            <KindMark kind={kind} /> {word("kind", kind)}
          </li>
        ))}
      </ul>
      <h2>{t("help.marks")}</h2>
      <dl className="keys">
        <div>
          <dt>{t("match.hit")}</dt>
          <dd>{t("match.hit.text")}</dd>
        </div>
        <div>
          <dt>{t("match.noHit")}</dt>
          <dd>{t("match.noHit.text")}</dd>
        </div>
        <div>
          <dt>{t("match.notAsked")}</dt>
          <dd>{t("match.notAsked.text")}</dd>
        </div>
      </dl>
    </>
  );
}
