/** Boxes of longitude and latitude: what to frame, and whether cameras need a window of their own. */
import type { Feature, FeatureCollection, MultiPolygon, Polygon, Position } from "geojson";
import type { Place } from "./wire.ts";

/** West, south, east, north. */
export type Box = [number, number, number, number];

/** About 3 km: a lone camera is framed with its surroundings. */
const LEAST_SPAN = 0.026;
/** Cameras within this share of the province are dots on each other at its scale. */
const CROWDED = 0.25;

export function boxOf(places: readonly Place[]): Box | null {
  if (places.length === 0) return null;
  const lons = places.map((place) => place.lon);
  const lats = places.map((place) => place.lat);
  return [Math.min(...lons), Math.min(...lats), Math.max(...lons), Math.max(...lats)];
}

export function boxOfFeatures(features: FeatureCollection): Box | null {
  const box: Box = [180, 90, -180, -90];
  const widen = ([lon = 0, lat = 0]: Position) => {
    box[0] = Math.min(box[0], lon);
    box[1] = Math.min(box[1], lat);
    box[2] = Math.max(box[2], lon);
    box[3] = Math.max(box[3], lat);
  };
  for (const { geometry } of features.features) {
    if (geometry?.type === "Polygon") geometry.coordinates.flat(1).forEach(widen);
    if (geometry?.type === "MultiPolygon") geometry.coordinates.flat(2).forEach(widen);
  }
  return box[0] > box[2] ? null : box;
}

/** The box around a small group, widened to a readable least size with a margin. */
export function framed([west, south, east, north]: Box): Box {
  const lon = Math.max((east - west) * 0.1, (LEAST_SPAN - (east - west)) / 2);
  const lat = Math.max((north - south) * 0.1, (LEAST_SPAN - (north - south)) / 2);
  return [west - lon, south - lat, east + lon, north + lat];
}

export function crowded(cameras: Box, province: Box): boolean {
  const lon = (cameras[2] - cameras[0]) / (province[2] - province[0]);
  const lat = (cameras[3] - cameras[1]) / (province[3] - province[1]);
  return lon < CROWDED && lat < CROWDED;
}

export const outline = ([west, south, east, north]: Box): FeatureCollection => ({
  type: "FeatureCollection",
  features: [
    {
      type: "Feature",
      properties: {},
      geometry: {
        type: "Polygon",
        coordinates: [
          [
            [west, south],
            [east, south],
            [east, north],
            [west, north],
            [west, south],
          ],
        ],
      },
    },
  ],
});

/** Samples along each side of a box when names are placed inside it. */
const GRID = 16;

/**
 * A point for each area that shows inside a box, well inside the part that shows.
 *
 * Each area takes the sample that lies furthest from the box's edge and from samples of its
 * neighbours: exact enough for a name, and right for areas that bend around each other.
 */
export function namePoints<P>(
  areas: readonly Feature<Polygon | MultiPolygon, P>[],
  box: Box,
): { properties: P; at: Position }[] {
  const owners = samples(box).map(({ at, column, row }) => ({
    at,
    column,
    row,
    area: areas.find((area) => contains(area.geometry, at)),
  }));
  const room = (mine: (typeof owners)[number]): number =>
    owners
      .filter((other) => other.area !== mine.area)
      .reduce(
        (least, other) =>
          Math.min(least, Math.hypot(other.column - mine.column, other.row - mine.row)),
        Math.min(mine.column, mine.row, GRID - 1 - mine.column, GRID - 1 - mine.row) + 1,
      );
  const best = new Map<Feature<Polygon | MultiPolygon, P>, { at: Position; room: number }>();
  for (const sample of owners) {
    if (sample.area === undefined) continue;
    const here = { at: sample.at, room: room(sample) };
    if (here.room > (best.get(sample.area)?.room ?? 1)) best.set(sample.area, here);
  }
  return [...best].map(([area, { at }]) => ({ properties: area.properties, at }));
}

function samples([west, south, east, north]: Box) {
  return Array.from({ length: GRID * GRID }, (_unused, at) => {
    const column = at % GRID;
    const row = Math.floor(at / GRID);
    const lon = west + ((column + 0.5) / GRID) * (east - west);
    const lat = south + ((row + 0.5) / GRID) * (north - south);
    return { at: [lon, lat] as Position, column, row };
  });
}

const contains = (geometry: Polygon | MultiPolygon, at: Position): boolean =>
  geometry.type === "Polygon"
    ? inRings(geometry.coordinates, at)
    : geometry.coordinates.some((rings) => inRings(rings, at));

/** Even-odd rule over all rings, so holes count as outside. */
function inRings(rings: readonly Position[][], [lon = 0, lat = 0]: Position): boolean {
  let inside = false;
  for (const ring of rings) {
    for (let at = 1; at < ring.length; at += 1) {
      const [x1 = 0, y1 = 0] = ring[at - 1] ?? [];
      const [x2 = 0, y2 = 0] = ring[at] ?? [];
      const crosses = y1 > lat !== y2 > lat;
      if (crosses && lon < ((x2 - x1) * (lat - y1)) / (y2 - y1) + x1) inside = !inside;
    }
  }
  return inside;
}
