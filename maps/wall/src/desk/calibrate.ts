/** Calibration: which cameras have one, and the desk at which a camera's road is drawn. */
import { ApiError } from "../api.ts";
import { element } from "../dom.ts";
import { type Key, t } from "../i18n.ts";
import { Canvas, type Hands, type Tool } from "./canvas.ts";
import { age, download, moment, pill } from "./look.ts";
import {
  camerasToCalibrate,
  type Draft,
  emptyDraft,
  type Fault,
  isMetric,
  type Kept,
  keep,
  kept,
  preview,
  sentNumbers,
  unbound,
} from "./marks.ts";
import { acting, button, type Page, table, words } from "./page.ts";
import { Plan } from "./plan.ts";
import { fromBlob, newestSnapshot, type Snapshot } from "./snapshot.ts";

const TOOLS: readonly Tool[] = ["move", "point", "lane", "stop", "light", "zone"];
const QUIET_MS = 250;
const MOST_UNDONE = 50;
const ONE_STEP_MS = 800;
/** Two decimals are a centimetre: nobody measures a road closer. */
const DIGITS = 2;

export async function calibratePage(page: Page, name: string): Promise<Node> {
  const [box, camera] = name.split(".");
  if (box && camera) return editor(page, box, camera);
  const text = (key: Key, values = {}) => t(page.language, key, values);
  const cameras = await camerasToCalibrate();
  const rows = cameras.map((one) => [
    element(
      "a",
      { href: `#/hieu-chinh/${one.box}.${one.id}`, class: "feed-name" },
      element("strong", {}, page.language === "en" && one.title_en ? one.title_en : one.title_vi),
      element("span", { class: "dim" }, `${one.box} · ${one.id}`),
    ),
    one.made_at
      ? pill(text("desk.cal.done", { age: age(one.made_at, page.now(), page.language) }), "good")
      : pill(text("desk.cal.never"), "warn"),
    one.residual_m === null ? "–" : `${one.residual_m.toFixed(DIGITS)} m`,
  ]);
  const section = element(
    "section",
    {},
    element("h2", {}, text("desk.nav.hieu-chinh")),
    element("p", { class: "dim" }, text("desk.cal.about")),
    cameras.length > 0
      ? table([text("desk.cal.camera"), text("desk.cal.state"), text("desk.cal.residual")], rows, {
          "data-testid": "cameras",
        })
      : element("p", { class: "dim" }, text("desk.cal.no_cameras")),
  );
  if (cameras.some((one) => one.simulated)) section.dataset.simulated = "";
  return section;
}

async function editor(page: Page, box: string, camera: string): Promise<Node> {
  const [cameras, before, snapshot] = await Promise.all([
    camerasToCalibrate(),
    orNull(kept(box, camera)),
    newestSnapshot(box, camera),
  ]);
  const known = cameras.find((one) => one.box === box && one.id === camera);
  const holder = element("section", { "data-busy": "", "data-testid": "calibration" });
  const simulated = known?.simulated ?? false;
  if (simulated) holder.dataset.simulated = "";
  const title = known?.title_vi ?? camera;
  const open = (shot: Snapshot) =>
    holder.replaceChildren(
      ...new Desk(page, { box, camera, title, simulated }, shot, before, open).parts(),
    );
  if (snapshot) open(snapshot);
  else {
    holder.append(
      element("h2", {}, title),
      element("p", {}, t(page.language, "desk.cal.no_picture")),
      chooseFrame(page, open),
    );
  }
  return holder;
}

async function orNull<T>(asked: Promise<T>): Promise<T | null> {
  try {
    return await asked;
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return null;
    throw error;
  }
}

function chooseFrame(page: Page, open: (shot: Snapshot) => void): HTMLElement {
  const input = element("input", { type: "file", accept: "image/*" });
  input.addEventListener("change", async () => {
    const [file] = input.files ?? [];
    if (!file) return;
    try {
      open(await fromBlob(file, null));
    } catch {
      page.toast(t(page.language, "desk.cal.bad_picture"), "bad");
    }
  });
  return element("label", { class: "button frame" }, t(page.language, "desk.cal.frame"), input);
}

