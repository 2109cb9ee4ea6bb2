/** The steward's page: every feed by its four scores, who answers for it, when it is due. */
import { element } from "../dom.ts";
import { type Key, type Language, t } from "../i18n.ts";
import { addWindow, deadlines, explain, feeds, nudge, scoreDay, scores } from "./api.ts";
import { spark } from "./chart.ts";
import { age, countdown, dayText, level, localDay, moment, said, scoreText } from "./look.ts";
import { acting, button, type Page, table } from "./page.ts";
import {
  type Cell,
  type Deadline,
  DIMENSIONS,
  type Dimension,
  type FeedOut,
  type Quality,
  type Score,
} from "./wire.ts";

const TREND_DAYS = 30;
const CELLS_SHOWN = 200;

export async function heatPage(page: Page): Promise<Node> {
  const now = page.now();
  const [all, due, past] = await Promise.all([
    feeds(),
    deadlines(),
    scores(localDay(now, TREND_DAYS), localDay(now)),
  ]);
  const text = (key: Key, values = {}) => t(page.language, key, values);
  const rows = all.map((feed) => row(page, feed, nextDue(due, feed.id), past));
  const heads = [
    text("desk.feed"),
    ...DIMENSIONS.map((one) => text(`desk.${one}`)),
    text("desk.grade"),
    text("desk.trend", { n: TREND_DAYS }),
    text("desk.newest"),
    text("desk.due"),
    text("desk.owner"),
    "",
  ];
  const map = table(heads, rows, { class: "heat", "data-testid": "heat" });
  const tools = element("div", { class: "row" }, summary(page.language, all));
  if (page.may.has("feeds:steward")) tools.append(maintenance(page, all));
  return element(
    "section",
    {},
    element("div", { class: "page-head" }, element("h2", {}, text("desk.heat.title")), tools),
    element("p", { class: "dim" }, text("desk.heat.about")),
    map,
    ...(anySimulated(all) ? [element("i", { "data-simulated": "", hidden: "" })] : []),
  );
}

const anySimulated = (all: FeedOut[]): boolean =>
  all.some((feed) => feed.provenance === "simulated");

function summary(language: Language, all: FeedOut[]): HTMLElement {
  const count = (of: string) => all.filter((one) => level(one.quality.grade) === of).length;
  const parts = (["good", "warn", "bad", "none"] as const).map((of) =>
    element(
      "span",
      { class: "pill", "data-level": of },
      `${count(of)} ${t(language, `desk.level.${of}`)}`,
    ),
  );
  return element("div", { class: "row" }, ...parts);
}

function nextDue(due: readonly Deadline[], feed: string): Deadline | undefined {
  return due
    .filter((one) => one.feed === feed && one.stage !== "done")
    .sort((one, other) => one.due_at.localeCompare(other.due_at))[0];
}

function row(page: Page, feed: FeedOut, due: Deadline | undefined, past: readonly Score[]) {
  const mine = past.filter((one) => one.feed === feed.id);
  const name = element("a", { href: `#/nguon/${feed.id}`, class: "feed-name" });
  name.append(
    element("strong", {}, said(feed.title, page.language)),
    element("span", { class: "dim" }, said(feed.unit, page.language)),
  );
  return [
    name,
    ...DIMENSIONS.map((one) => tile(page, feed, feed.quality[one], one)),
    tile(page, feed, feed.quality.grade, null),
    spark(mine.map((one) => one.grade)),
    newest(page, feed),
    deadline(page, due),
    person(page, feed),
    reminder(page, feed),
  ];
}

function tile(page: Page, feed: FeedOut, score: number | null, of: Dimension | null): HTMLElement {
  const open = element(
    "button",
    { type: "button", class: "tile", "data-level": level(score) },
    scoreText(score),
  );
  const day = feed.quality.day;
  const about = of ? t(page.language, `desk.${of}`) : t(page.language, "desk.grade");
  open.setAttribute(
    "aria-label",
    `${said(feed.title, page.language)}: ${about} ${scoreText(score)}`,
  );
  if (day === null) open.disabled = true;
  else acting(page, open, () => showDay(page, feed, day, of));
  return open;
}

function newest(page: Page, feed: FeedOut): HTMLElement {
  const when = feed.received_at
    ? age(feed.received_at, page.now(), page.language)
    : t(page.language, "desk.never");
  const cell = element("div", {}, when);
  if (feed.source && feed.source.failures > 0) {
    cell.append(
      element(
        "span",
        { class: "pill", "data-level": "bad", title: feed.source.failure ?? "" },
        t(page.language, "desk.source_down", { n: feed.source.failures }),
      ),
    );
  }
  if (feed.parked_today > 0) {
    cell.append(
      element(
        "span",
        { class: "pill", "data-level": "warn" },
        t(page.language, "desk.parked", { n: feed.parked_today }),
      ),
    );
  }
  return cell;
}

function deadline(page: Page, due: Deadline | undefined): HTMLElement {
  if (due === undefined) return element("span", { class: "dim" }, t(page.language, "desk.all_in"));
  const late = Date.parse(due.due_at) < page.now();
  const cell = element(
    "div",
    { class: late ? "late" : "" },
    element("strong", {}, countdown(due.due_at, page.now(), page.language)),
    element("span", { class: "dim" }, `${due.period} · ${moment(due.due_at)}`),
  );
  if (due.suspended) {
    cell.append(element("span", { class: "pill" }, t(page.language, "desk.in_maintenance")));
  }
  return cell;
}

