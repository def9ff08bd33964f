/** How an entity is called on screen. */
import type { Entity } from "../wire/shapes";

/** What a canonical key says of its form, where the form is plain to see. */
const SCHEME = /^(?:e164|s10|iban|wallet|imei|url):/;

/** The key without its kind; a name that a record gives it where the key says nothing to people; null where withheld. */
export function nameOf(entity: Pick<Entity, "kind" | "key"> & { records?: Entity["records"] }): string | null {
  const called = (entity.records ?? [])
    .flatMap((record) => record.attributes)
    .find((one) => ["name", "displayName", "title", "ref"].includes(one.name));
  if (entity.key === null) return called?.value ?? null;
  const rest = entity.key.slice(entity.key.indexOf(":") + 1).replace(SCHEME, "");
  // A contributor's own number tells nobody else who somebody is.
  return ["Person", "Seizure", "Specimen", "Event", "Case"].includes(entity.kind) && called ? called.value : rest;
}
