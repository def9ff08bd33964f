import { Suspense, useEffect, useRef } from "react";
import { useText } from "../i18n/texts";
import { Link } from "../kit/Link";
import { useKeys } from "../kit/keys";
import { Banner } from "./Banner";
import { Header } from "./Header";
import { go, usePlace } from "./router";
import { SCREENS } from "./screens";

/** Header, navigation and the screen that the address names. */
export function Frame() {
  const t = useText();
  const place = usePlace();
  const main = useRef<HTMLElement>(null);
  const first = useRef(true);
  const screen = SCREENS.find((one) => one.path === place.screen);
  const title = t(screen?.title ?? "nav.unknown");
  useEffect(() => {
    document.title = `${title} · ${t("product")}`;
    // Whoever can't see that the screen has changed is told by where the focus is.
    if (!first.current) main.current?.focus();
    first.current = false;
  }, [title, t]);
  useKeys({
    "/": () => (place.screen === "search" ? document.querySelector<HTMLElement>("#question")?.focus() : go("search")),
    "?": () => go("help"),
  });
  return (
    <div className="frame">
      <a className="skip" href="#main">
        {t("skip")}
      </a>
      <Header />
      <Banner />
      <nav className="nav" aria-label={t("nav.label")}>
        {SCREENS.filter((one) => one.nav).map((one) => (
          <Link key={one.path} to={one.path} current={one === screen}>
            {t(one.title)}
          </Link>
        ))}
      </nav>
      <main id="main" ref={main} tabIndex={-1}>
        {screen ? (
          <Suspense fallback={<p role="status">{t("loading")}</p>}>
            <screen.Page id={place.id} />
          </Suspense>
        ) : (
          <>
            <h1>{title}</h1>
            <p>{t("nav.unknown.text")}</p>
          </>
        )}
      </main>
    </div>
  );
}
