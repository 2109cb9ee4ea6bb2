/** Numbers, dates and ages as people in Cà Mau write them. */
import { type Language, locale, t } from "./i18n.ts";

export const ZONE = "Asia/Ho_Chi_Minh";
const MINUTE_S = 60;
const HOUR_S = 3600;
const DAY_S = 86_400;

export const number = (value: number, language: Language, digits = 0): string =>
  new Intl.NumberFormat(locale(language), { maximumFractionDigits: digits }).format(value);

export const clock = (atMs: number): string =>
  new Intl.DateTimeFormat("vi-VN", {
    timeZone: ZONE,
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
    hourCycle: "h23",
  }).format(atMs);

export const date = (atMs: number, language: Language): string =>
  new Intl.DateTimeFormat(locale(language), {
    timeZone: ZONE,
    weekday: "long",
    day: "2-digit",
    month: "2-digit",
    year: "numeric",
  }).format(atMs);

/** "3 giây trước"; a moment ahead of the clock counts as now. */
export function ago(ageMs: number, language: Language): string {
  const seconds = Math.max(0, Math.floor(ageMs / 1000));
  if (seconds < 1) return t(language, "age.now");
  if (seconds < MINUTE_S) return t(language, "age.seconds", { n: seconds });
  if (seconds < HOUR_S) return t(language, "age.minutes", { n: Math.floor(seconds / MINUTE_S) });
  if (seconds < DAY_S) return t(language, "age.hours", { n: Math.floor(seconds / HOUR_S) });
  return t(language, "age.days", { n: Math.floor(seconds / DAY_S) });
}

/** The last midnight in Cà Mau, which keeps UTC+7 all year. */
export function midnight(nowMs: number): number {
  const offsetMs = 7 * HOUR_S * 1000;
  const dayMs = DAY_S * 1000;
  return Math.floor((nowMs + offsetMs) / dayMs) * dayMs - offsetMs;
}

/** Whole hours since midnight in Cà Mau: 0 to 23. `/api/counts` adds the running one. */
export const hoursToday = (nowMs: number): number =>
  Math.floor((nowMs - midnight(nowMs)) / (HOUR_S * 1000));
