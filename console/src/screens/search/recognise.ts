/**
 * What was typed or pasted may be: kinds of entities with the parts of their key, the likeliest first. The service says
 * in the end what it is and writes it in its canonical form; here only the form of the text is looked at.
 */

export interface Part {
  name: string;
  value: string;
}

/** One way to read a text. `kind` is null for a name; `lacks` is a part that must be chosen first. */
export interface Reading {
  kind: string | null;
  parts: Part[];
  lacks?: "courier";
}

const one = (kind: string, ...parts: [string, string][]): Reading => ({
  kind,
  parts: parts.map(([name, value]) => ({ name, value })),
});

/** All ways to read a text; empty for an empty one. */
export function recognise(written: string, couriers: string[]): Reading[] {
  // Format characters come along when a number is copied from a page.
  const text = written.normalize("NFKC").replace(/\p{Cf}/gu, "").trim().replace(/\s+/g, " ");
  if (!text) return [];
  const certain = addressed(text) ?? numbered(text);
  if (certain) return [certain];
  const readings = [...shipped(text, couriers), ...called(text)];
  // What has as many digits as a number is no name.
  const isName = /\p{L}/u.test(text) && (text.match(/\p{Nd}/gu) ?? []).length < 6;
  return isName ? [...readings, { kind: null, parts: [{ name: "text", value: text }] }] : readings;
}

/** What has a form that nothing else has: addresses and pairs. */
function addressed(text: string): Reading | null {
  if (/^[^\s@]+@[^\s@]+\.[^\s@]+$/.test(text)) return one("Email", ["value", text]);
  if (/^https?:\/\/\S+$/i.test(text) || /^(?:www\.|[a-z0-9-]+\.)+[a-z]{2,}\/\S+$/i.test(text)) return one("Account", ["url", text]);
  const app = /^app:([\w.-]+)\/(\S+)$/i.exec(text);
  if (app) return one("PaymentAccount", ["provider", app[1]!], ["account", app[2]!]);
  const account = /^([a-z][\w.-]+):([^\s:/]\S*)$/i.exec(text);
  if (account && account[1]!.length > 2) return one("Account", ["site", account[1]!], ["id", account[2]!]);
  const plate = /^([A-Z]{2}):\s?([A-Z0-9][A-Z0-9 -]{2,11})$/.exec(text);
  return plate ? one("Vehicle", ["country", plate[1]!], ["plate", plate[2]!]) : null;
}

/** Numbers with a form, and a check digit where the form has one. */
function numbered(text: string): Reading | null {
  const joined = text.replace(/[ -]/g, "");
  if (/^[A-Z]{2}\d{2}[A-Z0-9]{11,30}$/i.test(joined) && isIban(joined.toUpperCase())) return one("PaymentAccount", ["iban", joined]);
  if (/^(?:0x[0-9a-f]{40}|bc1[02-9ac-hj-np-z]{11,71}|[13][1-9A-HJ-NP-Za-km-z]{25,34}|T[1-9A-HJ-NP-Za-km-z]{33})$/.test(text)) {
    return one("PaymentAccount", ["wallet", text]);
  }
  if (/^[A-Z]{2}\d{9}[A-Z]{2}$/i.test(joined)) return one("Parcel", ["waybill", joined]);
  if (/^[A-Z]{3}[UJZ]\d{7}$/i.test(joined)) return one("Container", ["value", joined]);
  if (/^\d{15}$/.test(joined) && isLuhn(joined)) return one("Device", ["imei", joined]);
  return null;
}

/** A waybill, with its courier before it or still to be chosen. */
function shipped(text: string, couriers: string[]): Reading[] {
  const named = /^([\w.&-]+)[ :]+([A-Z0-9][A-Z0-9 -]{5,45})$/i.exec(text);
  if (named && couriers.includes(named[1]!.toLowerCase())) {
    return [one("Parcel", ["courier", named[1]!.toLowerCase()], ["waybill", named[2]!])];
  }
  const joined = text.replace(/[ -]/g, "");
  if (!/^[A-Z0-9]{6,40}$/i.test(joined) || (joined.match(/\d/g) ?? []).length < 6 || /^\+/.test(text)) return [];
  return [{ ...one("Parcel", ["waybill", joined]), lacks: "courier" }];
}

/** A telephone number, in any script and spelling. */
function called(text: string): Reading[] {
  const digits = text.replace(/\D/g, "").length || (text.match(/\p{Nd}/gu) ?? []).length;
  const onlyNumber = /^[+(]?[\p{Nd}\s().\-/‐-―]+$/u.test(text);
  return onlyNumber && digits >= 7 && digits <= 16 ? [one("Phone", ["value", text])] : [];
}

function isIban(text: string): boolean {
  const moved = text.slice(4) + text.slice(0, 4);
  let rest = 0;
  for (const sign of moved) {
    const value = parseInt(sign, 36);
    rest = (rest * (value > 9 ? 100 : 10) + value) % 97;
  }
  return rest === 1;
}

function isLuhn(digits: string): boolean {
  const sum = [...digits].reverse().reduce((total, sign, at) => {
    const value = Number(sign) * (at % 2 ? 2 : 1);
    return total + (value > 9 ? value - 9 : value);
  }, 0);
  return sum % 10 === 0;
}
