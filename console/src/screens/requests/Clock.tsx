import { moment, useLanguage, useText } from "../../i18n/texts";
import { away } from "../../kit/days";
import type { InformationRequest } from "../../wire/requests";
import { clockOf } from "./words";

/** Until when a request is to be decided, or what it gave lasts; what is overdue says so. */
export function Clock({ request }: { request: InformationRequest }) {
  const t = useText();
  const language = useLanguage();
  const clock = clockOf(request);
  if (!clock) return null;
  const far = away(language, clock.until, Date.now());
  return (
    <>
      {request.overdue && <strong className="overdue">{t("requests.overdue")}</strong>}{" "}
      {t(clock.isDeadline ? "requests.due" : "requests.lasts", { far })} <span className="small">{moment(language, clock.until)} UTC</span>
    </>
  );
}
