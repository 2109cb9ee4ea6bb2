/** Draws the store: one frame for each change, one tick each second for the ages. */
import { signOut } from "./api.ts";
import { cameraCard, communeCard } from "./cards.ts";
import { element } from "./dom.ts";
import { type Language, storedLanguage, storeLanguage, t } from "./i18n.ts";
import { cameraTitle, EventList, FILTERS, type Filter } from "./list.ts";
import type { Picked } from "./map.ts";
import { Maps } from "./maps.ts";
import { Shell } from "./shell.ts";
import { cameraKey, cameraOf, type Store } from "./state.ts";
import type { CommuneName, Communes } from "./wire.ts";

const TICK_MS = 1000;
const TIP_MARGIN_PX = 40;
/** Deck.gl and the browser leak a little over days; a fresh page at a quiet hour costs a second. */
const RELOAD_AFTER_MS = 20 * 3_600_000;
const RELOAD_HOUR = 3;

export class Wall {
  readonly ready: Promise<void>;
  readonly #store: Store;
  readonly #now: () => number;
  readonly #shell: Shell;
  readonly #list: EventList;
  readonly #maps: Maps;
  readonly #startedAt = performance.now();
  #language: Language = storedLanguage();
  #filter: Filter = "all";
  #picked: Picked = null;
  #communes: Communes | null = null;
  #scheduled = false;

  constructor(store: Store, now: () => number, scale: number) {
    this.#store = store;
    this.#now = now;
    this.#list = new EventList((event) => {
      const camera = cameraOf(store.state, event);
      this.#pick(camera === undefined ? null : { camera: cameraKey(camera.box, camera.id) });
    });
    this.#shell = new Shell(this.#list.root, (camera) => this.#pick({ camera }));
    this.#shell.label(this.#language);
    this.#maps = new Maps({
      store,
      shell: this.#shell,
      scale,
      language: this.#language,
      now,
      onPick: (picked) => this.#pick(picked),
      onHover: (picked, x, y) => this.#tip(picked, x, y),
    });
    this.ready = this.#maps.ready;
    this.#listen();
    this.#schedule();
  }

  setCommunes(communes: Communes): void {
    this.#communes = communes;
    this.#maps.setCommunes(communes);
    this.#shell.setBoundaries(communes.approximate, communes.attribution, this.#language);
    this.#schedule();
  }

  #listen(): void {
    this.#store.onChange(() => this.#schedule());
    setInterval(() => this.#tick(), TICK_MS);
    this.#shell.language.addEventListener("click", () =>
      this.#setLanguage(this.#language === "vi" ? "en" : "vi"),
    );
    this.#shell.signOut.addEventListener("click", () => {
      void signOut().finally(() => location.reload());
    });
    document.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.#pick(null);
    });
    this.#drawFilters();
  }

  #setLanguage(language: Language): void {
    this.#language = language;
    storeLanguage(language);
    this.#shell.label(language);
    this.#drawFilters();
    this.#maps.setLanguage(language);
    this.#schedule();
  }

  #drawFilters(): void {
    const buttons = FILTERS.map((filter) => {
      const pressed = String(filter === this.#filter);
      const button = element(
        "button",
        { type: "button", "aria-pressed": pressed },
        t(this.#language, `filter.${filter}`),
      );
      button.addEventListener("click", () => {
        this.#filter = filter;
        this.#drawFilters();
        this.#schedule();
      });
      return button;
    });
    this.#shell.filters.replaceChildren(...buttons);
  }

  #pick(picked: Picked): void {
    this.#picked = picked;
    const camera = picked !== null && "camera" in picked && this.#camera(picked.camera);
    if (camera) this.#maps.show(camera.location);
    this.#schedule();
  }

  #camera(key: string) {
    return this.#store.state.cameras.get(key);
  }

  #commune(code: string): CommuneName | undefined {
    return this.#communes?.features.find((feature) => feature.properties.code === code)?.properties;
  }

  #tip(picked: Picked, x: number, y: number): void {
    const { tip } = this.#shell;
    const words = this.#about(picked);
    tip.hidden = words === null;
    if (words === null) return;
    tip.replaceChildren(...words);
    const left = Math.min(x, innerWidth - tip.offsetWidth - TIP_MARGIN_PX);
    const top = Math.min(y, innerHeight - tip.offsetHeight - TIP_MARGIN_PX);
    tip.style.translate = `${left}px ${top}px`;
  }

  #about(picked: Picked): HTMLElement[] | null {
    if (picked === null) return null;
    if ("camera" in picked) {
      const camera = this.#camera(picked.camera);
      return camera ? [element("b", {}, cameraTitle(camera, this.#language))] : null;
    }
    const commune = this.#commune(picked.commune);
    return commune ? communeCard(commune, this.#store.state, this.#language) : null;
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    requestAnimationFrame(() => {
      this.#scheduled = false;
      this.#render();
    });
  }

  #render(): void {
    const now = this.#now();
    this.#list.render(this.#store.state, this.#language, this.#filter, now);
    this.#shell.render(this.#store.state, this.#language, now);
    this.#renderCard(now);
    this.#maps.draw(now);
  }

  #renderCard(now: number): void {
    const { card, legend } = this.#shell;
    const content = this.#cardContent(now);
    card.hidden = content === null;
    // One place for both: a person who picked something is not reading the legend.
    legend.hidden = content !== null;
    if (content === null) return;
    const close = element("button", { type: "button", class: "close" }, "×");
    close.setAttribute("aria-label", t(this.#language, "close"));
    close.addEventListener("click", () => this.#pick(null));
    const hadFocus = card.contains(document.activeElement);
    card.replaceChildren(close, ...content);
    if (hadFocus) close.focus();
  }

  #cardContent(now: number): HTMLElement[] | null {
    if (this.#picked === null) return null;
    if ("commune" in this.#picked) return this.#about(this.#picked);
    const camera = this.#camera(this.#picked.camera);
    return camera ? cameraCard(camera, this.#store.state, this.#language, now) : null;
  }

  #tick(): void {
    this.#schedule();
    const oldPage = performance.now() - this.#startedAt > RELOAD_AFTER_MS;
    const quiet = new Date(this.#now() + 7 * 3_600_000).getUTCHours() === RELOAD_HOUR;
    if (oldPage && quiet && this.#store.state.link.stream === "open") location.reload();
  }
}
