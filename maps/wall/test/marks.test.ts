import { expect, test } from "vitest";
import {
  arrowThrough,
  type Draft,
  emptyDraft,
  freeName,
  lanesUnder,
  sendable,
  sentNumbers,
  withoutStrip,
  type XY,
} from "../src/desk/marks.ts";

const SQUARE: XY[] = [
  [100, 500],
  [300, 500],
  [300, 100],
  [100, 100],
];

const draft = (): Draft => emptyDraft("cam-1", false, { width: 640, height: 480 });

test("a mark without a place on the ground is not sent, and the others keep their numbers", () => {
  const made = draft();
  made.points = [
    { px: [1, 1], m: [null, 2] },
    { px: [2, 2], m: [0, 0] },
  ];
  expect(sendable(made).points).toEqual([{ px: [2, 2], m: [0, 0] }]);
  expect(sentNumbers(made)).toEqual([1]);
});

test("a mark at the origin of the road has a place", () => {
  const made = draft();
  made.points = [{ px: [2, 2], m: [0, 0] }];
  expect(sentNumbers(made)).toEqual([0]);
});

test("a lane's first arrow runs up the picture inside the lane", () => {
  const [tail, head] = arrowThrough(SQUARE);
  expect(tail[1]).toBeGreaterThan(head[1]);
  for (const [x, y] of [tail, head]) {
    expect(x).toBe(200);
    expect(y).toBeGreaterThan(100);
    expect(y).toBeLessThan(500);
  }
});

test("a stop line governs the lanes that it crosses", () => {
  const made = draft();
  made.lanes = [
    { id: "in", polygon_px: SQUARE },
    { id: "out", polygon_px: SQUARE.map(([x, y]): XY => [x + 300, y]) },
  ];
  expect(
    lanesUnder(made, [
      [90, 200],
      [310, 210],
    ]),
  ).toEqual(["in"]);
});

test("a new shape takes the first name that is free", () => {
  expect(freeName("lan", [{ id: "lan-1" }, { id: "lan-3" }])).toBe("lan-2");
});

test("the caption of covered evidence is no part of the picture", () => {
  expect(withoutStrip(720 + 25, (row) => row >= 720)).toBe(720);
  expect(withoutStrip(300 + 16, (row) => row >= 300)).toBe(300);
});

test("a dark lower edge that is no caption stays", () => {
  expect(withoutStrip(720, (row) => row >= 600)).toBe(720);
  expect(withoutStrip(720, () => false)).toBe(720);
  expect(withoutStrip(720, () => true)).toBe(720);
});
