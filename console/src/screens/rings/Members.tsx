import { useText } from "../../i18n/texts";
import type { RingFile } from "../../wire/rings";
import { EntityLine } from "./EntityLine";

/** Who is in a ring: the core, held by at least two links each, and the fringe, which is a reason to look and no more. */
export function Members({ file }: { file: RingFile }) {
  const t = useText();
  return (
    <>
      <h2>{t("ring.core", { count: file.core.length })}</h2>
      <List file={file} handles={file.core} />
      <h2>{t("ring.fringe", { count: file.fringe.length })}</h2>
      {file.fringe.length ? <p className="small">{t("ring.fringe.text")}</p> : <p className="empty">{t("ring.noFringe")}</p>}
      <List file={file} handles={file.fringe} />
    </>
  );
}

function List({ file, handles }: { file: RingFile; handles: string[] }) {
  const known = new Map(file.entities.map((one) => [one.handle, one]));
  return (
    <ul className="records">
      {handles.map((one) => (
        <li key={one} className="record">
          <EntityLine entity={known.get(one)} />
        </li>
      ))}
    </ul>
  );
}
