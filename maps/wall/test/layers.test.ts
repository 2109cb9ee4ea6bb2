import { expect, test } from "vitest";
import { livePoints, newestByPlace } from "../src/layers.ts";
import { EMPTY, withCameras, withEvents } from "../src/state.ts";
import { at, camera, event, NOW } from "./fixtures.ts";

test("an event leaves the map after a minute", () => {
  const state = withEvents(EMPTY, [
    event({ id: "on", seen_at: at(60) }),
    event({ id: "off", seen_at: at(61) }),
  ]);
  expect(livePoints(state, NOW)).toHaveLength(1);
});

test("an event without a place of its own stands at its camera", () => {
  const seen = withEvents(EMPTY, [event({ location: null })]);
  const state = withCameras(seen, [camera({ location: { lon: 105.2, lat: 9.1 } })]);
  expect(livePoints(state, NOW)).toMatchObject([{ lon: 105.2, lat: 9.1, atCamera: true }]);
});

test("an event with no place at all is not put anywhere", () => {
  const state = withEvents(EMPTY, [event({ location: null, camera: null })]);
  expect(livePoints(state, NOW)).toEqual([]);
});

test("one place shows its newest event", () => {
  const state = withEvents(EMPTY, [
    event({ id: "a", seen_at: at(9) }),
    event({ id: "b", seen_at: at(2) }),
  ]);
  const [shown, ...rest] = newestByPlace(livePoints(state, NOW));
  expect(shown?.seenAt).toBe(NOW - 2000);
  expect(rest).toEqual([]);
});
