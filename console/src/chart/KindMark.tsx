import { lookOf } from "./kinds";

/** The mark of a kind, as on the chart; its name always stands beside it. */
export function KindMark({ kind }: { kind: string }) {
  const { shape, glyph } = lookOf(kind);
  return (
    <span className={`kind shape-${shape} kind-${kind}`} aria-hidden="true">
      {glyph && <img src={glyph} alt="" width={14} height={14} />}
    </span>
  );
}
