/** The road from above: marks where they are on the ground, to be dragged, a metre grid behind. */
import { node } from "./canvas.ts";
import type { Draft, Mark } from "./marks.ts";

const LEAST_M = 20;
const SNAP = 10;

export class Plan {
  readonly svg: SVGSVGElement;
  readonly #of: () => Draft;
  readonly #changed: () => void;
  /** Left, top, width, height in metres, y upwards. */
  #view: [number, number, number, number] = [-10, 0, LEAST_M, LEAST_M];

  constructor(of: () => Draft, changed: () => void) {
    this.#of = of;
    this.#changed = changed;
    this.svg = node("svg", { class: "plan", role: "application" });
  }

  /** Draws anew; `fit` also chooses what is seen, which must not happen under a hand. */
  draw(fit = true): void {
    if (fit) this.#fit();
    const [left, bottom, width, height] = this.#view;
    const step = width > 80 ? 20 : width > 40 ? 10 : 5;
    this.svg.setAttribute("viewBox", `${left} ${-bottom - height} ${width} ${height}`);
    this.svg.style.setProperty("--u", String(width / 300));
    const lines: SVGElement[] = [];
    for (let x = Math.ceil(left / step) * step; x <= left + width; x += step) {
      lines.push(line(x, -bottom, x, -bottom - height, x === 0), text(`${x}`, x, -bottom));
    }
    for (let y = Math.ceil(bottom / step) * step; y <= bottom + height; y += step) {
      lines.push(line(left, -y, left + width, -y, y === 0));
      if (y > bottom + step / 2) lines.push(text(`${y} m`, left, -y));
    }
    this.svg.replaceChildren(
      ...lines,
      ...this.#of().points.flatMap((mark, n) => this.#dot(mark, n)),
    );
  }

  #fit(): void {
    const known = this.#of().points.flatMap(({ m: [x, y] }) =>
      x === null || y === null ? [] : [[x, y] as const],
    );
    if (known.length === 0) return;
    const [xs, ys] = [known.map(([x]) => x), known.map(([, y]) => y)];
    const [x0, x1, y0, y1] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
    const size = Math.max(LEAST_M, x1 - x0, y1 - y0) * 1.3;
    this.#view = [(x0 + x1 - size) / 2, (y0 + y1 - size) / 2, size, size];
  }

  #dot(mark: Mark, place: number): SVGElement[] {
    const [x, y] = mark.m;
    if (x === null || y === null) return [];
    const dot = node("circle", { class: "grip mark used", cx: String(x), cy: String(-y) });
    dot.addEventListener("pointerdown", (event) => {
      event.preventDefault();
      this.svg.setPointerCapture(event.pointerId);
      const move = (moved: PointerEvent) => {
        const matrix = this.svg.getScreenCTM()?.inverse();
        const at = new DOMPoint(moved.clientX, moved.clientY).matrixTransform(matrix);
        mark.m = [Math.round(at.x * SNAP) / SNAP, Math.round(-at.y * SNAP) / SNAP];
        this.#changed();
        this.draw(false);
      };
      const stop = () => {
        this.svg.removeEventListener("pointermove", move);
        this.svg.removeEventListener("pointerup", stop);
        this.draw();
      };
      this.svg.addEventListener("pointermove", move);
      this.svg.addEventListener("pointerup", stop);
    });
    return [dot, text(String(place + 1), x, -y, "name")];
  }
}

function line(x1: number, y1: number, x2: number, y2: number, axis: boolean): SVGElement {
  const ends = { x1: String(x1), y1: String(y1), x2: String(x2), y2: String(y2) };
  return node("line", { class: axis ? "grid axis" : "grid", ...ends });
}

function text(words: string, x: number, y: number, kind = "metres"): SVGElement {
  const made = node("text", { class: kind, x: String(x), y: String(y) });
  made.textContent = words;
  return made;
}
