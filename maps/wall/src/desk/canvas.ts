/** Draws a draft over a camera's picture and lets hands move it: an SVG in the picture's pixels. */
import {
  arrowThrough,
  type Draft,
  freeName,
  lanesUnder,
  type Outcome,
  round,
  type XY,
} from "./marks.ts";
import type { Snapshot } from "./snapshot.ts";

export type Tool = "move" | "point" | "lane" | "stop" | "light" | "zone";

const SVG = "http://www.w3.org/2000/svg";
const LANE_COLOURS = ["#4cc94c", "#3f96dc", "#f0a03c", "#c85ac8", "#dcdc5a"];
const CLOSE_PX = 14;
const SAME_PX = 4;
const ZOOM = 1.15;
const MOST_ZOOM = 12;

export interface Hands {
  draft: Draft;
  outcome: Outcome | null;
  tool: Tool;
  /** Marks by their number in the draft, in the order in which the server knows them. */
  sent: number[];
}

export class Canvas {
  readonly svg: SVGSVGElement;
  readonly #snapshot: Snapshot;
  readonly #of: () => Hands;
  readonly #changed: (kind: "moved" | "added") => void;
  #view: [number, number, number, number];
  #open: XY[] = [];
  #pointer: XY | null = null;

  constructor(snapshot: Snapshot, of: () => Hands, changed: (kind: "moved" | "added") => void) {
    this.#snapshot = snapshot;
    this.#of = of;
    this.#changed = changed;
    this.#view = [0, 0, snapshot.width, snapshot.height];
    this.svg = node("svg", { class: "calibration", tabindex: "0", role: "application" });
    this.svg.addEventListener("pointerdown", (event) => this.#press(event));
    // A click would take the keyboard away from the field that it opens.
    this.svg.addEventListener("mousedown", (event) => event.preventDefault());
    this.svg.addEventListener("pointermove", (event) => this.#hover(event));
    this.svg.addEventListener("dblclick", () => this.finish());
    this.svg.addEventListener("wheel", (event) => this.#zoom(event), { passive: false });
  }

  /** Ends the shape that is being drawn: closes it if it can be closed, else forgets it. */
  finish(): void {
    const { draft, tool } = this.#of();
    const polygon = this.#distinct(this.#open);
    this.#open = [];
    if (polygon.length >= 3 && tool === "lane") {
      draft.lanes.push({
        id: freeName("lan", draft.lanes),
        polygon_px: polygon,
        arrow_px: arrowThrough(polygon),
      });
      this.#changed("added");
    } else if (polygon.length >= 3 && tool === "zone") {
      draft.zones.push({
        id: freeName("vung", draft.zones),
        polygon_px: polygon,
        max_seconds: 60,
      });
      this.#changed("added");
    } else this.draw();
  }

  /** A double click sets its corner twice. */
  #distinct(corners: readonly XY[]): XY[] {
    return corners.filter((at, place) => {
      const before = corners[place - 1];
      return !before || Math.hypot(at[0] - before[0], at[1] - before[1]) > this.#px(SAME_PX);
    });
  }

  /** Whether a shape is being drawn. */
  get busy(): boolean {
    return this.#open.length > 0;
  }

  draw(): void {
    const { width, height, url } = this.#snapshot;
    const { draft, outcome } = this.#of();
    const [x, y, w, h] = this.#view;
    this.svg.setAttribute("viewBox", `${x} ${y} ${w} ${h}`);
    this.svg.style.setProperty("--u", String(w / 1000));
    const picture = node("image", { href: url, width: String(width), height: String(height) });
    this.svg.replaceChildren(
      picture,
      ...grid(outcome, width, height),
      ...this.#shapes(draft),
      ...this.#marks(),
      ...this.#pending(),
    );
  }

  #shapes(draft: Draft): SVGElement[] {
    const drawn: SVGElement[] = [];
    draft.lanes.forEach((lane, place) => {
      const colour = LANE_COLOURS[place % LANE_COLOURS.length] ?? "#4cc94c";
      drawn.push(polygon(lane.polygon_px, colour, "lane"));
      if (lane.arrow_px) drawn.push(...arrow(lane.arrow_px, colour));
      drawn.push(label(lane.id, middle(lane.polygon_px), colour));
    });
    for (const zone of draft.zones) {
      drawn.push(polygon(zone.polygon_px, "#ff5a28", "zone"));
      drawn.push(label(zone.id, middle(zone.polygon_px), "#ff5a28"));
    }
    for (const line of draft.stop_lines) {
      const [from, to] = line.ends_px;
      drawn.push(segment(from, to, "stop"), label(line.id, to, "#ff4848"));
    }
    for (const light of draft.lights) {
      const [left, top, right, bottom] = light.box_px;
      drawn.push(
        node("rect", {
          class: "light",
          x: String(left),
          y: String(top),
          width: String(Math.max(0, right - left)),
          height: String(Math.max(0, bottom - top)),
        }),
        label(light.id, [right, top], "#ffdc00"),
      );
    }
    // Handles last: a shape must not lie over the corner that a hand reaches for.
    for (const lane of draft.lanes) {
      drawn.push(...lane.polygon_px.map((_, place) => this.#handle(lane.polygon_px, place)));
      const ends = lane.arrow_px;
      if (ends) drawn.push(this.#handle(ends, 0), this.#handle(ends, 1));
    }
    for (const zone of draft.zones) {
      drawn.push(...zone.polygon_px.map((_, place) => this.#handle(zone.polygon_px, place)));
    }
    for (const line of draft.stop_lines) {
      drawn.push(this.#handle(line.ends_px, 0), this.#handle(line.ends_px, 1));
    }
    for (const light of draft.lights) {
      for (const [h, v] of [
        [0, 1],
        [2, 3],
      ] as const) {
        drawn.push(
          this.#grip([light.box_px[h], light.box_px[v]], (to) => {
            light.box_px[h] = to[0];
            light.box_px[v] = to[1];
          }),
        );
      }
    }
    return drawn;
  }

  #marks(): SVGElement[] {
    const { draft, outcome, sent } = this.#of();
    return draft.points.flatMap((mark, place) => {
      const told = outcome?.marks[sent.indexOf(place)];
      const state = told === undefined ? "open" : told.used ? "used" : "unused";
      const text = told ? `${place + 1}: ${told.error_m.toFixed(2)} m` : String(place + 1);
      const grip = this.#grip(
        mark.px,
        (to) => {
          mark.px = to;
        },
        ["move", "point"],
      );
      grip.classList.add("mark", state);
      grip.dataset.mark = String(place);
      return [grip, label(text, mark.px, "#00e5ff")];
    });
  }

  #pending(): SVGElement[] {
    if (this.#open.length === 0) return [];
    const to = this.#pointer ? [...this.#open, this.#pointer] : this.#open;
    return [node("polyline", { class: "pending", points: to.map((at) => at.join(",")).join(" ") })];
  }

  #handle(points: XY[], place: number): SVGCircleElement {
    return this.#grip(points[place] ?? [0, 0], (to) => {
      points[place] = to;
    });
  }

