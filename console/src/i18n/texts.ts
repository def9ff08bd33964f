/** The texts of the pages, by language. A test finds keys that are missing or unused. */
import i18next from "i18next";
import { useSyncExternalStore } from "react";
import ar from "./ar.json";
import en from "./en.json";

export type TextKey = keyof typeof en;
export type Translate = (key: TextKey, values?: Record<string, string | number>) => string;

export const LANGUAGES = { en: "English", ar: "العربية" } as const;
export type Language = keyof typeof LANGUAGES;

const RIGHT_TO_LEFT = new Set<string>(["ar"]);

/** Begin with the browser's language, as far as it is one of ours. */
export async function startTexts(): Promise<void> {
  const wanted = navigator.languages.map((one) => one.split("-")[0] ?? "").find((one) => one in LANGUAGES) ?? "en";
  await i18next.init({
    lng: wanted,
    fallbackLng: "en",
    resources: { en: { translation: en }, ar: { translation: ar } },
    keySeparator: false,
    interpolation: { escapeValue: false },
  });
  dress(wanted);
}

export async function speak(language: Language): Promise<void> {
  await i18next.changeLanguage(language);
  dress(language);
}

function dress(language: string): void {
  document.documentElement.lang = language;
  document.documentElement.dir = RIGHT_TO_LEFT.has(language) ? "rtl" : "ltr";
}

function subscribe(changed: () => void): () => void {
  i18next.on("languageChanged", changed);
  return () => i18next.off("languageChanged", changed);
}

export function useLanguage(): Language {
  return useSyncExternalStore(subscribe, () => i18next.language) as Language;
}

/** The text of a key in the present language. */
export function useText(): Translate {
  useLanguage();
  return (key, values) => i18next.t(key, values ?? {});
}

/** A code of a list (a kind, a link, a field group) in words, or in the words that it is made of where no text knows it. */
export function useWord(): (family: string, code: string) => string {
  useLanguage();
  return (family, code) => {
    const key = `${family}.${code}`;
    return i18next.exists(key) ? i18next.t(key) : code.replace(/(?<=[a-z])(?=[A-Z])/g, " ").toLowerCase();
  };
}

/** A day or moment as people of the language write it. */
export function moment(language: string, text: string | null): string {
  if (!text) return "";
  const day = /^\d{4}-\d\d-\d\d$/.test(text);
  const at = new Date(text);
  if (Number.isNaN(at.getTime())) return text;
  return new Intl.DateTimeFormat(language, day ? { dateStyle: "medium", timeZone: "UTC" } : { dateStyle: "medium", timeStyle: "short", timeZone: "UTC" }).format(at);
}