interface Which {
  box: string;
  camera: string;
  title: string;
  simulated: boolean;
}

class Desk {
  readonly #page: Page;
  readonly #which: Which;
  readonly #snapshot: Snapshot;
  readonly #hands: Hands;
  readonly #canvas: Canvas;
  readonly #plan: Plan;
  readonly #open: (shot: Snapshot) => void;
  readonly #marks = element("div", { class: "marks" });
  readonly #shapes = element("div");
  readonly #told = element("div", { class: "told", role: "status", "data-testid": "told" });
  readonly #tools = element("div", { class: "row draw-tools" });
  readonly #hint = element("p", { class: "dim hint" });
  readonly #save: HTMLButtonElement;
  #fileButton: HTMLButtonElement | null = null;
  #kept: Kept | null;
  #undone: string[] = [];
  #last = "";
  #lastKind = "";
  #lastAt = 0;
  #asked = 0;
  #timer = 0;

  constructor(
    page: Page,
    which: Which,
    snapshot: Snapshot,
    before: Kept | null,
    open: (shot: Snapshot) => void,
  ) {
    this.#page = page;
    this.#which = which;
    this.#snapshot = snapshot;
    this.#kept = before;
    this.#open = open;
    const image = { width: snapshot.width, height: snapshot.height };
    const usable = before && isMetric(before.draft) && before.draft.image.width === image.width;
    const draft = usable
      ? { ...structuredClone(before.draft), image }
      : emptyDraft(which.camera, which.simulated, image);
    this.#hands = { draft, outcome: null, tool: usable ? "move" : "point", sent: [] };
    this.#last = JSON.stringify(draft);
    this.#canvas = new Canvas(
      snapshot,
      () => this.#hands,
      (kind) => this.#changed(kind),
    );
    this.#plan = new Plan(
      () => this.#hands.draft,
      () => this.#changed("typed"),
    );
    this.#save = button(this.#text("desk.cal.save"), { class: "button main" });
    acting(page, this.#save, () => this.#keep());
    this.#canvas.svg.addEventListener("keydown", (event) => this.#key(event));
  }

  parts(): Node[] {
    const draw = element("div", { class: "calibrate" });
    draw.append(
      element("div", { class: "view" }, this.#tools, this.#canvas.svg, this.#hint),
      element(
        "aside",
        {},
        this.#told,
        element("h3", {}, this.#text("desk.cal.marks")),
        this.#marks,
        element("p", { class: "dim" }, this.#text("desk.cal.axes")),
        this.#plan.svg,
        element("h3", {}, this.#text("desk.cal.shapes")),
        this.#shapes,
      ),
    );
    this.#drawAll();
    this.#ask();
    return [this.#head(), draw];
  }

  #head(): HTMLElement {
    const seen = this.#snapshot.seenAt;
    const words = seen
      ? this.#text("desk.cal.seen", { at: moment(seen) })
      : this.#text("desk.cal.from_file");
    const file = button(this.#text("desk.cal.download"), { "data-testid": "download" });
    acting(this.#page, file, async () => {
      if (this.#kept === null) throw new Error("nothing kept");
      download(new Blob([this.#kept.yaml]), `${this.#which.camera}.scene.yaml`);
    });
    file.disabled = this.#kept === null;
    this.#fileButton = file;
    return element(
      "div",
      { class: "page-head" },
      element(
        "div",
        {},
        element("h2", {}, this.#which.title),
        element("p", { class: "dim" }, `${this.#which.box} · ${this.#which.camera} · ${words}`),
      ),
      element("div", { class: "row" }, chooseFrame(this.#page, this.#open), file, this.#save),
    );
  }

  #text(key: Key, values: Record<string, string | number> = {}): string {
    return t(this.#page.language, key, values);
  }

  // --- what changes ---------------------------------------------------------------

  #changed(kind: "moved" | "added" | "typed" | "removed"): void {
    this.#remember(kind);
    if (kind === "moved" || kind === "typed") this.#canvas.draw();
    else this.#drawAll();
    this.#drawTools();
    if (kind === "typed") this.#fillPlaces();
    window.clearTimeout(this.#timer);
    this.#timer = window.setTimeout(() => this.#ask(), QUIET_MS);
    if (kind === "added" && this.#hands.tool === "point") this.#focusLast();
  }

  /** A drag and a number are each one step back, however many changes they were. */
  #remember(kind: string): void {
    const now = JSON.stringify(this.#hands.draft);
    if (now === this.#last) return;
    const at = this.#page.now();
    const goesOn = kind === this.#lastKind && at - this.#lastAt < ONE_STEP_MS;
    const steps = kind === "moved" || kind === "typed";
    if (!(goesOn && steps)) this.#undone = [...this.#undone.slice(-MOST_UNDONE), this.#last];
    this.#last = now;
    this.#lastKind = kind;
    this.#lastAt = at;
  }

  #undo(): void {
    const before = this.#undone.pop();
    if (before === undefined) return;
    this.#last = before;
    this.#hands.draft = JSON.parse(before) as Draft;
    this.#drawAll();
    this.#ask();
  }

  async #ask(): Promise<void> {
    this.#asked += 1;
    const mine = this.#asked;
    const sent = sentNumbers(this.#hands.draft);
    try {
      const outcome = await preview(this.#which.box, this.#hands.draft);
      if (mine !== this.#asked) return;
      this.#hands.outcome = outcome;
      this.#hands.sent = sent;
    } catch (error) {
      if (mine !== this.#asked) return;
      this.#hands.outcome = null;
      this.#told.replaceChildren(
        element("p", { class: "failed" }, words(error, this.#page.language)),
      );
      this.#save.disabled = true;
      return;
    }
    this.#canvas.draw();
    this.#tell();
    this.#fillErrors();
  }

  async #keep(): Promise<void> {
    this.#kept = await keep(this.#which.box, this.#hands.draft);
    if (this.#fileButton) this.#fileButton.disabled = false;
    this.#page.toast(this.#text("desk.cal.saved"), "good");
  }

  #key(event: KeyboardEvent): void {
    if (event.key === "Enter" || event.key === "Escape") this.#canvas.finish();
    if (event.key === "z" && (event.ctrlKey || event.metaKey)) this.#undo();
  }

  // --- what is shown --------------------------------------------------------------

  #drawAll(): void {
    this.#canvas.draw();
    this.#plan.draw();
    this.#drawTools();
    this.#drawMarks();
    this.#drawShapes();
  }

  #drawTools(): void {
    const buttons = TOOLS.map((tool) => {
      const one = button(this.#text(`desk.cal.tool.${tool}`), {
        "aria-pressed": String(tool === this.#hands.tool),
        "data-tool": tool,
      });
      one.addEventListener("click", () => {
        this.#canvas.finish();
        this.#hands.tool = tool;
        this.#drawTools();
      });
      return one;
    });
    const undo = button(this.#text("desk.cal.undo"));
    undo.disabled = this.#undone.length === 0;
    undo.addEventListener("click", () => this.#undo());
    this.#tools.replaceChildren(...buttons, undo);
    this.#canvas.svg.dataset.tool = this.#hands.tool;
    this.#hint.textContent = this.#text(`desk.cal.hint.${this.#hands.tool}`);
  }

  #tell(): void {
    const { outcome, sent } = this.#hands;
    if (!outcome) return;
    const say = (fault: Fault, of: "failed" | "note") =>
      element("p", { class: of, "data-code": fault.code }, this.#numbered(fault, sent));
    const loose = unbound(this.#hands.draft);
    const good = outcome.faults.length === 0 && loose.length === 0;
    const left = outcome.left_out_m;
    const figures =
      outcome.residual_m === null
        ? []
        : [
            element(
              "p",
              {},
              pill(`${outcome.residual_m.toFixed(DIGITS)} m`, good ? "good" : "bad"),
              ` ${this.#text("desk.cal.residual")}`,
              left === null
                ? ""
                : ` · ${this.#text("desk.cal.left_out", { m: left.toFixed(DIGITS) })}`,
            ),
          ];
    this.#told.replaceChildren(
      ...figures,
      ...outcome.faults.map((fault) => say(fault, "failed")),
      ...loose.map((name) =>
        element("p", { class: "failed" }, this.#text("desk.cal.unbound", { name })),
      ),
      ...outcome.notes.map((note) => say(note, "note")),
      ...(good && !outcome.notes.some((note) => note.code === "weak")
        ? [element("p", { class: "fine" }, this.#text("desk.cal.good"))]
        : []),
    );
    this.#save.disabled = !good;
  }

  /** The server counts the marks that were sent; people count those on the picture. */
  #numbered(fault: Fault, sent: readonly number[]): string {
    const text = this.#page.language === "vi" ? fault.vi : fault.en;
    if (fault.points.length === 0 || sent.every((number, place) => number === place)) return text;
    const names = fault.points.map((place) => (sent[place] ?? place) + 1).join(", ");
    return `${text} (${this.#text("desk.cal.on_picture", { n: names })})`;
  }

  #drawMarks(): void {
    const rows = this.#hands.draft.points.map((mark, place) => {
      const inputs = ([0, 1] as const).map((axis) => {
        const value = mark.m[axis];
        const input = element("input", {
          type: "number",
          step: "0.01",
          "data-place": `${place}.${axis}`,
          "aria-label": `${place + 1} ${axis === 0 ? "x" : "y"} (m)`,
        });
        input.value = value === null ? "" : String(value);
        input.addEventListener("input", () => {
          mark.m[axis] = input.value === "" ? null : Number(input.value);
          this.#plan.draw();
          this.#changed("typed");
        });
        return input;
      });
      const remove = this.#remover(() => this.#hands.draft.points.splice(place, 1));
      const error = element("span", { "data-error": String(place) });
      return [String(place + 1), ...inputs, error, remove];
    });
    const heads = ["#", "x (m)", "y (m)", this.#text("desk.cal.error"), ""];
    this.#marks.replaceChildren(
      rows.length > 0
        ? table(heads, rows)
        : element("p", { class: "dim" }, this.#text("desk.cal.no_marks")),
    );
    this.#fillErrors();
  }

  #fillErrors(): void {
    const { outcome, sent } = this.#hands;
    for (const cell of this.#marks.querySelectorAll<HTMLElement>("[data-error]")) {
      const told = outcome?.marks[sent.indexOf(Number(cell.dataset.error))];
      cell.textContent = told ? `${told.error_m.toFixed(DIGITS)} m` : "";
      cell.className = told && !told.used ? "failed" : "";
    }
  }

  /** Places that were dragged on the plan, into the fields that nobody types in. */
  #fillPlaces(): void {
    for (const input of this.#marks.querySelectorAll<HTMLInputElement>("[data-place]")) {
      const [place = 0, axis = 0] = (input.dataset.place ?? "").split(".").map(Number);
      const value = this.#hands.draft.points[place]?.m[axis as 0 | 1];
      if (input !== document.activeElement) input.value = value == null ? "" : String(value);
    }
  }

  #focusLast(): void {
    const place = this.#hands.draft.points.length - 1;
    this.#marks.querySelector<HTMLInputElement>(`[data-place="${place}.0"]`)?.focus();
  }

  #drawShapes(): void {
    const { draft } = this.#hands;
    const rows: (Node | string)[][] = [];
    for (const lane of draft.lanes) {
      const turn = button(this.#text("desk.cal.reverse"));
      turn.addEventListener("click", () => {
        if (lane.arrow_px) lane.arrow_px = [lane.arrow_px[1], lane.arrow_px[0]];
        else if (lane.direction_m) lane.direction_m = [-lane.direction_m[0], -lane.direction_m[1]];
        this.#changed("removed");
      });
      const remove = this.#remover(() => drop(draft.lanes, lane));
      rows.push([this.#text("desk.cal.tool.lane"), this.#name(lane, draft), turn, remove]);
    }
    for (const line of draft.stop_lines) {
      const remove = this.#remover(() => drop(draft.stop_lines, line));
      const kind = this.#text("desk.cal.tool.stop");
      rows.push([kind, this.#name(line, draft), this.#governs(line, draft), remove]);
    }
    for (const light of draft.lights) {
      const remove = this.#remover(() => drop(draft.lights, light));
      const kind = this.#text("desk.cal.tool.light");
      rows.push([kind, this.#name(light, draft), this.#governs(light, draft), remove]);
    }
    for (const zone of draft.zones) {
      const seconds = element("input", { type: "number", min: "5", step: "5" });
      seconds.value = String(zone.max_seconds);
      seconds.addEventListener("input", () => {
        zone.max_seconds = Math.max(5, Number(seconds.value));
        this.#changed("typed");
      });
      const unit = element("span", { class: "row" }, seconds, this.#text("desk.cal.seconds"));
      const remove = this.#remover(() => drop(draft.zones, zone));
      rows.push([this.#text("desk.cal.tool.zone"), this.#name(zone, draft), unit, remove]);
    }
    this.#shapes.replaceChildren(
      rows.length > 0
        ? table(["", this.#text("desk.cal.name"), "", ""], rows)
        : element("p", { class: "dim" }, this.#text("desk.cal.no_shapes")),
    );
  }

  /** A name that can be typed over; lanes are called by it elsewhere, which follows. */
  #name(one: { id: string }, draft: Draft): HTMLInputElement {
    const input = element("input", {
      type: "text",
      pattern: "[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?",
      title: this.#text("desk.cal.name_rule"),
    });
    input.value = one.id;
    input.addEventListener("change", () => {
      const name = input.value.trim();
      if (!input.checkValidity() || !name) {
        input.value = one.id;
        this.#page.toast(this.#text("desk.cal.name_rule"), "bad");
        return;
      }
      for (const other of [...draft.stop_lines, ...draft.lights]) {
        other.lanes = other.lanes.map((lane) => (lane === one.id ? name : lane));
      }
      one.id = name;
      this.#changed("removed");
    });
    return input;
  }

  /** A tick for each lane that a line or a light governs. */
  #governs(one: { lanes: string[] }, draft: Draft): HTMLElement {
    const ticks = draft.lanes.map((lane) => {
      const tick = element("input", { type: "checkbox" });
      tick.checked = one.lanes.includes(lane.id);
      tick.addEventListener("change", () => {
        one.lanes = one.lanes.filter((name) => name !== lane.id);
        if (tick.checked) one.lanes.push(lane.id);
        this.#changed("typed");
      });
      return element("label", { class: "tick" }, tick, lane.id);
    });
    return element("div", {}, ...ticks);
  }

  #remover(remove: () => void): HTMLButtonElement {
    const one = button("×", { "aria-label": this.#text("desk.cal.remove") });
    one.addEventListener("click", () => {
      remove();
      for (const other of [...this.#hands.draft.stop_lines, ...this.#hands.draft.lights]) {
        const known = new Set(this.#hands.draft.lanes.map((lane) => lane.id));
        other.lanes = other.lanes.filter((lane) => known.has(lane));
      }
      this.#changed("removed");
    });
    return one;
  }
}

function drop<T>(from: T[], one: T): void {
  from.splice(from.indexOf(one), 1);
}
