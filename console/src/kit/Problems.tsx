import type { Problem } from "../wire/ask";

/** Fields of an answer that could not be answered: why, with a code. */
export function Problems({ problems }: { problems: Problem[] }) {
  return problems.map((one) => (
    <p key={`${one.code} ${one.where}`} className="failure" role="alert">
      {one.message} <code>{one.code}</code>
    </p>
  ));
}
