import { expect, test } from "vitest";
import en from "../src/i18n/en.json";
import vi from "../src/i18n/vi.json";
import { phrase, t } from "../src/i18n.ts";

test("both languages know the same phrases", () => {
  expect(Object.keys(en).sort()).toEqual(Object.keys(vi).sort());
});

test("both languages fill in the same values", () => {
  const blanks = (text: string) => (text.match(/\{\w+\}/g) ?? []).sort();
  const english: Record<string, string> = en;
  for (const [key, text] of Object.entries(vi)) {
    expect(blanks(english[key] ?? ""), key).toEqual(blanks(text));
  }
});

test("no phrase is empty", () => {
  for (const text of [...Object.values(vi), ...Object.values(en)]) expect(text.trim()).not.toBe("");
});

test("a value is filled in", () => {
  expect(t("vi", "age.seconds", { n: 3 })).toBe("3 giây trước");
});

test("a word that only the wire knows is shown as it came", () => {
  expect(phrase("vi", "vehicle.hovercraft", "hovercraft")).toBe("hovercraft");
});
