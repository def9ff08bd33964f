import type { ReactNode } from "react";

/** What may be wider than the screen: it scrolls by itself, also by keys. */
export function Scroll({ label, children }: { label: string; children: ReactNode }) {
  return (
    <div className="scroll" role="region" aria-label={label} tabIndex={0}>
      {children}
    </div>
  );
}