  /** A round grip that follows the hand and writes where it is; other tools draw through it. */
  #grip(at: XY, write: (to: XY) => void, tools: readonly Tool[] = ["move"]): SVGCircleElement {
    const grip = node("circle", { class: "grip", cx: String(at[0]), cy: String(at[1]) });
    grip.addEventListener("pointerdown", (event) => {
      if (this.busy || event.button !== 0 || !tools.includes(this.#of().tool)) return;
      event.stopPropagation();
      event.preventDefault();
      this.#follow(event.pointerId, (moved) => {
        write(this.#inside(this.#where(moved)));
        this.#changed("moved");
      });
    });
    return grip;
  }

  /** The SVG keeps the pointer: what it began on is drawn anew with every move. */
  #follow(pointer: number, act: (event: PointerEvent) => void): void {
    this.svg.setPointerCapture(pointer);
    const stop = () => {
      this.svg.removeEventListener("pointermove", act);
      this.svg.removeEventListener("pointerup", stop);
      this.svg.removeEventListener("pointercancel", stop);
    };
    this.svg.addEventListener("pointermove", act);
    this.svg.addEventListener("pointerup", stop);
    this.svg.addEventListener("pointercancel", stop);
  }

  #press(event: PointerEvent): void {
    if (event.button !== 0) return;
    this.svg.focus({ preventScroll: true });
    const at = this.#inside(this.#where(event));
    const { draft, tool } = this.#of();
    if (tool === "move") {
      this.#pan(event);
    } else if (tool === "point") {
      draft.points.push({ px: at, m: [null, null] });
      this.#changed("added");
    } else if (tool === "stop" || tool === "light") {
      this.#open.push(at);
      if (this.#open.length === 2) this.#pair(tool);
      else this.draw();
    } else {
      const [first] = this.#open;
      const near = first && Math.hypot(at[0] - first[0], at[1] - first[1]) < this.#px(CLOSE_PX);
      if (near && this.#open.length >= 3) this.finish();
      else {
        this.#open.push(at);
        this.draw();
      }
    }
  }

  #pair(tool: "stop" | "light"): void {
    const { draft } = this.#of();
    const [a = [0, 0], b = [0, 0]] = this.#open as [XY?, XY?];
    this.#open = [];
    if (tool === "stop") {
      const lanes = lanesUnder(draft, [a, b]);
      draft.stop_lines.push({ id: freeName("vach", draft.stop_lines), ends_px: [a, b], lanes });
    } else {
      const stopped = new Set(draft.stop_lines.flatMap((line) => line.lanes));
      draft.lights.push({
        id: freeName("den", draft.lights),
        box_px: [
          Math.min(a[0], b[0]),
          Math.min(a[1], b[1]),
          Math.max(a[0], b[0]),
          Math.max(a[1], b[1]),
        ],
        lanes: [...stopped],
      });
    }
    this.#changed("added");
  }

  #hover(event: PointerEvent): void {
    if (!this.busy) return;
    this.#pointer = this.#where(event);
    this.svg.querySelector(".pending")?.remove();
    this.svg.append(...this.#pending());
  }

  #pan(event: PointerEvent): void {
    let from = this.#where(event);
    this.#follow(event.pointerId, (moved) => {
      const to = this.#where(moved);
      this.#look(
        this.#view[0] + from[0] - to[0],
        this.#view[1] + from[1] - to[1],
        this.#view[2] / this.#snapshot.width,
      );
      from = this.#where(moved);
    });
  }

  #zoom(event: WheelEvent): void {
    event.preventDefault();
    const [x, y] = this.#where(event);
    const by = event.deltaY > 0 ? ZOOM : 1 / ZOOM;
    const before = this.#view[2] / this.#snapshot.width;
    const share = Math.min(1, Math.max(1 / MOST_ZOOM, before * by));
    const k = share / before;
    this.#look(x - (x - this.#view[0]) * k, y - (y - this.#view[1]) * k, share);
  }

  #look(x: number, y: number, share: number): void {
    const { width, height } = this.#snapshot;
    const [w, h] = [width * share, height * share];
    this.#view = [Math.min(Math.max(0, x), width - w), Math.min(Math.max(0, y), height - h), w, h];
    this.draw();
  }

  #where(event: MouseEvent): XY {
    const matrix = this.svg.getScreenCTM()?.inverse();
    const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(matrix);
    return [round(at.x), round(at.y)];
  }

  #inside([x, y]: XY): XY {
    const { width, height } = this.#snapshot;
    return [Math.min(Math.max(0, x), width), Math.min(Math.max(0, y), height)];
  }

  #px(screen: number): number {
    return screen / (this.svg.getScreenCTM()?.a ?? 1);
  }
}

