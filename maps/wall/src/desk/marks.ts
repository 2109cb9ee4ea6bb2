/** What is drawn on a camera's picture: its shapes, the rules of drawing, and the API for it. */
import { getJson, postJson, putJson } from "./api.ts";

export type XY = [number, number];

export interface Mark {
  px: XY;
  /** Metres; null until somebody has typed or dragged them. */
  m: [number | null, number | null];
}

export interface Lane {
  id: string;
  polygon_px: XY[];
  arrow_px?: [XY, XY];
  direction_m?: XY;
  [other: string]: unknown;
}

export interface StopLine {
  id: string;
  ends_px: [XY, XY];
  lanes: string[];
}

export interface Light {
  id: string;
  box_px: [number, number, number, number];
  lanes: string[];
  [other: string]: unknown;
}

export interface Zone {
  id: string;
  polygon_px: XY[];
  max_seconds: number;
  [other: string]: unknown;
}

export interface Draft {
  camera: string;
  simulated: boolean;
  image: { width: number; height: number };
  points: Mark[];
  lanes: Lane[];
  stop_lines: StopLine[];
  lights: Light[];
  zones: Zone[];
  [other: string]: unknown;
}

export interface Fault {
  code: string;
  vi: string;
  en: string;
  points: number[];
}

export interface Outcome {
  scene: unknown;
  faults: Fault[];
  notes: Fault[];
  marks: { error_m: number; left_out_m: number | null; used: boolean }[];
  residual_m: number | null;
  left_out_m: number | null;
  grid_step_m: number | null;
  grid: { axis: "x" | "y"; at_m: number; px: XY[] }[];
}

export interface Kept {
  draft: Draft;
  sha256: string;
  made_at: string;
  made_by: string;
  yaml: string;
}

export interface CameraToCalibrate {
  box: string;
  id: string;
  title_vi: string;
  title_en: string;
  simulated: boolean;
  made_at: string | null;
  residual_m: number | null;
}

const at = (box: string, camera: string) => `/api/cameras/${box}/${camera}/calibration`;

export const camerasToCalibrate = async () =>
  (await getJson<{ items: CameraToCalibrate[] }>("/api/calibration/cameras")).items;
export const kept = (box: string, camera: string) => getJson<Kept>(at(box, camera));
export const preview = (box: string, draft: Draft) =>
  postJson<Outcome>(`${at(box, draft.camera)}/preview`, sendable(draft));
export const keep = (box: string, draft: Draft) =>
  putJson<Kept>(at(box, draft.camera), sendable(draft));

/** Without what is not finished: marks that have no place yet, lines and lights of no lane. */
export function sendable(draft: Draft): Draft {
  return {
    ...draft,
    points: draft.points.filter((mark) => mark.m.every((one) => one !== null)),
    stop_lines: draft.stop_lines.filter((line) => line.lanes.length > 0),
    lights: draft.lights.filter((light) => light.lanes.length > 0),
  };
}

/** Names of lines and lights that govern no lane; they would be lost in saving. */
export const unbound = (draft: Draft): string[] =>
  [...draft.stop_lines, ...draft.lights]
    .filter((one) => one.lanes.length === 0)
    .map((one) => one.id);

/** The number of each sent mark among all: what the server calls 0 may be the third. */
export const sentNumbers = (draft: Draft): number[] =>
  draft.points.flatMap((mark, place) => (mark.m.every((one) => one !== null) ? [place] : []));

/** Drafts come back with places by coordinates too; those are kept as they are. */
export const isMetric = (draft: Draft): boolean =>
  draft.points.every((mark) => Array.isArray(mark.m));

export function emptyDraft(camera: string, simulated: boolean, image: Draft["image"]): Draft {
  return {
    camera,
    simulated,
    image,
    points: [],
    lanes: [],
    stop_lines: [],
    lights: [],
    zones: [],
  };
}

/** "lan-1", "lan-2": the first that is free. */
export function freeName(stem: string, taken: readonly { id: string }[]): string {
  for (let n = 1; ; n += 1) {
    if (!taken.some((one) => one.id === `${stem}-${n}`)) return `${stem}-${n}`;
  }
}

/** An arrow up the picture through a lane's middle: traffic that drives away from the camera. */
export function arrowThrough(polygon: readonly XY[]): [XY, XY] {
  const xs = polygon.map((corner) => corner[0]);
  const ys = polygon.map((corner) => corner[1]);
  const [top, bottom] = [Math.min(...ys), Math.max(...ys)];
  const middle = (y: number) => {
    const near = polygon.filter((corner) => Math.abs(corner[1] - y) <= (bottom - top) / 3);
    const of = near.length > 0 ? near.map((corner) => corner[0]) : xs;
    return of.reduce((sum, x) => sum + x, 0) / of.length;
  };
  const y = (share: number) => bottom + share * (top - bottom);
  const x = (share: number) => middle(bottom) + share * (middle(top) - middle(bottom));
  return [
    [round(x(0.25)), round(y(0.25))],
    [round(x(0.75)), round(y(0.75))],
  ];
}

/** Lanes that a line crosses or ends in. */
export function lanesUnder(draft: Draft, ends: readonly [XY, XY]): string[] {
  return draft.lanes
    .filter((lane) => {
      const steps = Array.from({ length: 21 }, (_, n) => n / 20);
      return steps.some((share) =>
        holds(lane.polygon_px, [
          ends[0][0] + share * (ends[1][0] - ends[0][0]),
          ends[0][1] + share * (ends[1][1] - ends[0][1]),
        ]),
      );
    })
    .map((lane) => lane.id);
}

export function holds(polygon: readonly XY[], [x, y]: XY): boolean {
  let inside = false;
  polygon.forEach(([ax, ay], place) => {
    const [bx, by] = polygon.at(place - 1) ?? [ax, ay];
    if (ay > y !== by > y && x < bx + ((y - by) / (ay - by)) * (ax - bx)) inside = !inside;
  });
  return inside;
}

/** Height of the picture above its caption; evidence carries a strip that is no road. */
export function withoutStrip(total: number, dark: (row: number) => boolean): number {
  let height = total;
  while (height > 0 && dark(height - 1)) height -= 1;
  const strip = total - height;
  const wanted = Math.max(16, Math.round(0.035 * height));
  return Math.abs(strip - wanted) <= 1 ? total - wanted : total;
}

export const round = (value: number): number => Math.round(value * 10) / 10;
