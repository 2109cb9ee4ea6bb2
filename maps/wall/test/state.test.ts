import { describe, expect, test } from "vitest";
import {
  anySimulated,
  CAMERA_STALE_MS,
  cameraLook,
  camerasOnline,
  EMPTY,
  KEPT_EVENTS,
  linkLook,
  Store,
  withCameraSnapshot,
  withCameras,
  withChange,
  withClosedLine,
  withCounts,
  withEvents,
  withHealth,
  withLiveEvent,
  withOpenLine,
  withReset,
  withToday,
} from "../src/state.ts";
import { at, camera, event, NOW } from "./fixtures.ts";

const MIDNIGHT = Date.parse("2026-11-23T17:00:00Z");

describe("events", () => {
  test("an event that arrives twice is listed once", () => {
    const once = withEvents(EMPTY, [event()]);
    expect(withEvents(once, [event(), event()])).toBe(once);
  });

  test("an event sent late takes its place by the time it was seen", () => {
    const state = withEvents(EMPTY, [event({ id: "new" }), event({ id: "old", seen_at: at(60) })]);
    const late = withEvents(state, [event({ id: "late", seen_at: at(30), replayed: true })]);
    expect(late.events.map(({ id }) => id)).toEqual(["new", "late", "old"]);
  });

  test("a flood keeps the newest and no more than the wall remembers", () => {
    const flood = Array.from({ length: KEPT_EVENTS * 2 }, (_unused, second) =>
      event({ id: `e${second}`, seen_at: at(second) }),
    );
    const { events } = withEvents(EMPTY, flood.toReversed());
    expect(events).toHaveLength(KEPT_EVENTS);
    expect(events[0]?.id).toBe("e0");
  });

  test("a live event counts once towards today", () => {
    const counted = withToday(EMPTY, [{ commune: null, kind: "plate", n: 5 }]);
    const one = withLiveEvent(counted, event(), MIDNIGHT);
    expect(withLiveEvent(one, event(), MIDNIGHT).today).toBe(6);
  });

  test("yesterday's event sent late does not count towards today", () => {
    const counted = withToday(EMPTY, []);
    const late = event({ seen_at: new Date(MIDNIGHT - 1).toISOString() });
    expect(withLiveEvent(counted, late, MIDNIGHT).today).toBe(0);
  });

  test("an unknown count stays unknown until the server tells it", () => {
    expect(withLiveEvent(EMPTY, event(), MIDNIGHT).today).toBeNull();
  });
});

describe("cameras", () => {
  test("an older change does not overwrite a newer one", () => {
    const state = withCameras(EMPTY, [camera({ change: 10, state: "broken" })]);
    const after = withCameras(state, [camera({ change: 9, state: "ok" })]);
    expect(after.cameras.get("box-a/c1")?.state).toBe("broken");
  });

  test("two boxes may use one camera name", () => {
    expect(withCameras(EMPTY, [camera(), camera({ box: "box-b" })]).cameras.size).toBe(2);
  });

  test("a camera that the server no longer lists leaves the wall", () => {
    const state = withCameras(EMPTY, [camera()]);
    expect(withCameraSnapshot(state, []).cameras.size).toBe(0);
  });

  test("a camera is stale one millisecond past the limit, not on it", () => {
    const seen = new Date(NOW - CAMERA_STALE_MS).toISOString();
    expect(cameraLook(camera({ last_seen_at: seen }), NOW)).toBe("ok");
    expect(cameraLook(camera({ last_seen_at: seen }), NOW + 1)).toBe("stale");
  });

  test("a camera whose box is offline is stale whatever it last said", () => {
    expect(cameraLook(camera({ box_online: false, state: "ok" }), NOW)).toBe("stale");
  });

  test("a camera that has just been set up is starting, not stale", () => {
    expect(cameraLook(camera({ state: "starting", last_seen_at: null }), NOW)).toBe("starting");
  });

  test("only working cameras count as online", () => {
    const state = withCameras(EMPTY, [camera(), camera({ id: "c2", state: "no_signal" })]);
    expect(camerasOnline(state, NOW)).toEqual([1, 2]);
  });
});

