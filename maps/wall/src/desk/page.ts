/** What the pages share: the language, the clock, saying that something failed, opening a drawer. */
import { element } from "../dom.ts";
import type { Language } from "../i18n.ts";
import { t } from "../i18n.ts";
import { Refused } from "./api.ts";

export interface Page {
  readonly language: Language;
  readonly may: ReadonlySet<string>;
  now(): number;
  /** Draws the page that the address names, anew. */
  refresh(): Promise<void>;
  toast(text: string, level: "good" | "bad"): void;
  drawer(title: string, ...content: (Node | string)[]): HTMLElement;
}

/** Runs what a button starts: the button waits, a failure is said in words. */
export function acting(page: Page, button: HTMLButtonElement, act: () => Promise<void>): void {
  button.addEventListener("click", async () => {
    button.disabled = true;
    try {
      await act();
    } catch (error) {
      page.toast(words(error, page.language), "bad");
    } finally {
      button.disabled = false;
    }
  });
}

export function words(error: unknown, language: Language): string {
  if (error instanceof Refused) return `${error.title}. ${error.detail}`;
  return t(language, "desk.unreachable");
}

export function button(text: string, attributes: Record<string, string> = {}) {
  return element("button", { type: "button", class: "button", ...attributes }, text);
}

/** A table from its headings and rows; numbers stand to the right. */
export function table(
  heads: readonly string[],
  rows: readonly (readonly (Node | string)[])[],
  attributes: Record<string, string> = {},
): HTMLElement {
  return element(
    "div",
    { class: "scroll" },
    element(
      "table",
      attributes,
      element("thead", {}, element("tr", {}, ...heads.map((head) => element("th", {}, head)))),
      element(
        "tbody",
        {},
        ...rows.map((row) => element("tr", {}, ...row.map((cell) => element("td", {}, cell)))),
      ),
    ),
  );
}