function person(page: Page, feed: FeedOut): HTMLElement {
  const { owner } = feed;
  const cell = element("div", {}, owner.name || said(owner.post, page.language));
  if (owner.phone) {
    cell.append(element("a", { href: `tel:${owner.phone.replaceAll(" ", "")}` }, owner.phone));
  } else if (!feed.confirmed) {
    cell.append(element("span", { class: "dim" }, t(page.language, "desk.unconfirmed")));
  }
  return cell;
}

function reminder(page: Page, feed: FeedOut): HTMLElement {
  if (!page.may.has("feeds:steward")) return element("span");
  const send = button(t(page.language, "desk.nudge"));
  acting(page, send, async () => {
    const sent = await nudge(feed.id);
    page.toast(t(page.language, "desk.nudged", { n: sent.items.length }), "good");
  });
  return send;
}

async function showDay(page: Page, feed: FeedOut, day: string, of: Dimension | null) {
  const found = await scoreDay(feed.id, day);
  const text = (key: Key, values = {}) => t(page.language, key, values);
  const title = `${said(feed.title, page.language)} · ${dayText(day, page.language)}`;
  const versions = table(
    [
      text("desk.version_head"),
      ...DIMENSIONS.map((one) => text(`desk.${one}`)),
      text("desk.cause"),
      text("desk.computed"),
    ],
    found.versions.map((one) => [
      `v${one.version}`,
      ...DIMENSIONS.map((name) => scoreText((one as Quality)[name])),
      text(`desk.cause.${one.cause}` as Key),
      moment(one.computed_at),
    ]),
  );
  const cells = element("div");
  const filter = element("div", { class: "row" });
  const draw = (wanted: Dimension | null) => {
    for (const one of filter.children) {
      one.setAttribute("aria-pressed", String((one as HTMLElement).dataset.of === (wanted ?? "")));
    }
    cells.replaceChildren(
      cellTable(
        page,
        found.cells.filter((one) => !wanted || one.dimension === wanted),
      ),
    );
  };
  for (const one of [null, ...DIMENSIONS]) {
    const choose = button(one ? text(`desk.${one}`) : text("filter.all"), { "data-of": one ?? "" });
    choose.addEventListener("click", () => draw(one));
    filter.append(choose);
  }
  draw(of);
  const explained = element(
    "ul",
    { class: "said" },
    ...found.explanations.map((one) =>
      element("li", {}, `${one.text} — ${one.said_by}, ${moment(one.said_at)}`),
    ),
  );
  const body = page.drawer(title, versions, element("h3", {}, text("desk.cells")), filter, cells);
  if (found.more_cells) body.append(element("p", { class: "dim" }, text("desk.more_cells")));
  body.append(element("h3", {}, text("desk.explanations")), explained);
  if (feed.mine) body.append(explanation(page, feed.id, day));
}

function cellTable(page: Page, cells: readonly Cell[]): HTMLElement {
  const { language } = page;
  if (cells.length === 0) return element("p", { class: "dim" }, t(language, "desk.no_cells"));
  const heads = (
    ["dimension", "area_head", "period_head", "cell_head", "value", "reason"] as const
  ).map((key) => t(language, `desk.${key}`));
  return table(
    heads,
    cells
      .slice(0, CELLS_SHOWN)
      .map((one) => [
        t(language, `desk.${one.dimension}`),
        one.area_name ?? one.area ?? "",
        one.period ?? "",
        one.place || (one.field ?? ""),
        one.value ?? "",
        language === "vi" ? one.vi : one.en,
      ]),
  );
}

function explanation(page: Page, feed: string, day: string): HTMLElement {
  const text = element("textarea", { rows: "3", minlength: "3", maxlength: "2000", required: "" });
  text.setAttribute("aria-label", t(page.language, "desk.explain"));
  const send = button(t(page.language, "desk.explain"));
  acting(page, send, async () => {
    await explain(feed, day, text.value);
    page.toast(t(page.language, "desk.saved"), "good");
    document.querySelector<HTMLDialogElement>("dialog.drawer")?.close();
  });
  return element("form", { class: "stack" }, text, send);
}

function maintenance(page: Page, all: readonly FeedOut[]): HTMLElement {
  const open = button(t(page.language, "desk.maintenance"));
  open.addEventListener("click", () => {
    const text = (key: Key) => t(page.language, key);
    const which = element("select", {}, element("option", { value: "" }, text("desk.every_feed")));
    for (const one of all) {
      which.append(element("option", { value: one.id }, said(one.title, page.language)));
    }
    const starts = element("input", { type: "datetime-local", required: "" });
    const ends = element("input", { type: "datetime-local", required: "" });
    const reason = element("input", { type: "text", minlength: "3", required: "" });
    const save = button(text("desk.save"), { class: "button main" });
    const at = (value: string) => `${value}:00+07:00`;
    acting(page, save, async () => {
      await addWindow(which.value || null, at(starts.value), at(ends.value), reason.value);
      page.toast(text("desk.saved"), "good");
      document.querySelector<HTMLDialogElement>("dialog.drawer")?.close();
      await page.refresh();
    });
    const field = (key: Key, input: HTMLElement) =>
      element("label", {}, element("span", {}, text(key)), input);
    page.drawer(
      text("desk.maintenance"),
      element("p", { class: "dim" }, text("desk.maintenance.about")),
      element(
        "form",
        { class: "stack" },
        field("desk.feed", which),
        field("desk.starts", starts),
        field("desk.ends", ends),
        field("desk.reason", reason),
        save,
      ),
    );
  });
  return open;
}
