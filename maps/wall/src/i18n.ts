/** Two catalogues of words, Vietnamese first. */
import en from "./i18n/en.json";
import vi from "./i18n/vi.json";

export type Language = "vi" | "en";
export type Key = keyof typeof vi;

const CATALOGUES: Record<Language, Record<string, string>> = { vi, en };
const STORED = "ioc-language";

export const locale = (language: Language): string => (language === "vi" ? "vi-VN" : "en-GB");

/** The phrase for a key, with `{name}` filled in. */
export function t(language: Language, key: Key, values: Record<string, string | number> = {}) {
  return phrase(language, key, key).replace(/\{(\w+)\}/g, (_all, name: string) =>
    String(values[name] ?? `{${name}}`),
  );
}

/** A phrase whose key comes off the wire, such as a vehicle's class; unknown ones stay as sent. */
export const phrase = (language: Language, key: string, unknown: string): string =>
  CATALOGUES[language][key] ?? unknown;

export function storedLanguage(): Language {
  return localStorage.getItem(STORED) === "en" ? "en" : "vi";
}

export function storeLanguage(language: Language): void {
  localStorage.setItem(STORED, language);
}
