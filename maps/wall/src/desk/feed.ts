/** The focal officer's page: this period's workbook, trying it, sending it, taking it back. */
import { element } from "../dom.ts";
import { number } from "../format.ts";
import { type Key, t } from "../i18n.ts";
import {
  batches,
  feeds,
  markedUpload,
  originalUrl,
  Refused,
  sendUpload,
  templateUrl,
  tryUpload,
  undo,
} from "./api.ts";
import { age, download, level, localDay, moment, pill, said, scoreText } from "./look.ts";
import { acting, button, type Page, table, words } from "./page.ts";
import type { Batch, FeedOut, Receipt } from "./wire.ts";

const LEVEL_OF = {
  accepted: "good",
  partial: "warn",
  refused: "bad",
  repeated: "none",
  undone: "none",
} as const;

export async function feedsPage(page: Page): Promise<Node> {
  const all = await feeds();
  const mine = all.filter((one) => one.mine);
  const rest = all.filter((one) => !one.mine);
  const list = (of: readonly FeedOut[]) =>
    element("div", { class: "cards" }, ...of.map((one) => card(page, one)));
  const section = element("section", {});
  if (mine.length > 0) {
    section.append(element("h2", {}, t(page.language, "desk.my_feeds")), list(mine));
  }
  if (rest.length > 0) {
    section.append(element("h2", {}, t(page.language, "desk.other_feeds")), list(rest));
  }
  return section;
}

function card(page: Page, feed: FeedOut): HTMLElement {
  const { language } = page;
  return element(
    "a",
    { class: "feed-card", href: `#/nguon/${feed.id}` },
    element(
      "div",
      { class: "row between" },
      element("strong", {}, said(feed.title, language)),
      pill(scoreText(feed.quality.grade), level(feed.quality.grade)),
    ),
    element("span", { class: "dim" }, said(feed.unit, language)),
    element("p", {}, said(feed.about, language)),
    element(
      "span",
      { class: "dim" },
      feed.received_at
        ? t(language, "desk.received", { age: age(feed.received_at, page.now(), language) })
        : t(language, "desk.never"),
    ),
  );
}

export async function feedPage(page: Page, id: string): Promise<Node> {
  const [all, sent] = await Promise.all([feeds(), batches(id).catch(() => [] as Batch[])]);
  const feed = all.find((one) => one.id === id);
  if (feed === undefined) return element("p", {}, t(page.language, "desk.no_feed"));
  const text = (key: Key, values = {}) => t(page.language, key, values);
  const section = element(
    "section",
    {},
    element("div", { class: "page-head" }, element("h2", {}, said(feed.title, page.language))),
    element("p", {}, said(feed.about, page.language)),
    facts(page, feed),
  );
  if (feed.mine) section.append(steps(page, feed));
  section.append(element("h3", {}, text("desk.deliveries")), history(page, feed, sent));
  return section;
}

function facts(page: Page, feed: FeedOut): HTMLElement {
  const { language } = page;
  const item = (key: Key, value: string | Node) =>
    element("div", {}, element("dt", {}, t(language, key)), element("dd", {}, value));
  const links = element("div", { class: "row" });
  for (const [key, path] of [
    ["desk.doc.page", "docs"],
    ["desk.doc.annex", "annex.docx"],
    ["desk.doc.schema", "schema"],
  ] as const) {
    links.append(element("a", { href: `/api/feeds/${feed.id}/${path}` }, t(language, key)));
  }
  return element(
    "dl",
    { class: "facts" },
    item("desk.unit", said(feed.unit, language)),
    item("desk.owner", feed.owner.name || said(feed.owner.post, language)),
    item("desk.system", feed.likely_source),
    item(
      "desk.tables",
      feed.tables
        .map(
          (one) =>
            `${said(one.title, language)} (${t(language, `desk.period.${one.period}` as Key)})`,
        )
        .join(" · "),
    ),
    item("desk.documents", links),
  );
}

/** Three steps, one beside the other: workbook, trial, sending. */
function steps(page: Page, feed: FeedOut): HTMLElement {
  const text = (key: Key, values = {}) => t(page.language, key, values);
  const day = element("input", { type: "date", value: localDay(page.now(), 1) });
  const get = element("a", { class: "button main", href: templateUrl(feed.id, day.value) });
  get.textContent = text("desk.template");
  day.addEventListener("change", () => {
    get.href = templateUrl(feed.id, day.value);
  });
  const outcome = element("div", { class: "outcome", "aria-live": "polite" });
  const step = (n: number, key: Key, ...content: Node[]) =>
    element("div", { class: "step" }, element("h3", {}, `${n}. ${text(key)}`), ...content);
  return element(
    "div",
    {},
    element(
      "div",
      { class: "steps" },
      step(
        1,
        "desk.step.template",
        element("p", { class: "dim" }, text("desk.step.template.about")),
        element("div", { class: "row" }, day, get),
      ),
      step(
        2,
        "desk.step.try",
        element("p", { class: "dim" }, text("desk.step.try.about")),
        dropZone(page, feed, outcome),
      ),
    ),
    outcome,
  );
}

