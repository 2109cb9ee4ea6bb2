/** Lines over time on uPlot: what was measured, what is expected, and how sure that is. */
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { element } from "../dom.ts";
import { type Language, locale } from "../i18n.ts";
import type { Figure, ForecastPoint } from "./wire.ts";

const LINE = "#4cc9f0";
const AHEAD = "#ffb84d";
const BAND = "rgb(255 184 77 / 22%)";
const GRID = "#264057";
const TEXT = "#afc1cf";
const ZONE = "Asia/Ho_Chi_Minh";

export interface Lines {
  past: readonly Figure[];
  ahead: readonly ForecastPoint[];
  unit: string;
  labels: { at: string; past: string; ahead: string };
}

const seconds = (iso: string): number => Date.parse(iso) / 1000;

/** The columns uPlot wants: times, measured, forecast, low, high; null is "nothing there". */
export function columns(past: readonly Figure[], ahead: readonly ForecastPoint[]) {
  const times = [
    ...past.map((one) => seconds(one.period_start)),
    ...ahead.map((one) => seconds(one.start)),
  ];
  const gap = (n: number): null[] => Array<null>(n).fill(null);
  const before = gap(past.length);
  return [
    times,
    [...past.map((one) => one.value), ...gap(ahead.length)],
    [...before, ...ahead.map((one) => one.value)],
    [...before, ...ahead.map((one) => one.low)],
    [...before, ...ahead.map((one) => one.high)],
  ] as const;
}

export function chart(lines: Lines, language: Language): HTMLElement {
  const host = element("div", { class: "chart" });
  const axis = { stroke: TEXT, grid: { stroke: GRID, width: 1 }, ticks: { stroke: GRID } };
  const format = new Intl.NumberFormat(locale(language), { maximumFractionDigits: 1 });
  const show = (_: uPlot, value: number | null) => (value === null ? "–" : format.format(value));
  const plot = new uPlot(
    {
      width: 800,
      height: 300,
      tzDate: (at) => uPlot.tzDate(new Date(at * 1000), ZONE),
      fmtDate: (template) =>
        uPlot.fmtDate(template.includes("{MMM}") ? "{DD}/{MM}/{YYYY}" : template),
      axes: [
        { ...axis, values: (_, ticks) => ticks.map((tick) => shortDay(tick)) },
        { ...axis, size: 70, values: (_, ticks) => ticks.map((tick) => format.format(tick)) },
      ],
      series: [
        { label: lines.labels.at, value: (_, at) => (at === null ? "–" : longDay(at, language)) },
        {
          label: `${lines.labels.past} (${lines.unit})`,
          stroke: LINE,
          width: 2,
          points: { show: lines.past.length < 3 },
          value: show,
        },
        { label: lines.labels.ahead, stroke: AHEAD, width: 2, dash: [8, 5], value: show },
        { label: "2,5 %", stroke: "transparent", value: show },
        { label: "97,5 %", stroke: "transparent", value: show },
      ],
      bands: [{ series: [4, 3], fill: BAND }],
    },
    columns(lines.past, lines.ahead).map((column) => [...column]) as uPlot.AlignedData,
    host,
  );
  new ResizeObserver(([entry]) => {
    const width = entry?.contentRect.width ?? 0;
    if (width > 0) plot.setSize({ width, height: 300 });
  }).observe(host);
  return host;
}

const shortDay = (at: number): string =>
  new Intl.DateTimeFormat("en-GB", { timeZone: ZONE, day: "2-digit", month: "2-digit" }).format(
    at * 1000,
  );

const longDay = (at: number, language: Language): string =>
  new Intl.DateTimeFormat(locale(language), { timeZone: ZONE, dateStyle: "medium" }).format(
    at * 1000,
  );

/** A line as small as a word, for lists; nothing is drawn of fewer than two values. */
export function spark(values: readonly (number | null)[], low = 0, high = 100): SVGElement {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 100 30");
  svg.setAttribute("class", "spark");
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("aria-hidden", "true");
  const known = values.filter((value): value is number => value !== null);
  if (known.length < 2) return svg;
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", sparkPath(values, low, high));
  svg.append(path);
  return svg;
}

export function sparkPath(values: readonly (number | null)[], low: number, high: number): string {
  const step = 100 / Math.max(1, values.length - 1);
  const range = high - low || 1;
  let pen = "M";
  let path = "";
  values.forEach((value, index) => {
    if (value === null) {
      pen = "M";
      return;
    }
    const y = 28 - ((value - low) / range) * 26;
    path += `${pen}${(index * step).toFixed(1)},${y.toFixed(1)}`;
    pen = "L";
  });
  return path;
}
