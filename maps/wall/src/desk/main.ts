/** Figures' pages: scores, feeds and uploads, figures, alerts. The address after # names one. */
import "../style.css";
import "./desk.css";
import { ApiError, signOut, whoAmI } from "../api.ts";
import { element } from "../dom.ts";
import { clock, date } from "../format.ts";
import { type Key, type Language, storedLanguage, storeLanguage, t } from "../i18n.ts";
import { askToSignIn } from "../login.ts";
import { alertsPage } from "./alerts.ts";
import { calibratePage } from "./calibrate.ts";
import { feedPage, feedsPage } from "./feed.ts";
import { figurePage, figuresPage } from "./figures.ts";
import { heatPage } from "./heat.ts";
import { type Page, words } from "./page.ts";

type Draw = (page: Page, name: string) => Promise<Node>;

const PAGES: Record<string, Draw> = {
  "chat-luong": heatPage,
  nguon: (page, name) => (name ? feedPage(page, name) : feedsPage(page)),
  "chi-tieu": (page, name) => (name ? figurePage(page, name) : figuresPage(page)),
  "canh-bao": alertsPage,
  "hieu-chinh": calibratePage,
};
const FIRST = "chat-luong";
const REFRESH_MS = 30_000;

class Desk implements Page {
  readonly language: Language = storedLanguage();
  readonly may: Set<string>;
  readonly #name: string;
  readonly #main = element("main", { class: "desk" });
  readonly #toasts = element("div", { class: "toasts", role: "status" });
  readonly #time = element("strong");
  readonly #banner = element("div", { class: "simulated", "data-testid": "simulated" });
  #drawn = 0;

  constructor(who: { name: string; scopes: string[] }) {
    this.#name = who.name.replace(/^user:/, "");
    this.may = new Set(who.scopes);
  }

  now(): number {
    return Date.now();
  }

  show(): void {
    document.documentElement.lang = this.language;
    document.title = t(this.language, "desk.title");
    this.#banner.textContent = t(this.language, "simulated.banner");
    this.#banner.hidden = true;
    document.body.replaceChildren(this.#header(), this.#banner, this.#main, this.#toasts);
    addEventListener("hashchange", () => void this.refresh());
    setInterval(() => this.#tick(), 1000);
    setInterval(() => this.#quietly(), REFRESH_MS);
    this.#tick();
    void this.refresh();
  }

  async refresh(): Promise<void> {
    const [place = FIRST, name = ""] = location.hash.replace(/^#\/?/, "").split("/");
    const draw = PAGES[place] ?? heatPage;
    this.#mark(place in PAGES ? place : FIRST);
    this.#drawn += 1;
    const mine = this.#drawn;
    try {
      const drawn = await draw(this, decodeURIComponent(name));
      // A slow answer to an earlier question must not replace a later one.
      if (mine !== this.#drawn) return;
      const top = this.#main.scrollTop;
      this.#main.replaceChildren(drawn);
      this.#main.scrollTop = top;
      this.#banner.hidden = this.#main.querySelector("[data-simulated]") === null;
    } catch (error) {
      if (error instanceof ApiError && error.status === 401) {
        await askToSignIn(this.language);
        location.reload();
        return;
      }
      const again = element("button", { type: "button", class: "button" });
      again.textContent = t(this.language, "desk.again");
      again.addEventListener("click", () => void this.refresh());
      this.#main.replaceChildren(
        element("p", { class: "failed", role: "alert" }, words(error, this.language)),
        again,
      );
    }
  }

  toast(text: string, of: "good" | "bad"): void {
    const note = element("p", { class: "toast", "data-level": of }, text);
    this.#toasts.append(note);
    setTimeout(() => note.remove(), of === "bad" ? 12_000 : 5000);
  }

  drawer(title: string, ...content: (Node | string)[]): HTMLElement {
    document.querySelector("dialog.drawer")?.remove();
    const close = element("button", { type: "button", class: "close" }, "×");
    close.setAttribute("aria-label", t(this.language, "desk.close"));
    const body = element("div", { class: "drawer-body" }, ...content);
    const dialog = element(
      "dialog",
      { class: "drawer", "aria-label": title },
      element("header", {}, element("h2", {}, title), close),
      body,
    );
    close.addEventListener("click", () => dialog.close());
    dialog.addEventListener("close", () => dialog.remove());
    document.body.append(dialog);
    dialog.showModal();
    return body;
  }

  #quietly(): void {
    // A page that is being filled in must not be drawn anew under the hand.
    const busy =
      document.querySelector("dialog[open]") !== null ||
      this.#main.querySelector("[data-busy]") !== null ||
      this.#main.contains(document.activeElement);
    if (!busy) void this.refresh();
  }

  #header(): HTMLElement {
    const text = (key: Key) => t(this.language, key);
    const language = element("button", { type: "button" }, text("language.other"));
    language.addEventListener("click", () => {
      storeLanguage(this.language === "vi" ? "en" : "vi");
      location.reload();
    });
    const out = element("button", { type: "button" }, text("logout"));
    out.addEventListener("click", () => void signOut().then(() => location.reload()));
    const links = Object.keys(PAGES).map((place) =>
      element("a", { href: `#/${place}`, "data-place": place }, text(`desk.nav.${place}` as Key)),
    );
    return element(
      "header",
      { class: "desk-head" },
      element("a", { href: "/", title: text("desk.to_wall") }, mark()),
      element(
        "div",
        { class: "titles" },
        element("h1", {}, text("desk.title")),
        element("p", { class: "other" }, text("desk.title.other")),
      ),
      element("nav", { "aria-label": text("desk.title") }, ...links),
      element(
        "div",
        { class: "clock" },
        this.#time,
        element("span", {}, `${date(Date.now(), this.language)} · ${this.#name}`),
      ),
      element("div", { class: "tools" }, language, out),
    );
  }

  #mark(place: string): void {
    for (const link of document.querySelectorAll<HTMLElement>("nav [data-place]")) {
      if (link.dataset.place === place) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
  }

  #tick(): void {
    this.#time.textContent = clock(this.now());
  }
}

const mark = (): HTMLElement => element("img", { class: "mark", src: "/favicon.svg", alt: "" });

async function start(): Promise<void> {
  for (;;) {
    try {
      new Desk(await whoAmI()).show();
      return;
    } catch (error) {
      if (error instanceof ApiError && error.status === 401) await askToSignIn(storedLanguage());
      else await new Promise((resume) => setTimeout(resume, 3000));
    }
  }
}

void start();