function dropZone(page: Page, feed: FeedOut, outcome: HTMLElement): HTMLElement {
  const input = element("input", {
    type: "file",
    accept: ".xlsx,.csv,.ods",
    "data-testid": "file",
  });
  const zone = element(
    "label",
    { class: "drop" },
    element("strong", {}, t(page.language, "desk.drop")),
    element("span", { class: "dim" }, ".xlsx, .csv"),
    input,
  );
  const take = (file: File | undefined) => {
    if (file) void tried(page, feed, file, outcome);
    input.value = "";
  };
  input.addEventListener("change", () => take(input.files?.[0]));
  zone.addEventListener("dragover", (event) => {
    event.preventDefault();
    zone.dataset.over = "";
  });
  zone.addEventListener("dragleave", () => delete zone.dataset.over);
  zone.addEventListener("drop", (event) => {
    event.preventDefault();
    delete zone.dataset.over;
    take(event.dataTransfer?.files[0]);
  });
  return zone;
}

async function tried(page: Page, feed: FeedOut, file: File, outcome: HTMLElement): Promise<void> {
  outcome.dataset.busy = "";
  outcome.replaceChildren(
    element("p", {}, t(page.language, "desk.reading", { name: file.name })),
    element("progress"),
  );
  try {
    const receipt = await tryUpload(feed.id, file);
    outcome.replaceChildren(verdict(page, feed, file, receipt, outcome));
  } catch (error) {
    outcome.replaceChildren(
      element("p", { class: "failed", role: "alert" }, words(error, page.language)),
    );
  }
}

function verdict(page: Page, feed: FeedOut, file: File, receipt: Receipt, outcome: HTMLElement) {
  const text = (key: Key, values = {}) => t(page.language, key, values);
  const box = element("div", { "data-testid": "verdict" });
  box.append(element("h3", {}, file.name), numbers(page, receipt));
  if (receipt.status === "repeated") {
    box.append(element("p", {}, text("desk.repeated", { n: receipt.batch ?? 0 })));
    return box;
  }
  if (receipt.changes.length > 0) box.append(changes(page, receipt));
  if (receipt.problems.length > 0) box.append(problems(page, feed, file, receipt));
  if (receipt.status === "refused") {
    box.append(element("p", { class: "failed" }, text("desk.refused")));
  } else if (receipt.rows_new + receipt.rows_changed === 0) {
    box.append(element("p", { class: "failed" }, text("desk.nothing_new")));
  } else {
    box.append(signOff(page, feed, file, receipt, outcome));
  }
  return box;
}

function numbers(page: Page, receipt: Receipt): HTMLElement {
  const stat = (key: Key, n: number, of: "good" | "warn" | "bad" | "none") =>
    element(
      "div",
      { class: "number", "data-level": n > 0 ? of : "none" },
      element("strong", {}, number(n, page.language)),
      element("span", {}, t(page.language, key)),
    );
  return element(
    "div",
    { class: "numbers" },
    stat("desk.n.new", receipt.rows_new, "good"),
    stat("desk.n.changed", receipt.rows_changed, "warn"),
    stat("desk.n.same", receipt.rows_same, "none"),
    stat("desk.n.parked", receipt.rows_parked, "bad"),
    stat("desk.n.warnings", receipt.warnings, "warn"),
    stat("desk.n.missing", receipt.missing, "warn"),
  );
}

function changes(page: Page, receipt: Receipt): HTMLElement {
  const text = (key: Key, values = {}) => t(page.language, key, values);
  return element(
    "details",
    { open: "" },
    element("summary", {}, text("desk.changes", { n: receipt.rows_changed, v: receipt.version })),
    table(
      [
        text("desk.area_head"),
        text("desk.period_head"),
        text("desk.cell_head"),
        text("desk.before"),
        text("desk.after"),
      ],
      receipt.changes.map((one) => [
        one.area,
        one.period,
        one.field,
        plain(one.before),
        plain(one.after),
      ]),
    ),
  );
}

const plain = (value: unknown): string =>
  value === null || value === undefined ? "–" : String(value);

