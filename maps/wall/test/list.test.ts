import { expect, test } from "vitest";
import { cameraTitle, passes, summary } from "../src/list.ts";
import { camera, event } from "./fixtures.ts";

test("a plate tells what carried it", () => {
  expect(summary(event({ data: { vehicle: { label: "motorbike" } } }), "vi")).toBe("Xe máy");
});

test("a plate whose vehicle is unknown says nothing of it", () => {
  expect(summary(event({ data: { vehicle: null } }), "vi")).toBe("");
});

test("traffic lists what passed and leaves zeros out", () => {
  const data = { counts: { motorbike: 1200, car: 3, bus: 0 } };
  expect(summary(event({ kind: "traffic", data }), "vi")).toBe("1.200 xe máy, 3 ô tô");
});

test("an empty road is said, not left blank", () => {
  expect(summary(event({ kind: "traffic", data: { counts: {} } }), "en")).toBe(
    "No vehicles passed",
  );
});

test("a camera's new state is named", () => {
  expect(summary(event({ kind: "health", data: { state: "no_signal" } }), "vi")).toBe(
    "Mất tín hiệu",
  );
});

test("a kind that nobody foresaw shows its figures", () => {
  const data = { values: { level_m: 1.25, pump: true } };
  expect(summary(event({ kind: "tide", data }), "vi")).toBe("level_m: 1,25 · pump: true");
});

test("a suspected violation says which rule and what kind of vehicle, never whose", () => {
  const data = { rule: "red_light", vehicle: "motorbike", indicative: true };
  const shown = event({ kind: "violation", plate_display: "69••••••", data });
  expect(summary(shown, "vi")).toBe("Vượt đèn đỏ · Xe máy · chỉ để tham khảo");
  expect(summary({ ...shown, data: { rule: "new_rule" } }, "en")).toBe("new_rule");
  expect(passes("violation", "violation")).toBe(true);
  expect(passes("other", "violation")).toBe(false);
});

test("data of the wrong shape does not break the list", () => {
  expect(summary(event({ kind: "traffic", data: { counts: "many" } }), "vi")).toBe(
    "Không có xe qua",
  );
});

test("a kind without a filter of its own is under the rest", () => {
  expect(passes("other", "tide")).toBe(true);
  expect(passes("other", "plate")).toBe(false);
  expect(passes("plate", "plate")).toBe(true);
});

test("a camera without an English title keeps its Vietnamese one", () => {
  expect(cameraTitle(camera({ title_en: "" }), "en")).toBe("Cầu Gành Hào");
});
