/** Canonical JSON: RFC 8785, restricted to strings, whole numbers, booleans, null, arrays and objects. */
import { sha256 } from "@noble/hashes/sha2.js";
import { hex, same, textOf, utf8, type Bytes } from "./bytes";
import { VerifyError } from "./errors";

export type Json = null | boolean | number | string | Json[] | { [name: string]: Json };

/** `value` as RFC 8785 text. Throws VerifyError `not_canonical` on what has no such form. */
export function canonicalText(value: unknown): string {
  if (value === null || typeof value === "boolean") return String(value);
  if (typeof value === "string") {
    if (!value.isWellFormed()) throw new VerifyError("not_canonical", "a text holds half a character");
    return JSON.stringify(value);
  }
  if (typeof value === "number") {
    if (!Number.isSafeInteger(value)) throw new VerifyError("not_canonical", "a number is not whole, or out of range");
    return String(value);
  }
  if (Array.isArray(value)) return `[${value.map(canonicalText).join(",")}]`;
  if (typeof value === "object") {
    const members = value as Record<string, unknown>;
    // Texts compare by UTF-16 here, as RFC 8785 asks.
    const names = Object.keys(members).sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
    return `{${names.map((name) => `${canonicalText(name)}:${canonicalText(members[name])}`).join(",")}}`;
  }
  throw new VerifyError("not_canonical", `a ${typeof value} has no canonical form`);
}

export const canonical = (value: unknown): Bytes => utf8(canonicalText(value));

/** The value of canonical JSON bytes. Throws VerifyError `not_canonical` unless they are its exact encoding. */
export function decode(bytes: Uint8Array): Json {
  const value = parse(textOf(bytes));
  if (!same(canonical(value), bytes)) {
    throw new VerifyError("not_canonical", "bytes are not the canonical encoding of their value");
  }
  return value;
}

/** The value of JSON that need not be canonical. Throws VerifyError `not_json`. */
export function parse(text: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch {
    throw new VerifyError("not_json", "not valid JSON");
  }
}

/** `sha256:` and the hexadecimal digits. */
export const digest = (bytes: Uint8Array): string => `sha256:${hex(sha256(bytes))}`;

export type Members = { [name: string]: Json };

/** `value` as an object. Throws VerifyError with `code`. */
export function members(value: Json | undefined, code: string): Members {
  if (value === null || typeof value !== "object" || Array.isArray(value)) {
    throw new VerifyError(code, "an object is needed");
  }
  return value;
}

/** `value` as a list. Throws VerifyError with `code`. */
export function list(value: Json | undefined, code: string): Json[] {
  if (!Array.isArray(value)) throw new VerifyError(code, "a list is needed");
  return value;
}

/** `value` as a text. Throws VerifyError with `code`. */
export function text(value: Json | undefined, code: string): string {
  if (typeof value !== "string") throw new VerifyError(code, "a text is needed");
  return value;
}
