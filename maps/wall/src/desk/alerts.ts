/** Alerts and tasks: what wants doing, until when, by whom; the steps of each kind. */
import { element } from "../dom.ts";
import { number } from "../format.ts";
import { type Key, type Language, t } from "../i18n.ts";
import { alert, alerts, stepAlert } from "./api.ts";
import { countdown, moment, origin, pill, said } from "./look.ts";
import { acting, button, type Page, table, words } from "./page.ts";
import type { Alert, AlertDetail } from "./wire.ts";

const SEVERITY = { warn: "warn", danger: "bad" } as const;
const CLOSED = new Set(["closed", "false_alarm"]);

export async function alertsPage(page: Page, id: string): Promise<Node> {
  const text = (key: Key, values = {}) => t(page.language, key, values);
  const [open, done] = await Promise.all([alerts(true), alerts(false)]);
  const section = element(
    "section",
    {},
    element("h2", {}, text("desk.alerts")),
    open.length > 0 ? grouped(page, open) : element("p", { class: "dim" }, text("desk.no_alerts")),
    element(
      "details",
      {},
      element("summary", {}, text("desk.alerts.done", { n: done.length })),
      list(page, done),
    ),
  );
  if ([...open, ...done].some((one) => one.simulated)) {
    section.dataset.simulated = "";
  }
  if (id) await showAlert(page, Number(id));
  return section;
}

/** From how many on alerts of one kind are one line that opens. */
const MANY = 4;

/** Alerts in their order; many of one indicator stand together, worst first. */
function grouped(page: Page, of: readonly Alert[]): HTMLElement {
  const groups = Map.groupBy(of, (one) => `${one.kind} ${one.indicator ?? one.id}`);
  const alone: Alert[] = [];
  const together: HTMLElement[] = [];
  for (const group of groups.values()) {
    const [first] = group;
    if (first === undefined || group.length < MANY) alone.push(...group);
    else together.push(crowd(page, first, group));
  }
  const parts = alone.length > 0 ? [list(page, alone), ...together] : together;
  return element("div", { class: "stack" }, ...parts);
}

function crowd(page: Page, first: Alert, group: readonly Alert[]): HTMLElement {
  const { language } = page;
  const worst = group.some((one) => one.severity === "danger") ? "danger" : "warn";
  const line = element(
    "summary",
    {},
    pill(t(language, `desk.severity.${worst}`), SEVERITY[worst]),
    element("strong", {}, ` ${said(first.title, language)} `),
    element("span", { class: "dim" }, t(language, "desk.alerts.places", { n: group.length })),
  );
  return element("details", { class: "crowd" }, line, list(page, group));
}

function list(page: Page, of: readonly Alert[]): HTMLElement {
  const { language } = page;
  const heads = (["severity", "what", "where", "since", "due", "owner", "state"] as const).map(
    (key) => t(language, `desk.alert.${key}`),
  );
  return table(
    heads,
    of.map((one) => [
      pill(t(language, `desk.severity.${one.severity}` as Key), SEVERITY[one.severity]),
      what(page, one),
      one.area_name,
      moment(one.opened_at),
      due(page, one),
      owner(one, language),
      t(language, `desk.alert.state.${one.state}` as Key),
    ]),
    { "data-testid": "alerts" },
  );
}

function what(page: Page, one: Alert): HTMLElement {
  const open = element("button", { type: "button", class: "link" });
  const value =
    one.value === null || one.indicator === null
      ? ""
      : ` ${number(one.value, page.language, 1)} ${one.unit}`.trimEnd();
  open.append(
    element("strong", {}, `${said(one.title, page.language)}${value}`),
    // An alert without an indicator is named by its reason: once is enough.
    ...(said(one.reason, page.language) === said(one.title, page.language)
      ? []
      : [element("span", { class: "dim" }, said(one.reason, page.language))]),
  );
  acting(page, open, () => showAlert(page, one.id));
  return open;
}

function due(page: Page, one: Alert): Node | string {
  if (CLOSED.has(one.state)) return "";
  return element(
    "strong",
    { class: one.overdue ? "late" : "" },
    countdown(one.due_at, page.now(), page.language),
  );
}

