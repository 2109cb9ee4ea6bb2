/** Draws the store: one frame for each change, one tick each second for the ages. */
import { signOut } from "./api.ts";
import { cameraCard, communeCard } from "./cards.ts";
import { element } from "./dom.ts";
import { ago } from "./format.ts";
import { type Box, boxOf, boxOfFeatures, crowded, framed } from "./geo.ts";
import { type Language, storedLanguage, storeLanguage, t } from "./i18n.ts";
import { livePoints, RING_MS } from "./layers.ts";
import { cameraTitle, EventList, FILTERS, type Filter } from "./list.ts";
import { type CameraMark, type Picked, WallMap } from "./map.ts";
import { Shell } from "./shell.ts";
import { cameraAge, cameraKey, cameraLook, cameraOf, type Store } from "./state.ts";
import type { CommuneName, Communes } from "./wire.ts";

const TICK_MS = 1000;
const FRAME_MS = 50;
/** How often halos fade where every frame is drawn by the processor. */
const CALM_FADE_MS = 3000;
const CAMERA_ZOOM = 15;
const TIP_MARGIN_PX = 40;
/** Deck.gl and the browser leak a little over days; a fresh page at a quiet hour costs a second. */
const RELOAD_AFTER_MS = 20 * 3_600_000;
const RELOAD_HOUR = 3;

export class Wall {
  readonly ready: Promise<void>;
  readonly #store: Store;
  readonly #now: () => number;
  readonly #scale: number;
  readonly #shell: Shell;
  readonly #list: EventList;
  readonly #map: WallMap;
  readonly #inset: WallMap;
  readonly #startedAt = performance.now();
  #language: Language = storedLanguage();
  #filter: Filter = "all";
  #picked: Picked = null;
  #communes: Communes | null = null;
  #province: Box | null = null;
  #framedBox = "";
  #drawnCounts: unknown = null;
  #scheduled = false;
  #mapReady = false;
  #calm = false;
  #lastFrame = 0;
  #frameAsked = false;
  #drawnEvents: unknown = null;
  #drawnLiveAt = 0;

  constructor(store: Store, now: () => number, scale: number) {
    this.#store = store;
    this.#now = now;
    this.#scale = scale;
    this.#list = new EventList((event) => {
      const camera = cameraOf(store.state, event);
      this.#pick(camera === undefined ? null : { camera: cameraKey(camera.box, camera.id) });
    });
    this.#shell = new Shell(this.#list.root, (camera) => this.#pick({ camera }));
    this.#shell.label(this.#language);
    this.#map = this.#makeMap(this.#shell.map, false);
    this.#shell.insetPane.hidden = false;
    this.#inset = this.#makeMap(this.#shell.inset, true);
    this.ready = Promise.all([this.#map.ready, this.#inset.ready]).then(() => {
      this.#mapReady = true;
      this.#calm = this.#map.softwareRendered || reducedMotion();
      document.body.toggleAttribute("data-calm", this.#calm);
      this.#schedule();
    });
    this.#listen();
    this.#schedule();
  }

  setCommunes(communes: Communes): void {
    this.#communes = communes;
    this.#province = boxOfFeatures(communes);
    for (const map of [this.#map, this.#inset]) map.setCommunes(communes);
    this.#shell.setBoundaries(communes.approximate, communes.attribution, this.#language);
    if (this.#province !== null) this.#map.fit(this.#province, this.#padding());
    this.#drawnCounts = null;
    this.#framedBox = "";
    this.#schedule();
  }

  #padding() {
    const px = (design: number) => design * this.#scale;
    return { top: px(36), bottom: px(44), left: px(40), right: px(230) };
  }

  /** Room for names beside the outermost cameras. */
  #insetPadding() {
    const px = (design: number) => design * this.#scale;
    return { top: px(30), bottom: px(56), left: px(180), right: px(180) };
  }

  #makeMap(container: HTMLElement, inset: boolean): WallMap {
    const map = new WallMap({ container, language: this.#language, scale: this.#scale, inset });
    map.onPick((picked) => this.#pick(picked));
    map.onHover((picked, x, y) => this.#tip(picked, x, y));
    return map;
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
    for (const map of [this.#map, this.#inset]) map.setLanguage(language);
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
    if (camera && !this.#framedBox) this.#map.flyTo(camera.location, CAMERA_ZOOM);
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
    if (this.#mapReady) this.#renderMap(now);
  }

  #renderMap(now: number): void {
    const { state } = this.#store;
    const marks = this.#marks(now);
    this.#frameCameras(marks);
    for (const map of [this.#map, this.#inset]) map.setCameras(marks);
    if (this.#drawnCounts !== state.counts && this.#communes !== null) {
      this.#drawnCounts = state.counts;
      for (const map of [this.#map, this.#inset]) map.setCounts(state.counts);
    }
    this.#animate(now);
  }

  /** Runs at 20 frames a second while a ring is on its way, else with the tick. */
  #animate(now: number): void {
    const { events } = this.#store.state;
    const unchanged = events === this.#drawnEvents;
    if (this.#calm && unchanged && now - this.#drawnLiveAt < CALM_FADE_MS) return;
    this.#drawnEvents = events;
    this.#drawnLiveAt = now;
    const points = livePoints(this.#store.state, now);
    for (const map of [this.#map, this.#inset]) map.setLive(points, now);
    const moving = !this.#calm && points.some((point) => now - point.seenAt < RING_MS);
    if (!moving || this.#frameAsked) return;
    this.#frameAsked = true;
    requestAnimationFrame((at) => this.#frame(at));
  }

  #frame(at: number): void {
    if (at - this.#lastFrame < FRAME_MS) {
      requestAnimationFrame((next) => this.#frame(next));
      return;
    }
    this.#lastFrame = at;
    this.#frameAsked = false;
    this.#animate(this.#now());
  }

  #marks(now: number): CameraMark[] {
    return [...this.#store.state.cameras].map(([key, camera]) => {
      const look = cameraLook(camera, now);
      const age = cameraAge(camera, now);
      const name = cameraTitle(camera, this.#language);
      const old = look === "stale" && age !== null;
      const title = old ? `${name}\n${ago(age, this.#language)}` : name;
      return { key, title, look, location: camera.location };
    });
  }

  /** Opens the inset where cameras stand so close that the province's scale cannot part them. */
  #frameCameras(marks: readonly CameraMark[]): void {
    if (this.#province === null) return;
    const cameras = boxOf(marks.map((mark) => mark.location));
    const needed = cameras !== null && crowded(cameras, this.#province);
    const box = needed ? framed(cameras) : null;
    const key = box?.join() ?? "";
    this.#shell.insetPane.hidden = box === null;
    if (key === this.#framedBox) return;
    this.#framedBox = key;
    if (box !== null) {
      this.#inset.fit(box, this.#insetPadding());
      this.#inset.nameInView();
    }
    this.#map.setFrame(box === null ? null : this.#inset.box);
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

const reducedMotion = (): boolean => matchMedia("(prefers-reduced-motion: reduce)").matches;
