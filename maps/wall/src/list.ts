/** The newest events as a list, each item marked with its event's id and the moment it was painted. */
import { element, setText } from "./dom.ts";
import { ago, number } from "./format.ts";
import { type Language, phrase, t } from "./i18n.ts";
import { cameraOf, type State } from "./state.ts";
import type { CameraOut, CommuneName, EventOut } from "./wire.ts";

const SHOWN = 40;
export const FILTERS = ["all", "plate", "violation", "traffic", "other"] as const;
export type Filter = (typeof FILTERS)[number];

export function passes(filter: Filter, kind: string): boolean {
  if (filter === "all") return true;
  if (filter !== "other") return kind === filter;
  return !FILTERS.some((named) => named === kind);
}

export const communeName = (commune: CommuneName, language: Language): string =>
  language === "vi" ? commune.name_vi : commune.name_en;

export const cameraTitle = (camera: CameraOut, language: Language): string =>
  language === "en" && camera.title_en !== "" ? camera.title_en : camera.title_vi;

/** A record inside an event's data, or an empty one: the data's shape depends on the kind. */
const record = (value: unknown): Record<string, unknown> =>
  typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};

const vehicle = (label: string, language: Language): string =>
  phrase(language, `vehicle.${label}`, label);

/** What happened in a few words: the vehicle, the counts, the new state, the figures. */
export function summary(event: EventOut, language: Language): string {
  const { data } = event;
  if (event.kind === "plate") {
    const label = record(data.vehicle).label;
    return typeof label === "string" ? vehicle(label, language) : "";
  }
  if (event.kind === "traffic") {
    const parts = Object.entries(record(data.counts))
      .filter((entry): entry is [string, number] => typeof entry[1] === "number" && entry[1] > 0)
      .map(([label, n]) => {
        const what = vehicle(label, language).toLowerCase();
        return t(language, "traffic.item", { n: number(n, language), what });
      });
    return parts.join(", ") || t(language, "traffic.none");
  }
  if (event.kind === "violation") {
    const rule = phrase(language, `rule.${data.rule}`, String(data.rule ?? ""));
    const by = typeof data.vehicle === "string" ? vehicle(data.vehicle, language) : "";
    const note = data.indicative === true ? t(language, "violation.indicative") : "";
    return [rule, by, note].filter((part) => part !== "").join(" · ");
  }
  if (event.kind === "health") {
    const state = String(data.state ?? "");
    return phrase(language, `state.${state}`, state);
  }
  const figures = Object.entries(record(data.values)).slice(0, 3);
  return figures.map(([name, value]) => `${name}: ${figure(value, language)}`).join(" · ");
}

const figure = (value: unknown, language: Language): string =>
  typeof value === "number" ? number(value, language, 2) : String(value);

export class EventList {
  readonly root = element("ol", { class: "events", "data-testid": "events" });
  readonly #empty = element("p", { class: "empty" });
  readonly #items = new Map<string, HTMLLIElement>();
  readonly #onPick: (event: EventOut) => void;
  #drawnAs = "";

  constructor(onPick: (event: EventOut) => void) {
    this.#onPick = onPick;
  }

  render(state: State, language: Language, filter: Filter, now: number): void {
    this.#forgetIfRedrawn(`${language}|${[...state.cameras.keys()].join()}`);
    const wanted = state.events.filter((event) => passes(filter, event.kind)).slice(0, SHOWN);
    const keep = new Set(wanted.map((event) => event.id));
    for (const [id, item] of this.#items) {
      if (keep.has(id)) continue;
      item.remove();
      this.#items.delete(id);
    }
    const painted: HTMLLIElement[] = [];
    wanted.forEach((event, at) => {
      let item = this.#items.get(event.id);
      if (item === undefined) {
        item = this.#item(event, cameraOf(state, event), language);
        this.#items.set(event.id, item);
        painted.push(item);
      }
      if (this.root.children[at] !== item)
        this.root.insertBefore(item, this.root.children[at] ?? null);
    });
    setText(this.#empty, wanted.length === 0 ? t(language, "list.empty") : "");
    if (wanted.length === 0) this.root.replaceChildren(this.#empty);
    else this.#empty.remove();
    this.tick(language, now);
    stampWhenPainted(painted);
  }

  tick(language: Language, now: number): void {
    for (const item of this.#items.values()) {
      const age = item.querySelector("time");
      if (age !== null) setText(age, ago(now - Date.parse(age.dateTime), language));
    }
  }

  #forgetIfRedrawn(drawnAs: string): void {
    if (drawnAs === this.#drawnAs) return;
    this.#drawnAs = drawnAs;
    this.#items.clear();
    this.root.replaceChildren();
  }

  #item(event: EventOut, camera: CameraOut | undefined, language: Language): HTMLLIElement {
    const place = camera === undefined ? (event.camera ?? "") : cameraTitle(camera, language);
    const button = element(
      "button",
      { type: "button" },
      element("span", { class: "first" }, headline(event, language), age(event)),
      element("span", { class: "place" }, place),
      whereabouts(event, language),
    );
    button.addEventListener("click", () => this.#onPick(event));
    return element(
      "li",
      { "data-testid": "event", "data-event-id": event.id, "data-kind": event.kind },
      button,
    );
  }
}

function headline(event: EventOut, language: Language): HTMLElement {
  const words = element("span", { class: "what" }, summary(event, language));
  if (event.kind !== "plate") {
    const kind = phrase(language, `kind.${event.kind}`, event.kind);
    return element("span", { class: "headline" }, element("b", {}, kind), words);
  }
  const plate = event.plate_display ?? t(language, "plate.unread");
  return element("span", { class: "headline" }, element("b", { class: "plate" }, plate), words);
}

const age = (event: EventOut): HTMLElement => element("time", { datetime: event.seen_at });

function whereabouts(event: EventOut, language: Language): HTMLElement {
  const commune = event.commune === null ? "" : communeName(event.commune, language);
  const line = element("span", { class: "commune" }, commune);
  if (event.replayed) {
    line.append(" ", element("span", { class: "tags" }, t(language, "replayed.tag")));
  }
  return line;
}

/** Stamps the first moment after the running frame is painted, for the frame-to-pixel benchmark. */
function stampWhenPainted(items: readonly HTMLLIElement[]): void {
  if (items.length === 0) return;
  // Rendering runs inside a frame callback; a message posted there arrives after that frame's paint.
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = () => {
    const now = String(Date.now());
    for (const item of items) item.dataset.renderedAt = now;
    port1.close();
  };
  port2.postMessage(null);
}
