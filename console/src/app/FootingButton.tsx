import { Button, DialogTrigger } from "react-aria-components";
import { useText } from "../i18n/texts";
import { useDesk } from "./desk";
import { FootingDialog } from "./FootingDialog";

/** Purpose, legal basis and case, stated once for all questions; pressed to state or change them. */
export function FootingButton() {
  const t = useText();
  const { footing, stated } = useDesk();
  return (
    <DialogTrigger>
      <Button className={stated ? "footing" : "footing unstated"}>
        {stated ? `${footing.purpose} · ${footing.legalBasis} · ${footing.case}` : t("footing.unstated")}
      </Button>
      <FootingDialog />
    </DialogTrigger>
  );
}
