import { useQueryClient } from "@tanstack/react-query";
import { Button } from "react-aria-components";
import { LANGUAGES, speak, useLanguage, useText, type Language } from "../i18n/texts";
import { HandlingChip } from "../kit/HandlingChip";
import { highest } from "../kit/handling";
import { logout } from "../wire/session";
import { useDesk } from "./desk";
import { FootingButton } from "./FootingButton";

/** Who asks, on what footing, under which handling code the screen stands, and whether answers held. */
export function Header() {
  const t = useText();
  const desk = useDesk();
  return (
    <header className="header">
      <span className="product">{t("product")}</span>
      <FootingButton />
      <span className="handling-now">
        <HighestHandling />
      </span>
      <Checked />
      <span className="grow" />
      <LanguageChoice />
      <span className="who" title={desk.session.roles.join(", ")}>
        {desk.session.person} · {desk.session.org}
      </span>
      <SignOut />
    </header>
  );
}

function HighestHandling() {
  const t = useText();
  const { shown } = useDesk();
  const codes = highest([...shown.values()].flat());
  if (!codes.length) return null;
  return (
    <>
      <span className="small">{t("header.handling")}</span>
      {codes.map((one) => (
        <HandlingChip key={`${one.scheme} ${one.code}`} handling={one} />
      ))}
    </>
  );
}

function Checked() {
  const t = useText();
  const { broken, checked } = useDesk();
  if (broken || checked === null) return null;
  return (
    <span className="checked" title={t("header.checked.long")}>
      ✓ {t("header.checked", { entry: checked })}
    </span>
  );
}

function LanguageChoice() {
  const t = useText();
  const language = useLanguage();
  return (
    <select aria-label={t("header.language")} value={language} onChange={(event) => void speak(event.target.value as Language)}>
      {Object.entries(LANGUAGES).map(([code, name]) => (
        <option key={code} value={code} lang={code}>
          {name}
        </option>
      ))}
    </select>
  );
}

function SignOut() {
  const t = useText();
  const { session } = useDesk();
  const queries = useQueryClient();
  const leave = async () => {
    await logout(session);
    queries.clear();
    // A fresh page: nothing that was seen stays in its memory.
    window.location.assign("/console/search");
  };
  return (
    <Button className="quiet" onPress={() => void leave()}>
      {t("header.signOut")}
    </Button>
  );
}
