import { useEffect, useRef, useState } from "react";
import { Tab, TabList, TabPanel, Tabs } from "react-aria-components";
import { FootingDialog } from "../../app/FootingDialog";
import { useDesk, useOnScreen } from "../../app/desk";
import { go } from "../../app/router";
import { useChart, visible, type Chart } from "../../chart/document";
import { useText } from "../../i18n/texts";
import { Failure } from "../../kit/Failure";
import { Link } from "../../kit/Link";
import { useKeys, type Keys } from "../../kit/keys";
import { ChartCanvas, type Lens } from "./ChartCanvas";
import { Drawer } from "./Drawer";
import { Legend } from "./Legend";
import { Outline } from "./Outline";
import { PathPanel } from "./PathPanel";
import { Tools } from "./Tools";
import { useExpanding } from "./useExpanding";
import { useUndoKeys } from "./useUndoKeys";

/** The link chart of one entity. Without one: the chart that was looked at last, or the way to the search. */
export default function ChartScreen({ id }: { id: string }) {
  const t = useText();
  const { stated } = useDesk();
  const { chart, act, places } = useChart();
  const { expand, error, pending } = useExpanding();
  const [stating, setStating] = useState(!stated);
  const wanted = id || chart?.start || "";
  useEffect(() => {
    if (!id && chart?.start) go(`chart/${encodeURIComponent(chart.start)}`);
  }, [id, chart?.start]);
  useEffect(() => {
    if (!wanted || !stated || chart?.start === wanted) return;
    void expand(wanted).then((expansion) => {
      if (!expansion) return;
      places.current = {};
      act({ type: "begin", expansion });
    });
  }, [wanted, stated, chart?.start, expand, act, places]);
  return (
    <>
      <h1 className="unseen">{t("nav.chart")}</h1>
      <FootingDialog isOpen={stating && !stated && wanted !== ""} onOpenChange={setStating} />
      {!wanted && (
        <p className="empty">
          {t("chart.none")} <Link to="search">{t("nav.search")}</Link>
        </p>
      )}
      {wanted && !stated && <p className="note">{t("chart.unstated")}</p>}
      {error && <Failure error={error} />}
      {pending && <p role="status">{t("loading")}</p>}
      {chart && chart.start === wanted && stated && <Desk chart={chart} expand={expand} />}
    </>
  );
}

/** The chart with its tools, as picture and as outline, and what is known of the selected entity. */
function Desk({ chart, expand }: { chart: Chart; expand: ReturnType<typeof useExpanding>["expand"] }) {
  const t = useText();
  const { act } = useChart();
  const lens = useRef<Lens>(null);
  const [tab, setTab] = useState("picture");
  const [selected, setSelected] = useState<string | null>(chart.start);
  const [from, setFrom] = useState<string | null>(null);
  const [ends, setEnds] = useState<[string, string] | null>(null);
  const drawer = useRef<HTMLElement>(null);
  const tabs = useRef<HTMLDivElement>(null);
  const { entities, links } = visible(chart);
  useOnScreen([...entities.flatMap((one) => one.records), ...links.map((one) => one.record)].map((one) => one.handling));
  const more = async (handle: string) => {
    const expansion = await expand(handle);
    if (expansion) act({ type: "expand", expansion });
  };
  const hide = (handle: string) => {
    act({ type: "hide", handle });
    setSelected(entities.find((one) => one.handle !== handle)?.handle ?? null);
  };
  const path = (handle: string) => {
    if (from !== null && from !== handle) {
      setEnds([from, handle]);
      setFrom(null);
    } else setFrom(handle);
  };
  const step = (x: number, y: number) => () => {
    const next = selected && lens.current?.neighbour(selected, x, y);
    if (next) setSelected(next);
  };
  const ofSelected = (run: (handle: string) => void) => () => {
    if (selected) run(selected);
  };
  const keys: Keys = {
    e: ofSelected((handle) => void more(handle)),
    p: ofSelected(path),
    h: ofSelected(hide),
    t: () => {
      setTab(tab === "picture" ? "outline" : "picture");
      // The view that had the focus goes; the tab that is chosen now takes it.
      requestAnimationFrame(() => tabs.current?.querySelector<HTMLElement>("[role=tab][aria-selected=true]")?.focus());
    },
    Escape: () => {
      setFrom(null);
      setEnds(null);
    },
  };
  const pictureKeys: Keys = {
    f: () => lens.current?.fit(),
    "+": () => lens.current?.zoom(1.25),
    "-": () => lens.current?.zoom(0.8),
    "0": () => lens.current?.zoom(0),
    ArrowLeft: step(-1, 0),
    ArrowRight: step(1, 0),
    ArrowUp: step(0, -1),
    ArrowDown: step(0, 1),
    Enter: () => drawer.current?.focus(),
  };
  // Arrows and Enter are the picture's only where the picture has the focus; elsewhere they are everybody's.
  const inPicture = () => document.activeElement?.classList.contains("canvas") ?? false;
  const everywhere = Object.fromEntries(Object.entries(pictureKeys).filter(([key]) => key.length === 1));
  useKeys(tab === "picture" ? { ...keys, ...everywhere } : keys);
  useKeys(pictureKeys, inPicture);
  useUndoKeys(act);
  return (
    <div className="desk">
      <Tabs ref={tabs} className="tabs" selectedKey={tab} onSelectionChange={(key) => setTab(String(key))}>
        <div className="row">
          <TabList aria-label={t("chart.tabs")}>
            <Tab id="picture">{t("chart.picture")}</Tab>
            <Tab id="outline">{t("chart.outline")}</Tab>
          </TabList>
          <Tools hidden={chart.hidden.size} lens={tab === "picture" ? lens : null} />
        </div>
        {from && (
          <p className="note" role="status">
            {t("path.from")}
          </p>
        )}
        <TabPanel id="picture" className="panel">
          <ChartCanvas chart={chart} selected={selected} onSelect={setSelected} onExpand={(handle) => void more(handle)} lens={lens} />
          <Legend entities={entities} />
        </TabPanel>
        <TabPanel id="outline" className="panel">
          <Outline chart={chart} selected={selected} onSelect={setSelected} onOpen={() => drawer.current?.focus()} keys={keys} />
        </TabPanel>
      </Tabs>
      <aside className="drawer" ref={drawer} tabIndex={-1} aria-label={t("drawer.label")}>
        {ends && <PathPanel ends={ends} onClose={() => setEnds(null)} />}
        {selected && chart.entities.has(selected) && (
          <Drawer chart={chart} entity={chart.entities.get(selected)!} from={from} onSelect={setSelected} onExpand={() => void more(selected)} onHide={() => hide(selected)} onPath={() => path(selected)} />
        )}
      </aside>
    </div>
  );
}
