import { useState } from "react";
import { useDesk } from "../../app/desk";
import { useText } from "../../i18n/texts";
import { Choice } from "../../kit/Choice";
import { RequestList } from "./RequestList";
import { RequestPage } from "./RequestPage";
import { STATES } from "./words";

/** Who may read requests: the service shows others none. */
const READERS = ["officer", "investigator"];
const FILTERS = Object.keys(STATES).filter((one) => one !== "in-force");

/** Requests that came in and went out with their clocks, or the page of the one that the address names. */
export default function RequestsScreen({ id }: { id: string }) {
  return id ? <RequestPage id={id} /> : <Requests />;
}

function Requests() {
  const t = useText();
  const { session } = useDesk();
  const [kind, setKind] = useState<"disclosure" | "preservation">("disclosure");
  const [state, setState] = useState("");
  if (!READERS.some((one) => session.roles.includes(one))) {
    return (
      <>
        <h1>{t("nav.requests")}</h1>
        <p className="note">{t("requests.roles")}</p>
      </>
    );
  }
  return (
    <>
      <h1>{t("nav.requests")}</h1>
      <fieldset className="filters">
        <legend>{t("requests.only")}</legend>
        <Choice
          label={t("requests.kind")}
          value={kind}
          onChange={(one) => setKind(one === "preservation" ? one : "disclosure")}
          options={[
            ["disclosure", t("requests.disclosure")],
            ["preservation", t("requests.preservation")],
          ]}
        />
        <Choice label={t("requests.state")} value={state} onChange={setState} options={FILTERS.map((one) => [one, t(STATES[one]!)])} />
      </fieldset>
      <RequestList kind={kind} role="HELD" state={state || null} />
      <RequestList kind={kind} role="ASKED" state={state || null} />
    </>
  );
}
