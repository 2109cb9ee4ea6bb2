/** The province's map and, where cameras stand too close for its scale, a window on them. */
import { ago } from "./format.ts";
import { type Box, boxOf, boxOfFeatures, crowded, framed } from "./geo.ts";
import type { Language } from "./i18n.ts";
import { livePoints, RING_MS } from "./layers.ts";
import { cameraTitle } from "./list.ts";
import { type CameraMark, type Picked, WallMap } from "./map.ts";
import type { Shell } from "./shell.ts";
import { cameraAge, cameraLook, type Store } from "./state.ts";
import type { Communes, Place } from "./wire.ts";

const FRAME_MS = 50;
/** How often halos fade where every frame is drawn by the processor. */
const CALM_FADE_MS = 3000;
const CAMERA_ZOOM = 15;
/** Shown until the communes say where the province is. */
const FIRST_LOOK: Box = [104.4, 8.4, 106.0, 9.7];

export interface MapsOptions {
  store: Store;
  shell: Shell;
  scale: number;
  language: Language;
  now: () => number;
  onPick: (picked: Picked) => void;
  onHover: (picked: Picked, x: number, y: number) => void;
}

export class Maps {
  readonly ready: Promise<void>;
  readonly #options: MapsOptions;
  readonly #province: WallMap;
  #window: WallMap | null = null;
  /** Those that have loaded and may be drawn on. */
  readonly #drawn: WallMap[] = [];
  #language: Language;
  #communes: Communes | null = null;
  #extent: Box | null = null;
  #framed = "";
  #counts: unknown = null;
  #calm = false;
  #events: unknown = null;
  #liveAt = 0;
  #frameAt = 0;
  #frameAsked = false;

  constructor(options: MapsOptions) {
    this.#options = options;
    this.#language = options.language;
    this.#province = this.#make(options.shell.map, FIRST_LOOK, false);
    this.ready = this.#province.ready.then(() => {
      this.#drawn.push(this.#province);
      this.#province.setLanguage(this.#language);
      this.#calm = this.#province.softwareRendered || reducedMotion();
      document.body.toggleAttribute("data-calm", this.#calm);
    });
  }

  setCommunes(communes: Communes): void {
    this.#communes = communes;
    this.#extent = boxOfFeatures(communes);
    for (const map of this.#drawn) map.setCommunes(communes);
    if (this.#extent !== null) this.#province.fit(this.#extent, this.#room(36, 44, 120, 150));
    this.#counts = null;
    this.#framed = "";
  }

  setLanguage(language: Language): void {
    this.#language = language;
    for (const map of this.#drawn) map.setLanguage(language);
  }

  /** Brings a camera near, unless the window already shows it. */
  show(place: Place): void {
    if (this.#framed === "") this.#province.flyTo(place, CAMERA_ZOOM);
  }

  draw(now: number): void {
    if (this.#drawn.length === 0) return;
    const { state } = this.#options.store;
    const marks = this.#marks(now);
    this.#frameCameras(marks);
    for (const map of this.#drawn) map.setCameras(marks);
    if (this.#counts !== state.counts && this.#communes !== null) {
      this.#counts = state.counts;
      for (const map of this.#drawn) map.setCounts(state.counts);
    }
    this.#animate(now);
  }

  #make(container: HTMLElement, box: Box, inset: boolean): WallMap {
    const { scale, onPick, onHover } = this.#options;
    const room = inset ? this.#room(30, 56, 180, 180) : this.#room(0, 0, 0, 0);
    const map = new WallMap({ container, language: this.#language, scale, inset, box, room });
    map.onPick(onPick);
    map.onHover(onHover);
    return map;
  }

  /** Padding in design pixels: what lies over the map, and names beside the outermost cameras. */
  #room(top: number, bottom: number, left: number, right: number) {
    const { scale } = this.#options;
    return {
      top: top * scale,
      bottom: bottom * scale,
      left: left * scale,
      right: right * scale,
    };
  }

  #marks(now: number): CameraMark[] {
    return [...this.#options.store.state.cameras].map(([key, camera]) => {
      const look = cameraLook(camera, now);
      const age = cameraAge(camera, now);
      const name = cameraTitle(camera, this.#language);
      const old = look === "stale" && age !== null;
      const title = old ? `${name}\n${ago(age, this.#language)}` : name;
      return { key, title, look, location: camera.location };
    });
  }

  #frameCameras(marks: readonly CameraMark[]): void {
    if (this.#extent === null) return;
    const cameras = boxOf(marks.map((mark) => mark.location));
    const box = cameras !== null && crowded(cameras, this.#extent) ? framed(cameras) : null;
    const key = box?.join() ?? "none";
    if (key === this.#framed) return;
    this.#framed = key;
    this.#options.shell.insetPane.hidden = box === null;
    if (box === null) this.#province.setFrame(null);
    else this.#openWindow(box);
  }

  #openWindow(box: Box): void {
    if (this.#window === null) {
      this.#window = this.#make(this.#options.shell.inset, box, true);
      void this.#window.ready.then(() => this.#fillWindow());
    } else {
      this.#window.fit(box, this.#room(30, 56, 180, 180));
      this.#window.nameInView();
    }
    this.#province.setFrame(this.#window.box);
  }

  #fillWindow(): void {
    if (this.#window === null || this.#communes === null) return;
    this.#drawn.push(this.#window);
    this.#window.setLanguage(this.#language);
    this.#window.setCommunes(this.#communes);
    this.#window.nameInView();
    this.#counts = null;
    this.#events = null;
    this.draw(this.#options.now());
  }

  /** Runs at 20 frames a second while a ring is on its way, else with the tick. */
  #animate(now: number): void {
    const { state } = this.#options.store;
    const unchanged = state.events === this.#events;
    if (this.#calm && unchanged && now - this.#liveAt < CALM_FADE_MS) return;
    this.#events = state.events;
    this.#liveAt = now;
    const points = livePoints(state, now);
    for (const map of this.#drawn) map.setLive(points, now);
    const moving = !this.#calm && points.some((point) => now - point.seenAt < RING_MS);
    if (moving && !this.#frameAsked) this.#askFrame();
  }

  #askFrame(): void {
    this.#frameAsked = true;
    requestAnimationFrame((at) => {
      this.#frameAsked = false;
      if (at - this.#frameAt < FRAME_MS) return this.#askFrame();
      this.#frameAt = at;
      this.#animate(this.#options.now());
    });
  }
}

const reducedMotion = (): boolean => matchMedia("(prefers-reduced-motion: reduce)").matches;
