import { useState } from "react";
import { Button } from "react-aria-components";
import { FootingDialog } from "../../app/FootingDialog";
import { useDesk } from "../../app/desk";
import { useText } from "../../i18n/texts";
import { RingPage } from "./RingPage";
import { Searches } from "./Searches";

/** Rings that searches found: the ranked list, or the page of the one that the address names (`ring@run`). */
export default function RingsScreen({ id }: { id: string }) {
  const t = useText();
  const { stated } = useDesk();
  const [stating, setStating] = useState(!stated);
  const [ring = "", run = ""] = id.split("@");
  return (
    <>
      <FootingDialog isOpen={stating && !stated} onOpenChange={setStating} />
      {!(ring && stated) && <h1>{t("nav.rings")}</h1>}
      {!stated && (
        <div className="note">
          <p>{t("rings.unstated")}</p>
          <Button onPress={() => setStating(true)}>{t("footing.unstated")}</Button>
        </div>
      )}
      {stated && (ring ? <RingPage ring={ring} run={run || null} /> : <Searches />)}
    </>
  );
}
