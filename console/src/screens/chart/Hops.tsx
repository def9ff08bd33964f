import { KindMark } from "../../chart/KindMark";
import { useText, useWord } from "../../i18n/texts";
import { nameOf } from "../../kit/names";
import type { Path } from "../../wire/shapes";
import { LinkSource } from "./Drawer";

/** A path, hop by hop: each with all that is claimed of it, and who says so. */
export function Hops({ path }: { path: Path }) {
  const t = useText();
  const word = useWord();
  return (
    <ol className="hops">
      {path.entities.map((entity, at) => {
        const next = path.entities[at + 1];
        // Between two neighbours there may be several claims, either way.
        const links = path.links.filter((one) => next && [`${entity.handle} ${next.handle}`, `${next.handle} ${entity.handle}`].includes(`${one.source} ${one.target}`));
        return (
          <li key={entity.handle}>
            <span className="row">
              <KindMark kind={entity.kind} /> <span className="key">{nameOf(entity) ?? t("withheldKey")}</span>
              <span className="small">{word("kind", entity.kind)}</span>
            </span>
            {links.map((link) => (
              <div key={`${link.kind} ${link.source} ${link.record.handle}`} className="hop">
                <span className="small">
                  {link.source === entity.handle ? "↓" : "↑"} {word("link", link.kind)}
                </span>
                <LinkSource link={link} />
              </div>
            ))}
          </li>
        );
      })}
    </ol>
  );
}
