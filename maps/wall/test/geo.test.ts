import type { Feature, Polygon } from "geojson";
import { expect, test } from "vitest";
import {
  type Box,
  boxOf,
  boxOfFeatures,
  crowded,
  framed,
  namePoints,
  outline,
} from "../src/geo.ts";

const PROVINCE: Box = [104.5, 8.4, 105.9, 9.7];

const area = (name: string, box: Box): Feature<Polygon, { name: string }> => {
  const [feature] = outline(box).features as Feature<Polygon>[];
  return { ...(feature as Feature<Polygon>), properties: { name } };
};

test("cameras of one town want a window of their own, cameras of the province do not", () => {
  expect(crowded([105.14, 9.17, 105.16, 9.19], PROVINCE)).toBe(true);
  expect(crowded([104.8, 8.6, 105.7, 9.3], PROVINCE)).toBe(false);
});

test("a lone camera is framed with its surroundings", () => {
  const [west, south, east, north] = framed([105.15, 9.18, 105.15, 9.18]);
  expect(east - west).toBeCloseTo(0.026);
  expect(north - south).toBeCloseTo(0.026);
});

test("no places have no box", () => {
  expect(boxOf([])).toBeNull();
  expect(boxOfFeatures({ type: "FeatureCollection", features: [] })).toBeNull();
});

test("the box of a polygon is its own", () => {
  expect(boxOfFeatures(outline(PROVINCE))).toEqual(PROVINCE);
});

test("an area that only reaches into the view is named inside the view", () => {
  const west = area("west", [100, 8, 105.2, 10]);
  const east = area("east", [105.2, 8, 110, 10]);
  const named = namePoints([west, east], [105, 9, 105.3, 9.3]);
  const lons = new Map(named.map(({ properties, at: [lon = 0] }) => [properties.name, lon]));
  expect(lons.get("west")).toBeGreaterThan(105);
  expect(lons.get("west")).toBeLessThan(105.2);
  expect(lons.get("east")).toBeGreaterThan(105.2);
});

test("an area outside the view is not named", () => {
  expect(namePoints([area("far", [101, 8, 102, 9])], [105, 9, 105.3, 9.3])).toEqual([]);
});
