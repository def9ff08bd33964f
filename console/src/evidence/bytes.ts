/** Bytes and their spellings: base64 and base64url, only in the one canonical spelling. */
import { VerifyError } from "./errors";

export type Bytes = Uint8Array<ArrayBuffer>;

const UTF8 = new TextEncoder();
const STRICT = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export const utf8 = (text: string): Bytes => UTF8.encode(text) as Bytes;

/** The text of bytes in UTF-8. Throws VerifyError `not_json`. */
export function textOf(bytes: Uint8Array): string {
  try {
    return STRICT.decode(bytes);
  } catch {
    throw new VerifyError("not_json", "not text in UTF-8");
  }
}

export function concat(...parts: Uint8Array[]): Bytes {
  const joined = new Uint8Array(parts.reduce((length, one) => length + one.length, 0));
  let at = 0;
  for (const one of parts) {
    joined.set(one, at);
    at += one.length;
  }
  return joined;
}

export function same(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && left.every((one, at) => one === right[at]);
}

export function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (one) => one.toString(16).padStart(2, "0")).join("");
}

export function b64(bytes: Uint8Array): string {
  let text = "";
  for (const one of bytes) text += String.fromCharCode(one);
  return btoa(text);
}

export const b64u = (bytes: Uint8Array): string =>
  b64(bytes).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");

/** The bytes behind standard base64. Throws VerifyError with `code`. */
export function unb64(text: string, code: string): Bytes {
  let bytes: Bytes;
  try {
    const binary = atob(text);
    bytes = Uint8Array.from(binary, (one) => one.charCodeAt(0));
  } catch {
    throw new VerifyError(code, "not standard base64");
  }
  if (b64(bytes) !== text) throw new VerifyError(code, "not the canonical base64 spelling");
  return bytes;
}

/** The bytes behind base64url without padding; `size` is how many there must be. Throws VerifyError `bad_base64`. */
export function unb64u(text: unknown, size?: number): Bytes {
  if (typeof text !== "string" || !/^[A-Za-z0-9_-]*$/.test(text)) {
    throw new VerifyError("bad_base64", "not base64url without padding");
  }
  const padded = text.replaceAll("-", "+").replaceAll("_", "/") + "=".repeat((4 - (text.length % 4)) % 4);
  const bytes = unb64(padded, "bad_base64");
  if (size !== undefined && bytes.length !== size) {
    throw new VerifyError("bad_base64", `${bytes.length} bytes where ${size} are needed`);
  }
  return bytes;
}
