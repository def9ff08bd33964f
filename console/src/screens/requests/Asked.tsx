import { moment, useLanguage, useText, useWord } from "../../i18n/texts";
import type { InformationRequest } from "../../wire/requests";
import { Clock } from "./Clock";
import { STATES } from "./words";

/** What is asked for, by whom, why and until when, and what came of it. */
export function Asked({ request }: { request: InformationRequest }) {
  const t = useText();
  const word = useWord();
  const language = useLanguage();
  const { grant } = request;
  const about = [
    ...request.identifiers.map((one) => `${word("kind", one.kind)} ${one.key.slice(one.key.indexOf(":") + 1)}`),
    ...(request.namedRecords.length ? [t("ask.records", { count: request.namedRecords.length })] : []),
  ];
  const groupsOf = (groups: string[]) => groups.map((one) => word("group", one)).join(", ");
  const lines: [string, string][] = [
    [t("request.sides"), t("request.sides.text", { asker: request.asker, holder: request.holder })],
    [t("requests.groups"), groupsOf(request.fieldGroups)],
    [t("request.about"), about.join(", ")],
    [t("footing.purpose"), `${request.purpose} · ${request.legalBasis} · ${request.case}`],
    [t("ask.urgency"), word("urgency", request.urgency)],
    [t("requests.asked"), `${moment(language, request.askedAt)} · ${t("signing.entry", { entry: request.index })}`],
    [t("ask.why"), request.justification],
    [t("request.question"), request.question ?? ""],
    [t("request.reason"), request.reason ?? ""],
    [t("request.reminders"), request.reminders ? String(request.reminders) : ""],
  ];
  return (
    <section className="card" aria-label={t("request.summary")}>
      <p role="status">
        <strong>{t(STATES[request.state] ?? "state.closed")}</strong> · <Clock request={request} />
      </p>
      <dl>
        {lines.map(
          ([name, text]) =>
            text && (
              <div key={name}>
                <dt>{name}</dt>
                <dd>{text}</dd>
              </div>
            ),
        )}
        {grant && (
          <div>
            <dt>{t("request.grant")}</dt>
            <dd>
              {t("request.grant.text", { state: t(STATES[grant.state] ?? "state.closed"), records: grant.records, groups: groupsOf(grant.fieldGroups), until: moment(language, grant.until) })} {grant.conditions}
            </dd>
          </div>
        )}
      </dl>
    </section>
  );
}
