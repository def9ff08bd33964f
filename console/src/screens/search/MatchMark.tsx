import { useText } from "../../i18n/texts";
import type { Match } from "../../wire/shapes";

/**
 * Hit, no hit and not asked: three marks that can't be taken for one another, and none of them says more than it knows.
 * `shown` are the owners of the records that stand below.
 */
export function MatchMark({ match, shown }: { match: Match; shown: Set<string> }) {
  const t = useText();
  if (match.outcome === "NOT_ASKED") {
    return (
      <div className="mark not-asked" role="status">
        <strong>{t("match.notAsked")}</strong>
        <p>
          {match.problem?.message} <code>{match.problem?.code}</code>
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
  const hidden = match.contacts.filter((one) => !shown.has(one.org));
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
            {one.name} <span className="small">({one.org})</span> · {one.contact}
          </li>
        ))}
      </ul>
      <p className="small">{t("match.request")}</p>
    </div>
  );
}
