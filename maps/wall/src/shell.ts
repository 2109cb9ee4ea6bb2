/** The page's fixed parts: header, map panes, side panel, notes. Filled by `render`. */

import { lookName, sign } from "./cards.ts";
import { element, setText } from "./dom.ts";
import { ago, clock, date, number } from "./format.ts";
import { type Key, type Language, t } from "./i18n.ts";
import { LOOK_COLOUR, LOOKS } from "./icons.ts";
import { kindRgb } from "./layers.ts";
import { cameraTitle } from "./list.ts";
import {
  anySimulated,
  type CameraLook,
  cameraKey,
  cameraLook,
  camerasOnline,
  linkLook,
  type State,
} from "./state.ts";
import type { CameraOut } from "./wire.ts";

/** More would push the events off the panel; cameras in trouble come first. */
const CAMERAS_LISTED = 4;
const TROUBLE: readonly CameraLook[] = ["broken", "no_signal", "stale", "ended", "starting", "ok"];

function stat(testId: string) {
  const value = element("strong", { "data-testid": testId });
  const title = element("span");
  return { value, title, root: element("div", { class: "stat" }, value, title) };
}

export class Shell {
  readonly map = element("div", { class: "map", role: "region" });
  readonly inset = element("div", { class: "inset-map" });
  readonly side = element("aside", { class: "side" });
  readonly card = element("section", { class: "card", "data-testid": "card" });
  readonly tip = element("div", { class: "tip" });
  readonly language = element("button", { type: "button", class: "language" });
  readonly signOut = element("button", { type: "button", class: "sign-out" });
  readonly insetPane: HTMLElement;
  readonly filters = element("div", { class: "filters", role: "group" });
  readonly #onCamera: (key: string) => void;
  readonly #title = element("h1");
  readonly #other = element("p", { class: "other" });
  readonly #today = stat("events-today");
  readonly #online = stat("cameras-online");
  readonly #link = element("strong", { role: "status" });
  readonly #age = element("span");
  readonly #badge: HTMLElement;
  readonly #time = element("strong");
  readonly #date = element("span");
  readonly #banner = element("div", { class: "simulated", "data-testid": "simulated" });
  readonly #approximate = element("p", { class: "approximate", "data-testid": "approximate" });
  readonly #attribution = element("p", { class: "attribution" });
  readonly legend = element("div", { class: "legend" });
  readonly #insetTitle = element("h2");
  readonly #listTitle = element("h2");
  readonly #cameraTitle = element("h2");
  readonly #cameras = element("ul", { class: "cameras" });
  #camerasDrawn = "";

