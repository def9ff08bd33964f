import { useDesk } from "../app/desk";
import { useText } from "../i18n/texts";
import type { Withheld } from "../wire/shapes";
import { AskDisclosure } from "./AskDisclosure";
import { GROUPS } from "./groups";

/** A record that is seen in part. */
interface Seen {
  handle: string;
  owner: string;
  withheld: Withheld[];
}

/** At most so many records stand in one request. */
const MOST = 500;

/** The way to ask for what others' records withhold: a request an owner. */
export function AskWithheld({ records }: { records: Seen[] }) {
  const t = useText();
  const { session, stated } = useDesk();
  const held = records.filter((one) => one.withheld.length > 0 && one.owner !== session.org);
  const owners = [...new Set(held.map((one) => one.owner))].sort();
  // Who states no footing has none to ask on.
  if (!stated) return null;
  return owners.map((owner) => {
    const theirs = held.filter((one) => one.owner === owner);
    const handles = [...new Set(theirs.map((one) => one.handle))].slice(0, MOST);
    const withheld = new Set(theirs.flatMap((one) => one.withheld.map((group) => group.fieldGroup)));
    const subject = { holder: owner, identifiers: [], records: handles, groups: GROUPS.filter((one) => withheld.has(one)) };
    return <AskDisclosure key={owner} subject={subject} label={t("ask.from", { owner, count: handles.length })} />;
  });
}
