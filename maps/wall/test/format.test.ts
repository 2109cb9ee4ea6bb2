import { expect, test } from "vitest";
import { ago, clock, date, hoursToday, midnight, number } from "../src/format.ts";
import { NOW } from "./fixtures.ts";

test("numbers are written the Vietnamese way", () => {
  expect(number(1234567.5, "vi", 1)).toBe("1.234.567,5");
});

test("the clock shows Cà Mau's time wherever the wall PC thinks it is", () => {
  expect(clock(NOW)).toBe("10:00:00");
});

test("the date names the day in the reader's language", () => {
  expect(date(NOW, "vi")).toContain("Thứ Ba");
  expect(date(NOW, "en")).toContain("Tuesday");
});

test.each([
  [-5000, "vừa xong"],
  [999, "vừa xong"],
  [1000, "1 giây trước"],
  [59_999, "59 giây trước"],
  [60_000, "1 phút trước"],
  [3_599_999, "59 phút trước"],
  [3_600_000, "1 giờ trước"],
  [86_400_000, "1 ngày trước"],
])("an age of %i ms reads %s", (ageMs, words) => {
  expect(ago(ageMs, "vi")).toBe(words);
});

test("the day begins at midnight in Cà Mau", () => {
  const first = Date.parse("2026-11-23T17:00:00Z");
  expect(midnight(first)).toBe(first);
  expect(midnight(first - 1)).toBe(first - 86_400_000);
  expect(hoursToday(first)).toBe(0);
  expect(hoursToday(first - 1)).toBe(23);
  expect(hoursToday(NOW)).toBe(10);
});
