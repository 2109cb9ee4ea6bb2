/** One map on the screen: MapLibre below, one deck.gl overlay above it for the life of the page. */
import { MapboxOverlay } from "@deck.gl/mapbox";
import type { FeatureCollection, GeoJsonProperties, Position } from "geojson";
import {
  type GeoJSONSource,
  type LngLatBoundsLike,
  Map as MapLibre,
  type MapMouseEvent,
  type PaddingOptions,
  ScaleControl,
  setWorkerUrl,
} from "maplibre-gl";
import workerUrl from "maplibre-gl/dist/maplibre-gl-worker.mjs?url";
import { type Box, namePoints, outline } from "./geo.ts";
import { type Language, t } from "./i18n.ts";
import { cameraSign, LOOK_COLOUR, LOOKS } from "./icons.ts";
import { type LivePoint, liveLayers } from "./layers.ts";
import { type CameraLook, type CommuneCounts, total } from "./state.ts";
import { CAMERA_NAME_ZOOM, COLOUR, NOTHING, placesIn, wallStyle } from "./style.ts";
import type { CommuneProperties, Communes, Place } from "./wire.ts";

// Without it MapLibre 6 asks for its worker beside the bundle, and the map stays empty.
setWorkerUrl(workerUrl);

/** MapLibre's own limit of 4096 would blur every wall wider than that. */
const CANVAS_LIMIT: [number, number] = [16_384, 16_384];
const SIGN_PX = 30;
const DENSITY = 2;
/** Nearer than this nothing is left on screen to say where the cameras are. */
const NEAREST = 15.5;
/** Halos of cameras that the inset shows apart would hide the names around them. */
const CROWDED_SCALE = 0.7;

export interface CameraMark {
  key: string;
  title: string;
  look: CameraLook;
  location: Place;
}

export type Picked = { camera: string } | { commune: string } | null;

export interface MapOptions {
  container: HTMLElement;
  language: Language;
  scale: number;
  /** A small fixed window; it neither pans nor zooms. */
  inset: boolean;
  box: Box;
  room: PaddingOptions;
}

