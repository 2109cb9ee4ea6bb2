/** Events and cameras as the API sends them, with only what a test cares about spelled out. */
import type { CameraOut, EventOut } from "../src/wire.ts";

/** 2026-11-24 10:00:00 in Cà Mau. */
export const NOW = Date.parse("2026-11-24T03:00:00Z");

export const at = (secondsAgo: number): string => new Date(NOW - secondsAgo * 1000).toISOString();

export const event = (change: Partial<EventOut> = {}): EventOut => ({
  id: "e1",
  kind: "plate",
  box: "box-a",
  camera: "c1",
  seen_at: at(1),
  received_at: at(0),
  location: { lon: 105.15, lat: 9.18 },
  commune: { code: "32002", name_vi: "Phường An Xuyên", name_en: "An Xuyen Ward" },
  plate_display: "69•••••••",
  masked: true,
  simulated: false,
  replayed: false,
  clock_suspect: false,
  data: {},
  change: 1,
  ...change,
});

export const camera = (change: Partial<CameraOut> = {}): CameraOut => ({
  id: "c1",
  box: "box-a",
  title_vi: "Cầu Gành Hào",
  title_en: "Ganh Hao bridge",
  location: { lon: 105.15, lat: 9.18 },
  simulated: false,
  state: "ok",
  box_online: true,
  last_seen_at: at(2),
  last_event_at: null,
  counts: {},
  fps: 25,
  change: 10,
  ...change,
});
