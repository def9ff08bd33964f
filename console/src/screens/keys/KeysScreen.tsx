import { KeyPanel } from "../../signing/KeyPanel";
import { useText } from "../../i18n/texts";

/** The key that acts are signed with on this device. */
export default function KeysScreen() {
  const t = useText();
  return (
    <>
      <h1>{t("signing.key")}</h1>
      <p>{t("signing.text")}</p>
      <KeyPanel />
    </>
  );
}
