import { useText } from "../i18n/texts";
import { useDesk } from "./desk";

/** The red banner: an answer did not hold against its receipt. It stays until the page is loaded anew. */
export function Banner() {
  const t = useText();
  const { broken } = useDesk();
  if (!broken) return null;
  return (
    <div className="banner" role="alert">
      <strong>{t("banner.title")}</strong>
      <p>{t("banner.text")}</p>
      <p>
        <code>{broken.code}</code> {broken.message}
      </p>
    </div>
  );
}
