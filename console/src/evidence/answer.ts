/** The bytes of `data` in a GraphQL answer, exactly as they were sent: these are what an entry commits to. */
import { type Bytes } from "./bytes";
import { VerifyError } from "./errors";

const START = '{"data":';
const [QUOTE, BACKSLASH, OPEN, CLOSE, OPEN_LIST, CLOSE_LIST] = [34, 92, 123, 125, 91, 93];

/** Cuts `data` out of an answer. Throws VerifyError `bad_answer` where the answer does not begin with an object there. */
export function dataBytes(answer: Bytes): Bytes {
  const start = START.length;
  const begins = [...START].every((sign, at) => answer[at] === sign.charCodeAt(0));
  if (!begins || answer[start] !== OPEN) throw new VerifyError("bad_answer", "an answer starts with its data");
  let [depth, quoted] = [0, false];
  for (let at = start; at < answer.length; at += 1) {
    const sign = answer[at];
    if (quoted) {
      if (sign === BACKSLASH) at += 1;
      else if (sign === QUOTE) quoted = false;
    } else if (sign === QUOTE) quoted = true;
    else if (sign === OPEN || sign === OPEN_LIST) depth += 1;
    else if (sign === CLOSE || sign === CLOSE_LIST) {
      depth -= 1;
      if (depth === 0) return answer.slice(start, at + 1);
    }
  }
  throw new VerifyError("bad_answer", "the answer's data does not end");
}
