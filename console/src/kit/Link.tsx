import type { ReactNode } from "react";
import { go, hrefOf } from "../app/router";

/** A link to a screen; opens in place, or in a new tab where the browser is asked for one. */
export function Link(props: { to: string; current?: boolean; className?: string; children: ReactNode }) {
  return (
    <a
      href={hrefOf(props.to)}
      className={props.className}
      aria-current={props.current ? "page" : undefined}
      onClick={(event) => {
        if (event.metaKey || event.ctrlKey || event.shiftKey || event.button !== 0) return;
        event.preventDefault();
        go(props.to);
      }}
    >
      {props.children}
    </a>
  );
}
