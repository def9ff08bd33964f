import type { RefObject } from "react";
import { Button } from "react-aria-components";
import { useChart } from "../../chart/document";
import { useText } from "../../i18n/texts";
import type { Lens } from "./ChartCanvas";

/** What can be done to the chart as a whole. */
export function Tools({ hidden, lens }: { hidden: number; lens: RefObject<Lens | null> | null }) {
  const t = useText();
  const { act, canRedo, canUndo } = useChart();
  return (
    <div className="row tools">
      <Button className="quiet" isDisabled={!canUndo} onPress={() => act({ type: "undo" })}>
        {t("tool.undo")}
      </Button>
      <Button className="quiet" isDisabled={!canRedo} onPress={() => act({ type: "redo" })}>
        {t("tool.redo")}
      </Button>
      {hidden > 0 && (
        <Button className="quiet" onPress={() => act({ type: "showAll" })}>
          {t("tool.showAll", { count: hidden })}
        </Button>
      )}
      {lens && (
        <>
          <Button className="quiet" aria-label={t("tool.closer")} onPress={() => lens.current?.zoom(1.25)}>
            +
          </Button>
          <Button className="quiet" aria-label={t("tool.further")} onPress={() => lens.current?.zoom(0.8)}>
            −
          </Button>
          <Button className="quiet" onPress={() => lens.current?.fit()}>
            {t("tool.fit")}
          </Button>
        </>
      )}
    </div>
  );
}