describe("simulated", () => {
  test("one simulated event is enough for the banner", () => {
    expect(anySimulated(withEvents(EMPTY, [event(), event({ id: "s", simulated: true })]))).toBe(
      true,
    );
  });

  test("a simulated camera is enough before its first event", () => {
    expect(anySimulated(withCameras(EMPTY, [camera({ simulated: true })]))).toBe(true);
  });

  test("real data shows no banner", () => {
    expect(anySimulated(withCameras(withEvents(EMPTY, [event()]), [camera()]))).toBe(false);
  });
});

describe("link", () => {
  const open = withChange(withOpenLine(EMPTY, NOW), 7, NOW);

  test("fresh data on an open line is live", () => {
    expect(linkLook(open.link, NOW + 3000)).toEqual({
      level: "good",
      key: "link.live",
      ageMs: 3000,
    });
  });

  test("a line that is renewed within seconds stays live", () => {
    const renewing = withClosedLine(open, NOW);
    expect(linkLook(renewing.link, NOW + 5999).key).toBe("link.live");
    expect(linkLook(renewing.link, NOW + 6000).key).toBe("link.reconnecting");
    expect(withOpenLine(renewing, NOW).link.downAt).toBeNull();
  });

  test("a line that fails again and again is down since the first time", () => {
    const { link } = withClosedLine(withClosedLine(open, NOW), NOW + 5000);
    expect(link.downAt).toBe(NOW);
  });

  test("a broken line is amber at first and red after half a minute of silence", () => {
    const closed = withClosedLine(open, NOW).link;
    expect(linkLook(closed, NOW + 30_000).key).toBe("link.reconnecting");
    expect(linkLook(closed, NOW + 30_001)).toMatchObject({ level: "bad", key: "link.lost" });
  });

  test("a line that looks open but has gone silent is red", () => {
    expect(linkLook(open.link, NOW + 31_000).level).toBe("bad");
  });

  test("an open line with nothing new says how old the picture is", () => {
    const alive = withHealth(open, { ok: true, database: true, broker: true }, NOW + 70_000);
    expect(linkLook(alive.link, NOW + 70_000)).toMatchObject({ key: "link.quiet", ageMs: 70_000 });
  });

  test("a server in trouble is said, even when data still flows", () => {
    const sick = withHealth(open, { ok: false, database: true, broker: false }, NOW);
    expect(linkLook(sick.link, NOW).key).toBe("link.broker");
  });

  test("before the first answer the wall is connecting", () => {
    expect(linkLook(EMPTY.link, NOW)).toEqual({
      level: "warn",
      key: "link.connecting",
      ageMs: null,
    });
  });

  test("after a restore the wall resumes where the server now stands", () => {
    expect(withReset(open, 2).lastChange).toBe(2);
  });

  test("the resume point never runs backwards", () => {
    expect(withChange(withChange(open, 3, NOW), null, NOW).lastChange).toBe(7);
  });
});

test("counts add up by commune and leave the unplaced out", () => {
  const { counts } = withCounts(EMPTY, [
    { commune: "32002", kind: "plate", n: 2 },
    { commune: "32002", kind: "plate", n: 3 },
    { commune: "32002", kind: "traffic", n: 1 },
    { commune: null, kind: "plate", n: 9 },
  ]);
  expect([...counts]).toEqual([["32002", { plate: 5, traffic: 1 }]]);
});

test("a change that changes nothing draws nothing", () => {
  const store = new Store();
  let told = 0;
  store.onChange(() => {
    told += 1;
  });
  store.update((state) => withEvents(state, [event()]));
  store.update((state) => withEvents(state, [event()]));
  expect(told).toBe(1);
});
