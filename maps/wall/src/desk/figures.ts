/** Figures: the province's newest values by domain; one indicator by commune and over time. */
import type { MultiPolygon, Polygon, Position } from "geojson";
import { communes } from "../api.ts";
import { element } from "../dom.ts";
import { number } from "../format.ts";
import { type Key, t } from "../i18n.ts";
import type { Communes } from "../wire.ts";
import { byArea, figures, forecast, series } from "./api.ts";
import { chart } from "./chart.ts";
import { age, level, localDay, origin, pill, said, scoreText, valueText } from "./look.ts";
import { type Page, table } from "./page.ts";
import type { Figure, Forecast } from "./wire.ts";

const PROVINCE = "96";
const HISTORY_DAYS = 120;
/** Blues that differ in lightness alone, so that they hold for every eye. */
const RAMP = ["#12314a", "#1b4d73", "#2770a3", "#4a9fd1", "#9ad3f2"] as const;
const ALARM = { warn: "#ffb84d", danger: "#ff7a7a" } as const;

export async function figuresPage(page: Page): Promise<Node> {
  const all = await figures();
  const by = Map.groupBy(all, (one) => one.source.feed);
  const section = element("section", {}, element("h2", {}, t(page.language, "desk.figures")));
  if (all.length === 0) {
    section.append(element("p", { class: "dim" }, t(page.language, "desk.no_figures")));
  }
  for (const group of by.values()) {
    const [first] = group;
    if (first === undefined) continue;
    section.append(
      element(
        "div",
        { class: "row" },
        element("h3", {}, said(first.source.title, page.language)),
        pill(
          t(page.language, "desk.grade_of", { n: scoreText(first.quality.grade) }),
          level(first.quality.grade),
        ),
      ),
      element("div", { class: "cards" }, ...group.map((one) => card(page, one))),
    );
  }
  return section;
}

function card(page: Page, one: Figure): HTMLElement {
  const link = element("a", {
    class: "figure-card",
    href: `#/chi-tieu/${one.indicator}`,
    "data-state": one.state,
    "data-code": one.indicator,
  });
  if (one.provenance === "simulated") link.dataset.simulated = "";
  const part =
    one.expected !== null && one.covered < one.expected
      ? t(page.language, "desk.covered", { n: one.covered, of: one.expected })
      : "";
  link.append(
    element("span", {}, said(one.title, page.language)),
    element(
      "strong",
      {},
      valueText(one, page.language),
      element("small", {}, one.unit ? ` ${one.unit}` : ""),
    ),
    element("span", { class: "dim" }, [one.period, part].filter(Boolean).join(" · ")),
    origin({ ...one, figureVersion: one.version }, page.now(), page.language),
  );
  return link;
}

export async function figurePage(page: Page, code: string): Promise<Node> {
  const since = localDay(page.now(), HISTORY_DAYS);
  const [areas, past, ahead, outlines] = await Promise.all([
    byArea(code),
    series(code, PROVINCE, since),
    forecast(code, PROVINCE),
    communes(),
  ]);
  const newest = past.at(-1) ?? areas[0];
  const text = (key: Key, values = {}) => t(page.language, key, values);
  if (newest === undefined) return element("p", { class: "dim" }, text("desk.no_figures"));
  const section = element(
    "section",
    {},
    element(
      "div",
      { class: "page-head" },
      element("h2", {}, said(newest.title, page.language)),
      element(
        "div",
        { class: "big", "data-state": newest.state },
        valueText(newest, page.language),
        element("small", {}, ` ${newest.unit} · ${newest.period}`),
      ),
    ),
    origin({ ...newest, figureVersion: newest.version }, page.now(), page.language),
    past.length > 1
      ? chart(
          {
            past,
            ahead: ahead?.points ?? [],
            unit: newest.unit,
            labels: {
              at: text("desk.day"),
              past: text("desk.measured"),
              ahead: text("desk.forecast"),
            },
          },
          page.language,
        )
      : element("p", { class: "dim" }, text("desk.too_few")),
    forecastNote(page, ahead),
  );
  if (newest.provenance === "simulated") section.dataset.simulated = "";
  if (areas.length > 0) {
    section.append(
      element("h3", {}, text("desk.by_commune")),
      element(
        "div",
        { class: "map-and-list" },
        choropleth(page, outlines, areas),
        ranking(page, areas),
      ),
    );
  }
  section.append(exports(page, code));
  return section;
}

function forecastNote(page: Page, ahead: Forecast | null): HTMLElement {
  const { language } = page;
  if (ahead === null) return element("p", { class: "dim" }, t(language, "desk.no_forecast"));
  if (ahead.status !== "made") {
    const why = ahead.reason ? said(ahead.reason, language) : "";
    return element("p", { class: "dim" }, why);
  }
  const champion = ahead.errors.find((one) => one.champion);
  const percent = (value: number | null | undefined) =>
    value === null || value === undefined ? "–" : number(value * 100, language, 1);
  return element(
    "p",
    { class: "dim" },
    t(language, "desk.forecast.about", {
      model: ahead.model ?? "–",
      wape: percent(champion?.mean_wape),
      coverage: percent(mean(champion?.inside ?? [])),
      n: ahead.n,
    }),
  );
}

function mean(values: readonly (number | null)[]): number | null {
  const known = values.filter((value): value is number => value !== null);
  return known.length > 0 ? known.reduce((sum, value) => sum + value, 0) / known.length : null;
}

