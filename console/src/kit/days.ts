/** Days ahead, as an act and a field for a date have them. */

const DAY = 86_400_000;

/** The day that is so many days ahead, in UTC, as `2026-01-31`. */
export const dayAhead = (days: number): string => new Date(Date.now() + days * DAY).toISOString().slice(0, 10);

/** The end of a day, as acts have moments. */
export const endOf = (day: string): string => `${day}T23:59:59Z`;

/** How far away a moment is, in words: in days, or in hours where it is less than two days. */
export function away(language: string, text: string, now: number): string {
  const hours = (new Date(text).getTime() - now) / 3_600_000;
  const inDays = Math.abs(hours) >= 48;
  return new Intl.RelativeTimeFormat(language, { numeric: "always" }).format(Math.trunc(inDays ? hours / 24 : hours), inDays ? "day" : "hour");
}