  constructor(list: HTMLElement, onCamera: (key: string) => void) {
    this.#onCamera = onCamera;
    this.#badge = element(
      "div",
      { class: "badge", "data-testid": "link" },
      element("i", { "aria-hidden": "true" }),
      element("div", {}, this.#link, this.#age),
    );
    this.insetPane = element("figure", { class: "inset" }, this.#insetTitle, this.inset);
    this.card.hidden = true;
    this.tip.hidden = true;
    this.insetPane.hidden = true;
    this.side.append(
      element("div", { class: "side-head" }, this.#listTitle, this.filters),
      list,
      this.#cameraTitle,
      this.#cameras,
    );
    document.body.replaceChildren(
      this.#header(),
      this.#banner,
      element("main", {}, this.#pane(), this.side),
      this.tip,
    );
  }

  /** Words that change with the language alone. */
  label(language: Language): void {
    document.documentElement.lang = language;
    document.title = t(language, "title");
    setText(this.#title, t(language, "title"));
    setText(this.#other, t(language, "title.other"));
    setText(this.language, t(language, "language.other"));
    setText(this.signOut, t(language, "logout"));
    setText(this.#today.title, t(language, "counter.today"));
    setText(this.#online.title, t(language, "counter.cameras"));
    setText(this.#banner, t(language, "simulated.banner"));
    setText(this.#approximate, t(language, "approximate"));
    setText(this.#insetTitle, t(language, "inset.title"));
    setText(this.#listTitle, t(language, "list.title"));
    this.map.setAttribute("aria-label", t(language, "map.label"));
    this.legend.replaceChildren(...legend(language));
    this.#camerasDrawn = "";
  }

  render(state: State, language: Language, now: number): void {
    const [online, all] = camerasOnline(state, now);
    setText(this.#today.value, state.today === null ? "–" : number(state.today, language));
    setText(this.#online.value, `${number(online, language)}/${number(all, language)}`);
    this.#online.root.dataset.level = online === all ? "good" : "warn";
    this.#banner.hidden = !anySimulated(state);
    this.#renderCameras(state, language, now);
    this.tick(state, language, now);
  }

  tick(state: State, language: Language, now: number): void {
    const look = linkLook(state.link, now);
    this.#badge.dataset.level = look.level;
    document.body.dataset.link = look.level;
    setText(this.#link, t(language, look.key));
    setText(
      this.#age,
      look.ageMs === null ? "" : t(language, "link.age", { age: ago(look.ageMs, language) }),
    );
    setText(this.#time, clock(now));
    setText(this.#date, date(now, language));
  }

  setBoundaries(approximate: boolean, attribution: string, language: Language): void {
    this.#approximate.hidden = !approximate;
    setText(this.#attribution, [attribution, t(language, "attribution.land")].join(" · "));
  }

  #header(): HTMLElement {
    return element(
      "header",
      {},
      element("img", { src: "./favicon.svg", alt: "", class: "mark" }),
      element("div", { class: "titles" }, this.#title, this.#other),
      this.#today.root,
      this.#online.root,
      this.#badge,
      element("div", { class: "clock" }, this.#time, this.#date),
      element("div", { class: "tools" }, this.language, this.signOut),
    );
  }

  #pane(): HTMLElement {
    this.#approximate.hidden = true;
    return element(
      "div",
      { class: "pane" },
      this.map,
      this.legend,
      this.card,
      this.insetPane,
      element("div", { class: "notes" }, this.#approximate, this.#attribution),
    );
  }

  #renderCameras(state: State, language: Language, now: number): void {
    const cameras = [...state.cameras.values()]
      .map((camera) => ({ camera, look: cameraLook(camera, now) }))
      .sort((a, b) => TROUBLE.indexOf(a.look) - TROUBLE.indexOf(b.look));
    const drawn = JSON.stringify([language, cameras.map(({ camera, look }) => [camera.id, look])]);
    if (drawn === this.#camerasDrawn) return;
    this.#camerasDrawn = drawn;
    setText(this.#cameraTitle, t(language, cameras.length === 0 ? "camera.none" : "camera.list"));
    const rest = cameras.length - CAMERAS_LISTED;
    this.#cameras.replaceChildren(
      ...cameras
        .slice(0, CAMERAS_LISTED)
        .map(({ camera, look }) => this.#cameraItem(camera, look, language)),
    );
    if (rest > 0) {
      this.#cameras.append(
        element("li", { class: "rest" }, t(language, "camera.more", { n: rest })),
      );
    }
  }

  #cameraItem(camera: CameraOut, look: CameraLook, language: Language): HTMLElement {
    const word = element("span", { class: "look" }, lookName(look, language));
    word.style.color = LOOK_COLOUR[look];
    const button = element(
      "button",
      { type: "button" },
      sign(look),
      element("span", { class: "name" }, cameraTitle(camera, language)),
      word,
    );
    button.addEventListener("click", () => this.#onCamera(cameraKey(camera.box, camera.id)));
    return element("li", { "data-camera": camera.id, "data-look": look }, button);
  }
}

function legend(language: Language): HTMLElement[] {
  const title = (key: Key) => element("h2", {}, t(language, key));
  const looks = LOOKS.map((look) => element("li", {}, sign(look), lookName(look, language)));
  const kinds = ["plate", "violation", "traffic", "health"].map((kind) => {
    const dot = element("i", { class: "dot", "aria-hidden": "true" });
    dot.style.background = `rgb(${kindRgb(kind).join(" ")})`;
    return element("li", {}, dot, t(language, `kind.${kind}` as Key));
  });
  return [
    title("legend.camera"),
    element("ul", {}, ...looks),
    title("legend.events"),
    element("ul", {}, ...kinds),
    title("legend.counts"),
    element(
      "div",
      { class: "ramp" },
      element("span", {}, "0"),
      element("i"),
      element("span", {}, "+"),
    ),
  ];
}