function problems(page: Page, feed: FeedOut, file: File, receipt: Receipt): HTMLElement {
  const { language } = page;
  const marked = button(t(language, "desk.marked"));
  acting(page, marked, async () => {
    const name = file.name.replace(/\.\w+$/, "");
    download(await markedUpload(feed.id, file), `${name}-loi.xlsx`);
  });
  return element(
    "div",
    {},
    element(
      "div",
      { class: "row between" },
      element("h3", {}, t(language, "desk.problems", { n: receipt.errors + receipt.warnings })),
      marked,
    ),
    table(
      [t(language, "desk.cell_head"), t(language, "desk.value"), t(language, "desk.reason"), ""],
      receipt.problems.map((one) => [
        element("code", {}, one.place),
        one.value ?? "",
        language === "vi" ? one.vi : one.en,
        pill(
          t(language, `desk.severity.${one.severity}`),
          one.severity === "error" ? "bad" : "warn",
        ),
      ]),
      { "data-testid": "problems" },
    ),
  );
}

function signOff(page: Page, feed: FeedOut, file: File, receipt: Receipt, outcome: HTMLElement) {
  const text = (key: Key, values = {}) => t(page.language, key, values);
  const name = element("input", {
    type: "text",
    minlength: "2",
    required: "",
    value: feed.owner.name,
  });
  const note = element("input", { type: "text", maxlength: "2000" });
  const send = button(text("desk.send", { n: receipt.rows_new + receipt.rows_changed }), {
    class: "button main",
    "data-testid": "send",
  });
  acting(page, send, async () => {
    try {
      const done = await sendUpload(feed.id, file, name.value, note.value);
      delete outcome.dataset.busy;
      page.toast(text("desk.sent", { n: done.batch ?? 0 }), "good");
      await page.refresh();
    } catch (error) {
      if (!(error instanceof Refused) || error.refused === null) throw error;
      outcome.replaceChildren(verdict(page, feed, file, error.refused, outcome));
    }
  });
  const field = (key: Key, input: HTMLElement) =>
    element("label", {}, element("span", {}, text(key)), input);
  return element(
    "div",
    { class: "step" },
    element("h3", {}, `3. ${text("desk.step.send")}`),
    ...(receipt.rows_parked > 0
      ? [element("p", {}, text("desk.partly", { n: receipt.rows_parked }))]
      : []),
    element("div", { class: "row" }, field("desk.signed_by", name), field("desk.note", note), send),
  );
}

function history(page: Page, feed: FeedOut, sent: readonly Batch[]): HTMLElement {
  const { language } = page;
  if (sent.length === 0) return element("p", { class: "dim" }, t(language, "desk.no_deliveries"));
  const heads = (["batch", "at", "door", "by", "rows", "state", ""] as const).map((key) =>
    key ? t(language, `desk.batch.${key}` as Key) : "",
  );
  return table(
    heads,
    sent.map((one) => [
      `#${one.id}`,
      moment(one.received_at),
      t(language, `desk.door.${one.door}` as Key),
      one.signed_by ?? one.sent_by.replace(/^\w+:/, ""),
      `${one.rows_new + one.rows_changed} / ${one.rows_in}`,
      state(page, one),
      tools(page, feed, one),
    ]),
    { "data-testid": "batches" },
  );
}

function state(page: Page, one: Batch): HTMLElement {
  const cell = pill(t(page.language, `desk.status.${one.status}` as Key), LEVEL_OF[one.status]);
  if (one.undo_reason) cell.title = `${one.undo_reason} — ${one.undone_by ?? ""}`;
  if (one.provenance !== "simulated") return cell;
  const marked = element("span", { class: "row", "data-simulated": "" }, cell);
  marked.append(pill(t(page.language, "simulated.tag"), "warn"));
  return marked;
}

function tools(page: Page, feed: FeedOut, one: Batch): HTMLElement {
  const row = element("div", { class: "row" });
  row.append(element("a", { href: originalUrl(one.id) }, t(page.language, "desk.original")));
  if (!feed.mine || (one.status !== "accepted" && one.status !== "partial")) return row;
  const back = button(t(page.language, "desk.undo"));
  back.addEventListener("click", () => {
    const reason = element("input", { type: "text", minlength: "3", required: "" });
    const sure = button(t(page.language, "desk.undo"), { class: "button danger" });
    acting(page, sure, async () => {
      await undo(one.id, reason.value);
      document.querySelector<HTMLDialogElement>("dialog.drawer")?.close();
      page.toast(t(page.language, "desk.undone"), "good");
      await page.refresh();
    });
    page.drawer(
      t(page.language, "desk.undo.title", { n: one.id }),
      element("p", {}, t(page.language, "desk.undo.about")),
      element(
        "form",
        { class: "stack" },
        element("label", {}, element("span", {}, t(page.language, "desk.reason")), reason),
        sure,
      ),
    );
  });
  row.append(back);
  return row;
}