function ranking(page: Page, areas: readonly Figure[]): HTMLElement {
  const sorted = [...areas].sort((one, other) => (other.value ?? -1) - (one.value ?? -1));
  return table(
    [
      t(page.language, "desk.area_head"),
      t(page.language, "desk.value"),
      t(page.language, "desk.newest"),
    ],
    sorted.map((one) => [
      one.area_name,
      one.state === "ok"
        ? valueText(one, page.language)
        : pill(valueText(one, page.language), one.state === "warn" ? "warn" : "bad"),
      `${one.period} · ${age(one.received_at, page.now(), page.language)}`,
    ]),
  );
}

/** Which fifth of the communes a value lies in; equal values share a colour. */
export function fifths(values: readonly number[]): (value: number) => number {
  const sorted = [...values].sort((one, other) => one - other);
  const cuts = [0.2, 0.4, 0.6, 0.8].map(
    (share) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0,
  );
  return (value) => cuts.filter((cut) => value > cut).length;
}

function choropleth(page: Page, outlines: Communes, areas: readonly Figure[]): Element {
  const by = new Map(areas.map((one) => [one.area, one]));
  const known = areas.flatMap((one) => (one.value === null ? [] : [one.value]));
  const fifth = fifths(known);
  const drawing = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const project = projection(outlines);
  drawing.setAttribute("viewBox", `0 0 ${project.width.toFixed(0)} ${project.height.toFixed(0)}`);
  drawing.setAttribute("class", "choropleth");
  drawing.setAttribute("role", "img");
  drawing.setAttribute("aria-label", t(page.language, "desk.by_commune"));
  for (const feature of outlines.features) {
    const code = String(feature.properties?.code ?? "");
    const one = by.get(code);
    const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
    path.setAttribute("d", project.path(feature.geometry as Polygon | MultiPolygon));
    path.setAttribute("fill", colour(one, fifth));
    const title = document.createElementNS("http://www.w3.org/2000/svg", "title");
    const name = String(feature.properties?.name_vi ?? code);
    title.textContent = one
      ? `${name}: ${valueText(one, page.language)} ${one.unit} (${one.period})`
      : `${name}: ${t(page.language, "desk.missing")}`;
    path.append(title);
    drawing.append(path);
  }
  return element("figure", {}, drawing, legend(page, known, areas[0]?.unit ?? ""));
}

function colour(one: Figure | undefined, fifth: (value: number) => number): string {
  if (one === undefined || one.value === null) return "none";
  if (one.state !== "ok") return ALARM[one.state];
  return RAMP[fifth(one.value)] ?? RAMP[0];
}

function legend(page: Page, known: readonly number[], unit: string): HTMLElement {
  const text = (value: number) => number(value, page.language, 1);
  const sign = (fill: string) => {
    const box = element("i", { class: "key" });
    box.style.background = fill;
    return box;
  };
  return element(
    "figcaption",
    { class: "row dim" },
    ...(known.length > 0 ? [text(Math.min(...known))] : []),
    ...RAMP.map(sign),
    ...(known.length > 0 ? [`${text(Math.max(...known))} ${unit}`] : []),
    sign(ALARM.warn),
    t(page.language, "desk.state.warn"),
    sign(ALARM.danger),
    t(page.language, "desk.state.danger"),
    element("i", { class: "key hollow" }),
    t(page.language, "desk.missing"),
  );
}

/** Degrees to pixels, true to shape at the province's latitude; 600 wide. */
function projection(outlines: Communes) {
  const points: Position[] = [];
  for (const { geometry } of outlines.features) {
    for (const ring of rings(geometry as Polygon | MultiPolygon)) points.push(...ring);
  }
  const lons = points.map(([lon]) => lon ?? 0);
  const lats = points.map(([, lat]) => lat ?? 0);
  const extreme = (pick: (one: number, other: number) => number, of: number[]) =>
    of.reduce((one, other) => pick(one, other));
  const [west, east] = [extreme(Math.min, lons), extreme(Math.max, lons)];
  const [south, north] = [extreme(Math.min, lats), extreme(Math.max, lats)];
  const squeeze = Math.cos((((south + north) / 2) * Math.PI) / 180);
  const width = 600;
  const scale = width / ((east - west) * squeeze);
  const at = ([lon = 0, lat = 0]: Position): string =>
    `${((lon - west) * squeeze * scale).toFixed(1)},${((north - lat) * scale).toFixed(1)}`;
  return {
    width,
    height: (north - south) * scale,
    path: (geometry: Polygon | MultiPolygon): string =>
      rings(geometry)
        .map((ring) => `M${ring.map(at).join("L")}Z`)
        .join(""),
  };
}

const rings = (geometry: Polygon | MultiPolygon): Position[][] =>
  geometry.type === "Polygon" ? geometry.coordinates : geometry.coordinates.flat();

function exports(page: Page, code: string): HTMLElement {
  const row = element(
    "div",
    { class: "row" },
    element("span", { class: "dim" }, t(page.language, "desk.export")),
  );
  for (const format of ["csv", "xlsx", "geojson", "parquet"]) {
    row.append(
      element("a", { href: `/api/figures/${code}/export?form=${format}` }, format.toUpperCase()),
    );
  }
  return row;
}
