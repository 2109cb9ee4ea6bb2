/** Live events as deck.gl layers: binary attributes, the same ids on every frame. */
import type { Layer } from "@deck.gl/core";
import { ScatterplotLayer } from "@deck.gl/layers";
import { cameraOf, LIVE_MS, type State } from "./state.ts";

export type Rgb = readonly [number, number, number];

/** How long the ring of a new event runs outwards. */
export const RING_MS = 3000;
const HALO_PX = 20;
const RING_FROM_PX = 12;
const RING_TO_PX = 54;
const CORE_PX = 7;

const KIND_RGB: Readonly<Record<string, Rgb>> = {
  plate: [76, 201, 240],
  violation: [255, 107, 107],
  traffic: [190, 160, 255],
  health: [255, 184, 77],
};
const OTHER_RGB: Rgb = [232, 241, 248];

export const kindRgb = (kind: string): Rgb => KIND_RGB[kind] ?? OTHER_RGB;

export interface LivePoint {
  lon: number;
  lat: number;
  rgb: Rgb;
  seenAt: number;
  /** A camera's sign already marks the place. */
  atCamera: boolean;
}

/** Events young enough to show, with a place of their own or their camera's. */
export function livePoints(state: State, now: number): LivePoint[] {
  const points: LivePoint[] = [];
  for (const event of state.events) {
    const seenAt = Date.parse(event.seen_at);
    // Newest first: the rest is older still.
    if (now - seenAt > LIVE_MS) break;
    const camera = cameraOf(state, event);
    const place = event.location ?? camera?.location;
    if (place === undefined || place === null) continue;
    points.push({ ...place, rgb: kindRgb(event.kind), seenAt, atCamera: camera !== undefined });
  }
  return points;
}

/** Newest point of each place; more on top of each other would never fade. */
export function newestByPlace(points: readonly LivePoint[]): LivePoint[] {
  const places = new Map<string, LivePoint>();
  for (const point of points) {
    const key = `${point.lon},${point.lat}`;
    if (!places.has(key)) places.set(key, point);
  }
  return [...places.values()];
}

const freshness = (ageMs: number, spanMs: number): number =>
  Math.min(1, Math.max(0, 1 - ageMs / spanMs));

interface Dots {
  id: string;
  points: readonly LivePoint[];
  alpha: (point: LivePoint) => number;
  radius: (point: LivePoint) => number;
  stroked?: boolean;
}

// A new typed array on every call: deck.gl compares by identity and would miss a change in place.
function dots({ id, points, alpha, radius, stroked = false }: Dots): Layer {
  const positions = new Float32Array(points.length * 2);
  const colours = new Uint8Array(points.length * 4);
  const radii = new Float32Array(points.length);
  points.forEach((point, at) => {
    positions.set([point.lon, point.lat], at * 2);
    colours.set([...point.rgb, Math.round(255 * alpha(point))], at * 4);
    radii[at] = radius(point);
  });
  const colour = { value: colours, size: 4, normalized: true };
  return new ScatterplotLayer({
    id,
    data: {
      length: points.length,
      attributes: {
        getPosition: { value: positions, size: 2 },
        getRadius: { value: radii, size: 1 },
        [stroked ? "getLineColor" : "getFillColor"]: colour,
      },
    },
    radiusUnits: "pixels",
    lineWidthUnits: "pixels",
    getLineWidth: 3,
    stroked,
    filled: !stroked,
    pickable: false,
  });
}

/** Halo that fades over a minute, ring that runs outwards, core where no camera stands. */
export function liveLayers(points: readonly LivePoint[], now: number, scale: number): Layer[] {
  const places = newestByPlace(points);
  const young = points.filter((point) => now - point.seenAt < RING_MS);
  const left = (point: LivePoint) => freshness(now - point.seenAt, LIVE_MS);
  const ringLeft = (point: LivePoint) => freshness(now - point.seenAt, RING_MS);
  return [
    dots({
      id: "live-halo",
      points: places,
      alpha: (point) => 0.08 + 0.42 * left(point),
      radius: () => HALO_PX * scale,
    }),
    dots({
      id: "live-ring",
      points: young,
      stroked: true,
      alpha: (point) => 0.95 * ringLeft(point),
      radius: (point) => (RING_TO_PX - (RING_TO_PX - RING_FROM_PX) * ringLeft(point)) * scale,
    }),
    dots({
      id: "live-core",
      points: places.filter((point) => !point.atCamera),
      alpha: (point) => 0.25 + 0.75 * left(point),
      radius: () => CORE_PX * scale,
    }),
  ];
}
