/** Cuts Natural Earth's 1:10m land to the region around Cà Mau while the page is built. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import bboxClip from "@turf/bbox-clip";
import type { Feature, MultiPolygon, Polygon, Position } from "geojson";
import { feature } from "topojson-client";
import type { GeometryCollection, Topology } from "topojson-specification";
import type { Plugin } from "vite";

/** West, south, east, north: what the widest wall can show around the province. */
export const REGION = [98, 4, 109, 14] as const;
const MODULE = "virtual:land";
// Four decimals are 11 m, below the source's own error.
const DECIMALS = 1e4;

export function landAround(region: readonly [number, number, number, number]): MultiPolygon {
  const path = createRequire(import.meta.url).resolve("world-atlas/land-10m.json");
  const atlas = JSON.parse(readFileSync(path, "utf-8")) as Topology<{ land: GeometryCollection }>;
  const coordinates = feature(atlas, atlas.objects.land).features.flatMap((land) => {
    const { geometry } = bboxClip(land as Feature<Polygon | MultiPolygon>, [...region]);
    return geometry.type === "MultiPolygon"
      ? geometry.coordinates
      : [geometry.coordinates as Position[][]];
  });
  // The clip leaves an empty polygon for every island of the world outside the region.
  return { type: "MultiPolygon", coordinates: coordinates.filter((rings) => rings.length > 0) };
}

export function landPlugin(): Plugin {
  return {
    name: "ioc-land",
    resolveId: (id) => (id === MODULE ? `\0${MODULE}` : undefined),
    load(id) {
      if (id !== `\0${MODULE}`) return undefined;
      const land = JSON.stringify(landAround(REGION), (_key, value: unknown) =>
        typeof value === "number" ? Math.round(value * DECIMALS) / DECIMALS : value,
      );
      return `export default JSON.parse(${JSON.stringify(land)});`;
    },
  };
}
