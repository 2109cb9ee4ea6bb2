/** Boxes of longitude and latitude: what to frame, and whether cameras need a window of their own. */
import type { FeatureCollection, Position } from "geojson";
import type { Place } from "./wire.ts";

/** West, south, east, north. */
export type Box = [number, number, number, number];

/** About 2 km: a lone camera is framed with its surroundings. */
const LEAST_SPAN = 0.02;
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
  const lon = Math.max((east - west) * 0.25, (LEAST_SPAN - (east - west)) / 2);
  const lat = Math.max((north - south) * 0.25, (LEAST_SPAN - (north - south)) / 2);
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
