import { createRoot } from "react-dom/client";
import "./app/base.css";
import "./kit/kit.css";
import { App } from "./app/App";
import { startTexts } from "./i18n/texts";

// A library empties its live region by assigning an empty text; nothing else may be made into markup.
window.trustedTypes?.createPolicy("default", {
  createHTML: (markup: string) => (markup === "" ? "" : (null as unknown as string)),
});

await startTexts();
createRoot(document.getElementById("root")!).render(<App />);
