import { useEffect } from "react";
import { Button } from "react-aria-components";
import { useText } from "../../i18n/texts";
import { login } from "../../wire/session";

/** Nobody is logged in: leads to the identity provider. */
export default function LoginScreen() {
  const t = useText();
  useEffect(() => {
    document.title = `${t("login.title")} · ${t("product")}`;
  }, [t]);
  return (
    <main className="login">
      <h1>{t("product")}</h1>
      <p>{t("login.text")}</p>
      <Button autoFocus onPress={login}>
        {t("login.go")}
      </Button>
    </main>
  );
}
