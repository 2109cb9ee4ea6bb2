/** How scores, states and moments look: colour never alone, always with a word or a number. */
import { element } from "../dom.ts";
import { ago, number, ZONE } from "../format.ts";
import { type Key, type Language, locale, t } from "../i18n.ts";
import type { Figure, Words } from "./wire.ts";

export type Level = "good" | "warn" | "bad" | "none";

/** Bounds of the steward's map: 90 is good, below 70 somebody has to act. */
const GOOD = 90;
const BAD = 70;

export function level(score: number | null): Level {
  if (score === null) return "none";
  if (score >= GOOD) return "good";
  return score >= BAD ? "warn" : "bad";
}

/** Rounded down: 99.96 is not "100", which would say that nothing is wrong. */
export function scoreText(score: number | null): string {
  return score === null ? "–" : String(Math.floor(score));
}

export const said = (words: Words, language: Language): string => words[language];

export function valueText(figure: Figure, language: Language): string {
  if (figure.suppressed) return t(language, "desk.suppressed");
  if (figure.value === null) return t(language, "desk.missing");
  return number(figure.value, language, figure.decimals);
}

/** "25/11 17:05"; with the year where it is not this one. */
export function moment(iso: string, nowMs = Date.now()): string {
  const of = (at: Date) =>
    Object.fromEntries(MOMENT.formatToParts(at).map((part) => [part.type, part.value]));
  const { day, month, year, hour, minute } = of(new Date(iso));
  const when = `${day}/${month}${year === of(new Date(nowMs)).year ? "" : `/${year}`}`;
  return `${when} ${hour}:${minute}`;
}

const MOMENT = new Intl.DateTimeFormat("en-GB", {
  timeZone: ZONE,
  day: "2-digit",
  month: "2-digit",
  year: "numeric",
  hour: "2-digit",
  minute: "2-digit",
  hourCycle: "h23",
});

export function dayText(day: string, language: Language): string {
  return new Intl.DateTimeFormat(locale(language), {
    timeZone: "UTC",
    day: "2-digit",
    month: "2-digit",
    year: "numeric",
  }).format(new Date(`${day}T00:00:00Z`));
}

export const age = (iso: string, nowMs: number, language: Language): string =>
  ago(nowMs - Date.parse(iso), language);

/** "còn 3 giờ 20 phút" or "trễ 2 ngày". */
export function countdown(dueIso: string, nowMs: number, language: Language): string {
  const minutes = Math.round((Date.parse(dueIso) - nowMs) / 60_000);
  const text = span(Math.abs(minutes), language);
  return t(language, minutes >= 0 ? "desk.due_in" : "desk.late_by", { span: text });
}

function span(minutes: number, language: Language): string {
  const key = (name: Key, n: number) => t(language, name, { n });
  if (minutes < 60) return key("desk.minutes", minutes);
  if (minutes < 48 * 60) {
    const rest = minutes % 60;
    const hours = key("desk.hours", Math.floor(minutes / 60));
    return rest && minutes < 600 ? `${hours} ${key("desk.minutes", rest)}` : hours;
  }
  return key("desk.days", Math.floor(minutes / 1440));
}

/** Today in Cà Mau, `days` back. */
export function localDay(nowMs: number, days = 0): string {
  return new Date(nowMs + 7 * 3_600_000 - days * 86_400_000).toISOString().slice(0, 10);
}

export function pill(text: string, of: Level | "info"): HTMLElement {
  return element("span", { class: "pill", "data-level": of }, text);
}

type Origin = Pick<Figure, "as_of" | "received_at" | "source" | "provenance" | "quality"> & {
  figureVersion?: number;
};

/** The small print that every figure carries: as of, received, source, provenance, quality. */
export function origin(figure: Origin, nowMs: number, language: Language): HTMLElement {
  const parts = [
    t(language, "desk.as_of", { at: moment(figure.as_of) }),
    t(language, "desk.received", { age: age(figure.received_at, nowMs, language) }),
    said(figure.source.unit, language),
    t(language, `desk.provenance.${figure.provenance}` as Key),
    t(language, "desk.grade_of", { n: scoreText(figure.quality.grade) }),
  ];
  if (figure.figureVersion !== undefined && figure.figureVersion > 1) {
    parts.push(t(language, "desk.version", { n: figure.figureVersion }));
  }
  return element("p", { class: "origin" }, parts.join(" · "));
}

export function download(blob: Blob, name: string): void {
  const url = URL.createObjectURL(blob);
  element("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