function grid(outcome: Outcome | null, width: number, height: number): SVGElement[] {
  return (outcome?.grid ?? []).flatMap((line) => {
    const drawn: SVGElement[] = [
      node("polyline", { class: "grid", points: line.px.map((at) => at.join(",")).join(" ") }),
    ];
    const inside = line.px.filter(
      ([x, y]) => x > 0 && x < width * 0.96 && y > height * 0.03 && y < height,
    );
    const at = line.axis === "y" ? inside[0] : inside.toSorted((a, b) => b[1] - a[1])[0];
    if (at) drawn.push(label(`${line.at_m}`, at, "#ffffff", "metres"));
    return drawn;
  });
}

const middle = (points: readonly XY[]): XY => [
  points.reduce((sum, at) => sum + at[0], 0) / points.length,
  points.reduce((sum, at) => sum + at[1], 0) / points.length,
];

function polygon(points: readonly XY[], colour: string, kind: string): SVGElement {
  const drawn = node("polygon", {
    class: kind,
    points: points.map((at) => at.join(",")).join(" "),
  });
  drawn.style.setProperty("--ink", colour);
  return drawn;
}

function segment(from: XY, to: XY, kind: string): SVGElement {
  return node("line", {
    class: kind,
    x1: String(from[0]),
    y1: String(from[1]),
    x2: String(to[0]),
    y2: String(to[1]),
  });
}

/** A line with two barbs. */
function arrow([from, to]: readonly [XY, XY], colour: string): SVGElement[] {
  const [dx, dy] = [to[0] - from[0], to[1] - from[1]];
  const barbs = [0.4, -0.4].map((turn) => {
    const [c, s] = [Math.cos(turn), Math.sin(turn)];
    const back: XY = [to[0] - 0.22 * (dx * c - dy * s), to[1] - 0.22 * (dx * s + dy * c)];
    return segment(to, back, "arrow");
  });
  const lines = [segment(from, to, "arrow"), ...barbs];
  for (const line of lines) line.style.setProperty("--ink", colour);
  return lines;
}

function label(text: string, [x, y]: XY, colour: string, kind = "name"): SVGElement {
  const drawn = node("text", { class: kind, x: String(x), y: String(y) });
  drawn.textContent = text;
  drawn.style.setProperty("--ink", colour);
  return drawn;
}

export function node<K extends keyof SVGElementTagNameMap>(
  tag: K,
  attributes: Record<string, string>,
): SVGElementTagNameMap[K] {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}