const owner = (one: Alert, language: Language): string =>
  one.owner.name || one.owner.account || (one.owner.post ? said(one.owner.post, language) : "");

async function showAlert(page: Page, id: number): Promise<void> {
  draw(page, await alert(id));
}

function draw(page: Page, found: AlertDetail): void {
  const { language } = page;
  const one = found.alert;
  const text = (key: Key, values = {}) => t(language, key, values);
  const body = page.drawer(
    said(one.title, language),
    element("p", {}, said(one.reason, language)),
    element(
      "div",
      { class: "row" },
      pill(text(`desk.severity.${one.severity}` as Key), SEVERITY[one.severity]),
      pill(text(`desk.alert.state.${one.state}` as Key), "info"),
      ...(one.simulated ? [pill(text("simulated.tag"), "warn")] : []),
      element("span", { class: "dim" }, owner(one, language)),
      due(page, one),
    ),
    origin(one, page.now(), language),
    element("h3", {}, said(one.checklist.title, language)),
    checklist(page, found),
  );
  if (page.may.has("alerts") && !CLOSED.has(one.state)) body.append(actions(page, found));
  body.append(
    element("h3", {}, text("desk.near")),
    found.near.length > 0
      ? table(
          [text("desk.alert.what"), text("desk.distance"), text("desk.at")],
          found.near.map((other) => [
            other.title ?? other.id,
            `${number(other.distance_m, language)} m`,
            other.at ? moment(other.at) : "",
          ]),
        )
      : element("p", { class: "dim" }, text("desk.near.none")),
    element("h3", {}, text("desk.history")),
    element(
      "ul",
      { class: "said" },
      ...one.steps.map((step) =>
        element(
          "li",
          {},
          `${moment(step.at)} · ${step.by} · ${text(`desk.action.${step.action}` as Key)}${step.note ? ` · ${step.note}` : ""}`,
        ),
      ),
    ),
  );
}

function checklist(page: Page, found: AlertDetail): HTMLElement {
  const { alert: one } = found;
  const { checklist: sop } = one;
  // The steps are for whoever has taken the alert.
  const may = page.may.has("alerts") && one.state === "acknowledged";
  return element(
    "div",
    {},
    ...sop.intro.map((line) => element("p", { class: "dim" }, line)),
    element(
      "ul",
      { class: "checklist" },
      ...sop.steps.map((step) => {
        const box = element("input", { type: "checkbox" });
        box.checked = step.done;
        box.disabled = !may;
        box.addEventListener(
          "change",
          () => void act(page, found, { action: "tick", step: step.step, done: box.checked }),
        );
        const who = step.by ? ` — ${step.by}` : "";
        return element("li", {}, element("label", {}, box, said(step.text, page.language) + who));
      }),
    ),
  );
}

async function act(page: Page, found: AlertDetail, body: Record<string, unknown>): Promise<void> {
  try {
    draw(page, await stepAlert(found.alert.id, { ...body, version: found.alert.version }));
  } catch (error) {
    page.toast(words(error, page.language), "bad");
    await showAlert(page, found.alert.id);
  }
  await page.refresh();
}

function actions(page: Page, found: AlertDetail): HTMLElement {
  const text = (key: Key) => t(page.language, key);
  const note = element("input", { type: "text", maxlength: "2000" });
  const to = element("input", { type: "text", maxlength: "100" });
  const choose = (action: string, extra: () => Record<string, unknown> = () => ({})) => {
    const made = button(text(`desk.do.${action}` as Key));
    acting(page, made, () => act(page, found, { action, note: note.value, ...extra() }));
    return made;
  };
  const field = (key: Key, input: HTMLElement) =>
    element("label", {}, element("span", {}, text(key)), input);
  return element(
    "div",
    { class: "stack" },
    field("desk.note", note),
    field("desk.to", to),
    element(
      "div",
      { class: "row" },
      ...(found.alert.state === "open" ? [choose("acknowledge")] : []),
      choose("note"),
      choose("hand_over", () => ({ to: to.value })),
      choose("close"),
      choose("false_alarm"),
    ),
  );
}
