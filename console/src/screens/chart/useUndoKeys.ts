import { useEffect, type Dispatch } from "react";
import type { Act } from "../../chart/document";

/** Ctrl+Z undoes what was done to the chart, with Shift it does it again; where text is typed it is the text's. */
export function useUndoKeys(act: Dispatch<Act>): void {
  useEffect(() => {
    const listen = (event: KeyboardEvent) => {
      const typing = (event.target as HTMLElement).matches("input, textarea, select");
      if (typing || !(event.ctrlKey || event.metaKey) || event.key.toLowerCase() !== "z") return;
      event.preventDefault();
      act({ type: event.shiftKey ? "redo" : "undo" });
    };
    document.addEventListener("keydown", listen);
    return () => document.removeEventListener("keydown", listen);
  }, [act]);
}
