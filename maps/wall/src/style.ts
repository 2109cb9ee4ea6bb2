/** The map's drawing: sea, land, communes, names. No tiles, no glyph server, no sprite. */

import land from "virtual:land";
import type { FeatureCollection } from "geojson";
import type {
  ExpressionSpecification,
  GeoJSONSourceSpecification,
  LayerSpecification,
  StyleSpecification,
} from "maplibre-gl";
import type { Language } from "./i18n.ts";
import places from "./places.json";

/** Family with the weight in its name: MapLibre reads the weight from there. */
export const LABEL_FONT = "Be Vietnam Pro SemiBold";
export const COLOUR = {
  sea: "#0a1723",
  land: "#1a2733",
  landEdge: "#304252",
  commune: "#1b4160",
  communeFull: "#3596c8",
  communeEdge: "#5683a3",
  province: "#5fc3ea",
  text: "#f1f7fb",
  textDim: "#8ba3b5",
  textQuiet: "#a9c0d0",
  textName: "#dbe8f1",
  focus: "#ffffff",
} as const;

/** From here on the names of a town's cameras have room beside each other. */
export const CAMERA_NAME_ZOOM = 11.5;

/** Share of the busiest commune, 0 to 1, kept in feature state so that counts move no geometry. */
const SHARE: ExpressionSpecification = ["coalesce", ["feature-state", "share"], 0];

export const NOTHING: FeatureCollection = { type: "FeatureCollection", features: [] };

export function placesIn(language: Language): FeatureCollection {
  return {
    type: "FeatureCollection",
    features: places.map((place) => ({
      type: "Feature",
      properties: { name: place[language], kind: place.kind },
      geometry: { type: "Point", coordinates: [place.lon, place.lat] },
    })),
  };
}

const live = (): GeoJSONSourceSpecification => ({ type: "geojson", data: NOTHING });

export function wallStyle(language: Language, scale: number, inset: boolean): StyleSpecification {
  return {
    version: 8,
    sources: {
      land: { type: "geojson", data: land },
      places: { type: "geojson", data: placesIn(language) },
      communes: { ...live(), promoteId: "code" },
      names: live(),
      cameras: live(),
      frame: live(),
    },
    layers: [
      ...groundLayers(scale),
      ...nameLayers(language, scale, inset),
      ...cameraLayers(scale, inset),
    ],
  };
}

function groundLayers(scale: number): LayerSpecification[] {
  return [
    { id: "sea", type: "background", paint: { "background-color": COLOUR.sea } },
    { id: "land", type: "fill", source: "land", paint: { "fill-color": COLOUR.land } },
    { id: "land-edge", type: "line", source: "land", paint: { "line-color": COLOUR.landEdge } },
    // Under the opaque communes only its outer half shows: the province's outline for free.
    {
      id: "province",
      type: "line",
      source: "communes",
      layout: { "line-join": "round" },
      paint: { "line-color": COLOUR.province, "line-width": 5 * scale, "line-blur": 2 * scale },
    },
    {
      id: "commune",
      type: "fill",
      source: "communes",
      paint: {
        "fill-color": ["interpolate", ["linear"], SHARE, 0, COLOUR.commune, 1, COLOUR.communeFull],
        "fill-antialias": false,
      },
    },
    {
      id: "commune-edge",
      type: "line",
      source: "communes",
      paint: { "line-color": COLOUR.communeEdge, "line-width": 1.1 * scale },
    },
    {
      id: "commune-focus",
      type: "line",
      source: "communes",
      paint: {
        "line-color": COLOUR.focus,
        "line-width": ["case", ["boolean", ["feature-state", "focus"], false], 3 * scale, 0],
      },
    },
    {
      id: "frame",
      type: "line",
      source: "frame",
      paint: {
        "line-color": COLOUR.focus,
        "line-width": 2 * scale,
        "line-dasharray": [2, 1.5],
      },
    },
  ];
}

const halo = {
  "text-halo-color": "rgba(6,14,21,0.9)",
  "text-halo-width": 1.6,
};

function nameLayers(language: Language, scale: number, inset: boolean): LayerSpecification[] {
  return [
    {
      id: "place-name",
      type: "symbol",
      source: "places",
      layout: {
        "text-field": ["get", "name"],
        "text-font": [LABEL_FONT],
        "text-size": 19 * scale,
        "text-letter-spacing": 0.18,
        "text-max-width": 8,
        "text-allow-overlap": true,
      },
      paint: { "text-color": COLOUR.textDim, ...halo },
    },
    {
      id: "commune-name",
      type: "symbol",
      source: "names",
      layout: {
        "text-field": ["get", language === "vi" ? "name_vi" : "name_en"],
        "text-font": [LABEL_FONT],
        "text-size": (inset ? 20 : 17.5) * scale,
        "text-max-width": 7,
        "text-padding": 3,
        "symbol-sort-key": ["get", "rank"],
      },
      paint: { "text-color": inset ? COLOUR.textQuiet : COLOUR.textName, ...halo },
    },
  ];
}

function cameraLayers(scale: number, inset: boolean): LayerSpecification[] {
  return [
    {
      id: "camera-name",
      type: "symbol",
      minzoom: inset ? 0 : CAMERA_NAME_ZOOM,
      source: "cameras",
      layout: {
        "text-field": ["get", "title"],
        "text-font": [LABEL_FONT],
        "text-size": (inset ? 21 : 19) * scale,
        "text-variable-anchor": ["top", "bottom", "left", "right"],
        "text-radial-offset": 1.1,
        "text-max-width": 7.5,
        "text-justify": "auto",
      },
      paint: { "text-color": ["get", "colour"], ...halo, "text-halo-width": 2.2 },
    },
    // Last drawn is placed first: names then keep off the signs.
    {
      id: "camera",
      type: "symbol",
      source: "cameras",
      layout: {
        "icon-image": ["get", "sign"],
        "icon-size": inset ? 1.15 : 0.85,
        "icon-allow-overlap": true,
      },
    },
  ];
}
