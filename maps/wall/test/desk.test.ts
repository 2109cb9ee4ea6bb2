import { expect, test } from "vitest";
import { columns, sparkPath } from "../src/desk/chart.ts";
import { fifths } from "../src/desk/figures.ts";
import { countdown, level, localDay, scoreText } from "../src/desk/look.ts";
import type { Figure } from "../src/desk/wire.ts";

const NOON = Date.parse("2026-11-24T05:00:00Z");

test("a score that is not measured is a dash, not a hundred", () => {
  expect(scoreText(null)).toBe("–");
  expect(level(null)).toBe("none");
});

test("a score just below a hundred is not shown as one", () => {
  expect(scoreText(99.96)).toBe("99");
});

test("a deadline ahead is counted down, one behind is late", () => {
  expect(countdown("2026-11-24T08:20:00Z", NOON, "vi")).toBe("còn 3 giờ 20 phút");
  expect(countdown("2026-11-22T05:00:00Z", NOON, "vi")).toBe("trễ 2 ngày");
});

test("a day in Cà Mau begins at five in the afternoon of Greenwich", () => {
  expect(localDay(Date.parse("2026-11-24T17:00:00Z"))).toBe("2026-11-25");
  expect(localDay(Date.parse("2026-11-24T16:59:59Z"))).toBe("2026-11-24");
});

test("what was measured and what is expected never share a column", () => {
  const past = [{ period_start: "2026-11-23T17:00:00Z", value: 3 } as Figure];
  const ahead = [{ start: "2026-11-24T17:00:00Z", value: 4, low: 2, high: 6 }];
  const [times, measured, expected, low, high] = columns(past, ahead);
  expect(times[1]).toBe((times[0] ?? 0) + 86_400);
  expect(measured).toEqual([3, null]);
  expect(expected).toEqual([null, 4]);
  expect([low[1], high[1]]).toEqual([2, 6]);
});

test("a missing day breaks the line", () => {
  expect(sparkPath([0, null, 100], 0, 100)).toBe("M0.0,28.0M100.0,2.0");
});

test("communes with the same value have the same colour", () => {
  const fifth = fifths([0, 0, 0, 0, 5]);
  expect(fifth(0)).toBe(0);
  expect(fifth(5)).toBeGreaterThan(fifth(0));
});
