import { useState } from "react";
import { Button } from "react-aria-components";
import { FootingDialog } from "../../app/FootingDialog";
import { useDesk } from "../../app/desk";
import { useText, useWord } from "../../i18n/texts";
import { Choice } from "../../kit/Choice";
import { Ticks } from "../../kit/Ticks";
import type { Entity } from "../../wire/shapes";
import { EndChoice } from "./EndChoice";
import { LINKS } from "./links";
import { Ways, type Route } from "./Ways";

const HOPS = ["1", "2", "3", "4", "5", "6"];
const COUNTS = ["1", "3", "5", "10"];

/** Paths between two ends: how long at most, by which links, in which time; nothing of it is in the address. */
export default function PathsScreen() {
  const t = useText();
  const { stated } = useDesk();
  const [stating, setStating] = useState(!stated);
  return (
    <>
      <h1>{t("path.title")}</h1>
      <FootingDialog isOpen={stating && !stated} onOpenChange={setStating} />
      {!stated && (
        <div className="note">
          <p>{t("search.unstated")}</p>
          <Button onPress={() => setStating(true)}>{t("footing.unstated")}</Button>
        </div>
      )}
      {stated && <Asking />}
    </>
  );
}

function Asking() {
  const t = useText();
  const word = useWord();
  const [from, setFrom] = useState<Entity | null>(null);
  const [to, setTo] = useState<Entity | null>(null);
  const [hops, setHops] = useState("6");
  const [count, setCount] = useState("3");
  const [kinds, setKinds] = useState<string[]>([]);
  const [since, setSince] = useState("");
  const [until, setUntil] = useState("");
  const [route, setRoute] = useState<Route | null>(null);
  const look = () => {
    if (!from || !to) return;
    const during = since || until ? { ...(since && { since: `${since}T00:00:00Z` }), ...(until && { until: `${until}T23:59:59Z` }), undated: false } : null;
    setRoute({ source: from.handle, target: to.handle, maxHops: Number(hops || "6"), k: Number(count || "3"), linkKinds: kinds.length ? kinds : null, during });
  };
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        look();
      }}
    >
      <EndChoice label={t("paths.from")} chosen={from} onChoose={setFrom} />
      <EndChoice label={t("paths.to")} chosen={to} onChoose={setTo} />
      <fieldset className="filters">
        <legend>{t("paths.only")}</legend>
        <Choice label={t("paths.hops")} value={hops} onChange={setHops} options={HOPS.map((one) => [one, one])} />
        <Choice label={t("paths.count")} value={count} onChange={setCount} options={COUNTS.map((one) => [one, one])} />
        <div className="field">
          <label>
            {t("rings.since")} <input type="date" value={since} onChange={(event) => setSince(event.target.value)} />
          </label>
        </div>
        <div className="field">
          <label>
            {t("rings.until")} <input type="date" value={until} onChange={(event) => setUntil(event.target.value)} />
          </label>
        </div>
      </fieldset>
      <details>
        <summary>{t("paths.kinds")}</summary>
        <Ticks legend={t("paths.kinds")} chosen={kinds} onChange={setKinds} options={LINKS.map((one) => [one, word("link", one)])} />
      </details>
      <p>
        <Button type="submit" isDisabled={!from || !to}>
          {t("paths.go")}
        </Button>
      </p>
      {route && <Ways route={route} />}
    </form>
  );
}
