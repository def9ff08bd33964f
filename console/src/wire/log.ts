/** The log's public side, held against what this device knows of it. */
import { textOf, type Bytes } from "../evidence/bytes";
import { parseLeaf, type Leaf } from "../evidence/entry";
import { verifyCheckpoint, type Checkpoint } from "../evidence/note";
import { pinned, readPin, seen } from "../evidence/pin";
import { provenEntry } from "../evidence/tiles";
import { AskError } from "./ask";
import type { Service } from "./service";

/** A head of the log, and the size of the one that this device had before, which it extends; 0: it had none. */
export interface Head {
  checkpoint: Checkpoint;
  before: number;
}

/** The newest head, after it was checked: the log's signature, and that it has only grown. Throws VerifyError. */
export async function readHead(service: Service): Promise<Head> {
  const key = await pinned(service.origin, service.logKey);
  const before = readPin()?.size ?? 0;
  const note = await read("checkpoint");
  if (note === null) throw new AskError("no_checkpoint", "the log gives no checkpoint", "");
  const checkpoint = verifyCheckpoint(textOf(note), key);
  await seen(service.origin, checkpoint);
  return { checkpoint, before };
}

/** The public part of an entry that is in the log under a checked head. Throws VerifyError. */
export const readEntry = async (index: number, head: Head): Promise<Leaf> => parseLeaf(await provenEntry(read, index, head.checkpoint));

async function read(path: string): Promise<Bytes | null> {
  const response = await fetch(`/log/${path}`);
  if (response.status === 404) return null;
  if (!response.ok) throw new AskError(`http_${response.status}`, response.statusText, "");
  return new Uint8Array(await response.arrayBuffer());
}
