/**
 * The log as this device knows it: its key, pinned on first use, and the last head that was seen. It is the only thing
 * that the console keeps in the browser's storage, and holds nothing of a person.
 */
import { b64u, same, unb64u, type Bytes } from "./bytes";
import { VerifyError } from "./errors";
import { verifyConsistency } from "./merkle";
import { parseVkey, type Checkpoint, type NoteKey } from "./note";

const NAME = "graphsvc.log";

export interface Pin {
  origin: string;
  key: string;
  size: number;
  root: string;
}

/** The pinned log; null before the first use, or where the storage is shut. */
export function readPin(): Pin | null {
  try {
    const kept: unknown = JSON.parse(localStorage.getItem(NAME) ?? "null");
    return isPin(kept) ? kept : null;
  } catch {
    return null;
  }
}

/** The key to check under: the pinned one, or on first use the one that is told. Throws VerifyError `other_log`. */
export async function pinned(origin: string, told: string): Promise<NoteKey> {
  const pin = readPin();
  if (pin === null) {
    const key = parseVkey(told);
    keep({ origin, key: told, size: 0, root: "" });
    return key;
  }
  if (pin.origin !== origin || pin.key !== told) {
    throw new VerifyError("other_log", "the service names another log, or another key, than this device has pinned");
  }
  return parseVkey(pin.key);
}

let following: Promise<void> = Promise.resolve();

/** Note a checked head: the last one and this are parts of one log. Throws VerifyError `fork`, `bad_consistency`. */
export function seen(origin: string, checkpoint: Checkpoint): Promise<void> {
  // One after the other: answers come in any order.
  const next = following.then(() => follow(origin, checkpoint));
  following = next.catch(() => undefined);
  return next;
}

async function follow(origin: string, checkpoint: Checkpoint): Promise<void> {
  const pin = readPin();
  if (pin === null || pin.origin !== origin) return;
  const root = pin.size ? unb64u(pin.root, 32) : null;
  if (root && pin.size === checkpoint.size && !same(root, checkpoint.root)) {
    throw new VerifyError("fork", "the log has signed two trees of one size");
  }
  if (root && pin.size !== checkpoint.size) {
    const older = { size: pin.size, root };
    const [first, second] = pin.size < checkpoint.size ? [older, checkpoint] : [checkpoint, older];
    const proof = await readConsistency(first.size, second.size);
    verifyConsistency(first.size, second.size, first.root, second.root, proof);
  }
  if (checkpoint.size > pin.size) keep({ ...pin, size: checkpoint.size, root: b64u(checkpoint.root) });
}

async function readConsistency(older: number, newer: number): Promise<Bytes[]> {
  const response = await fetch(`/v1/log/consistency?old=${older}&new=${newer}`);
  if (!response.ok) throw new VerifyError("bad_consistency", "the log gives no proof that it has only grown");
  const { proof } = (await response.json()) as { proof: unknown };
  if (!Array.isArray(proof)) throw new VerifyError("bad_consistency", "the proof is malformed");
  return proof.map((one) => unb64u(one, 32));
}

function keep(pin: Pin): void {
  try {
    localStorage.setItem(NAME, JSON.stringify(pin));
  } catch {
    // Without storage each page load is a first use; answers are checked all the same.
  }
}

function isPin(value: unknown): value is Pin {
  const pin = value as Partial<Pin> | null;
  return (
    pin !== null &&
    typeof pin === "object" &&
    typeof pin.origin === "string" &&
    typeof pin.key === "string" &&
    Number.isSafeInteger(pin.size) &&
    typeof pin.root === "string"
  );
}
