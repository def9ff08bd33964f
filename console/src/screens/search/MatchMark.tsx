import { useDesk } from "../../app/desk";
import { useText } from "../../i18n/texts";
import { AskDisclosure } from "../../disclosure/AskDisclosure";
import type { Match } from "../../wire/shapes";
import type { Part } from "./recognise";

/**
 * Hit, no hit and not asked: three marks that can't be taken for one another, and none of them says more than it knows.
 * `asked` is the identifier, `shown` are the owners of the records that stand below; `onlyOwn` says that nobody else was
 * asked, whatever came of it.
 */
export function MatchMark({ match, asked, shown, onlyOwn }: { match: Match; asked: { kind: string; parts: Part[] }; shown: Set<string>; onlyOwn: boolean }) {
  const t = useText();
  const { stated } = useDesk();
  const hidden = match.contacts.filter((one) => !shown.has(one.org));
  if (match.outcome === "NOT_ASKED" || (onlyOwn && hidden.length === 0)) {
    return (
      <div className="mark not-asked" role="status">
        <strong>{t("match.notAsked")}</strong>
        <p>
          {match.problem?.message ?? t("match.onlyOwn")} <code>{match.problem?.code ?? (stated ? "nobody_to_ask" : "no_footing")}</code>
        </p>
      </div>
    );
  }
  if (match.outcome === "NO_HIT") {
    return (
      <div className="mark no-hit" role="status">
        <strong>{t("match.noHit")}</strong>
        <p>{t(shown.size ? "match.noHit.shown" : "match.noHit.text")}</p>
      </div>
    );
  }
  if (hidden.length === 0) {
    return (
      <div className="mark" role="status">
        <strong>{t("match.allShown")}</strong>
        <p>{t("match.allShown.text")}</p>
      </div>
    );
  }
  return (
    <div className="mark hit" role="status">
      <strong>{t("match.hit")}</strong>
      <p>{t("match.hit.text")}</p>
      <ul>
        {hidden.map((one) => (
          <li key={one.org}>
            {one.name} <span className="small">({one.org})</span> · {one.contact}{" "}
            {stated && <AskDisclosure subject={{ holder: one.org, identifiers: [asked], records: [], groups: ["identity"] }} label={t("ask.go.hit")} />}
          </li>
        ))}
      </ul>
    </div>
  );
}