export class WallMap {
  readonly ready: Promise<void>;
  readonly #map: MapLibre;
  // Dots smooth their own edges in the shader; multisampling would cost four times the pixels.
  readonly #overlay = new MapboxOverlay({
    interleaved: false,
    layers: [],
    deviceProps: { webgl: { antialias: false } },
  });
  readonly #scale: number;
  #communes: Communes | null = null;
  #focused: string | null = null;
  #crowding = 1;
  #sent = "";

  constructor({ container, language, scale, inset, box, room }: MapOptions) {
    this.#scale = scale;
    this.#map = new MapLibre({
      container,
      style: wallStyle(language, scale, inset),
      attributionControl: false,
      maxCanvasSize: CANVAS_LIMIT,
      bounds: box,
      fitBoundsOptions: { padding: room, maxZoom: NEAREST },
      maxBounds: [
        [98, 4],
        [109, 14],
      ],
      maxZoom: 18,
      dragRotate: false,
      pitchWithRotate: false,
      scrollZoom: !inset,
      dragPan: !inset,
      doubleClickZoom: !inset,
      boxZoom: !inset,
      keyboard: !inset,
      touchZoomRotate: !inset,
      fadeDuration: 0,
      locale: { "Map.Title": t(language, "map.label") },
    });
    this.#map.addControl(new ScaleControl({ maxWidth: 140 * scale }), "bottom-right");
    this.#map.addControl(this.#overlay);
    this.ready = this.#map.once("load").then(() => this.#addSigns());
  }

  get softwareRendered(): boolean {
    const gl = this.#map.getCanvas().getContext("webgl2");
    const names = gl?.getExtension("WEBGL_debug_renderer_info");
    const renderer = String(gl?.getParameter(names?.UNMASKED_RENDERER_WEBGL ?? gl.RENDERER) ?? "");
    return /swiftshader|llvmpipe|software/i.test(renderer);
  }

  get box(): Box {
    const bounds = this.#map.getBounds();
    return [bounds.getWest(), bounds.getSouth(), bounds.getEast(), bounds.getNorth()];
  }

  setCommunes(communes: Communes): void {
    this.#communes = communes;
    this.#source("communes").setData(communes);
    const named = communes.features.map(({ properties }) => ({ properties, at: properties.label }));
    this.#source("names").setData(names(named, shortName));
  }

  /** Colours communes by their share of the busiest one, on a root scale that keeps small ones seen. */
  setCounts(counts: CommuneCounts): void {
    const most = Math.max(1, ...[...counts.values()].map(total));
    for (const { properties } of this.#communes?.features ?? []) {
      const share = Math.sqrt(total(counts.get(properties.code)) / most);
      this.#map.setFeatureState({ source: "communes", id: properties.code }, { share });
    }
  }

  setCameras(marks: readonly CameraMark[]): void {
    const sent = JSON.stringify(marks);
    if (sent === this.#sent) return;
    this.#sent = sent;
    this.#source("cameras").setData({
      type: "FeatureCollection",
      features: marks.map(({ key, title, look, location }) => ({
        type: "Feature",
        properties: {
          key,
          title,
          sign: signId(look),
          colour: look === "ok" ? COLOUR.text : LOOK_COLOUR[look],
        },
        geometry: { type: "Point", coordinates: [location.lon, location.lat] },
      })),
    });
  }

  setLive(points: readonly LivePoint[], now: number): void {
    this.#overlay.setProps({ layers: liveLayers(points, now, this.#scale * this.#crowding) });
  }

  /** Names what shows of each commune: the point for its whole area may lie outside. */
  nameInView(): void {
    const named = namePoints(this.#communes?.features ?? [], this.box);
    this.#source("names").setData(names(named, fullName));
  }

  /** Marks what the inset shows; names of crowded cameras then wait until they have room. */
  setFrame(box: Box | null): void {
    this.#crowding = box === null ? 1 : CROWDED_SCALE;
    this.#source("frame").setData(box === null ? NOTHING : outline(box));
    this.#map.setLayerZoomRange("camera-name", box === null ? 0 : CAMERA_NAME_ZOOM, 24);
  }

  setLanguage(language: Language): void {
    const field = language === "vi" ? "name_vi" : "name_en";
    this.#map.setLayoutProperty("commune-name", "text-field", ["get", field]);
    this.#source("places").setData(placesIn(language));
  }

  fit(box: Box, padding: PaddingOptions): void {
    this.#map.fitBounds(box as LngLatBoundsLike, { padding, animate: false, maxZoom: NEAREST });
  }

  flyTo(place: Place, zoom: number): void {
    this.#map.easeTo({ center: [place.lon, place.lat], zoom, duration: 600 });
  }

  /** Calls back with the camera or commune under a click, or null for neither. */
  onPick(pick: (picked: Picked) => void): void {
    this.#map.on("click", (event) => pick(this.#at(event)));
  }

  /** Calls back when the pointer enters or leaves a commune or camera, with its place on the page. */
  onHover(hover: (picked: Picked, x: number, y: number) => void): void {
    this.#map.on("mousemove", (event) => {
      const picked = this.#at(event);
      this.#map.getCanvas().style.cursor = picked === null ? "" : "pointer";
      this.#focus(picked !== null && "commune" in picked ? picked.commune : null);
      hover(picked, event.originalEvent.clientX, event.originalEvent.clientY);
    });
    this.#map.on("mouseout", () => {
      this.#focus(null);
      hover(null, 0, 0);
    });
  }

  #at(event: MapMouseEvent): Picked {
    const found = this.#map.queryRenderedFeatures(event.point, { layers: ["camera", "commune"] });
    const camera = found.find((feature) => feature.layer.id === "camera");
    if (camera !== undefined) return { camera: String(camera.properties.key) };
    const commune = found[0];
    return commune === undefined ? null : { commune: String(commune.properties.code) };
  }

  #focus(code: string | null): void {
    if (code === this.#focused) return;
    const mark = (id: string, focus: boolean) =>
      this.#map.setFeatureState({ source: "communes", id }, { focus });
    if (this.#focused !== null) mark(this.#focused, false);
    if (code !== null) mark(code, true);
    this.#focused = code;
  }

  #addSigns(): void {
    const size = Math.round(SIGN_PX * this.#scale * DENSITY);
    for (const look of LOOKS) {
      const pixels = cameraSign(look, size).getContext("2d")?.getImageData(0, 0, size, size);
      if (pixels) this.#map.addImage(signId(look), pixels, { pixelRatio: DENSITY });
    }
  }

  #source(id: string): GeoJSONSource {
    const source = this.#map.getSource<GeoJSONSource>(id);
    if (source === undefined) throw new Error(`map source ${id} is not in the style`);
    return source;
  }
}

const signId = (look: CameraLook): string => `camera-${look}`;

type Named = { properties: CommuneProperties; at: Position };

const shortName = ({ name_vi, name_en }: CommuneProperties) => ({
  name_vi: name_vi.replace(/^(Xã|Phường) /, ""),
  name_en: name_en.replace(/ (Commune|Ward)$/, ""),
  rank: name_vi.startsWith("Phường ") ? 0 : 1,
});

const fullName = ({ name_vi, name_en }: CommuneProperties) => ({ name_vi, name_en, rank: 0 });

/** One point each: polygons would be named once for every island and tile. */
function names(
  named: readonly Named[],
  label: (commune: CommuneProperties) => GeoJsonProperties,
): FeatureCollection {
  return {
    type: "FeatureCollection",
    features: named.map(({ properties, at }) => ({
      type: "Feature",
      properties: label(properties),
      geometry: { type: "Point", coordinates: at },
    })),
  };
}
