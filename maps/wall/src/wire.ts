/** Shapes of the API's answers, as `ioc_cloud` documents them in OpenAPI. */
import type { FeatureCollection, MultiPolygon, Polygon } from "geojson";

export interface Place {
  lon: number;
  lat: number;
}

export interface CommuneName {
  code: string;
  name_vi: string;
  name_en: string;
}

export interface EventOut {
  id: string;
  kind: string;
  box: string;
  camera: string | null;
  seen_at: string;
  received_at: string;
  location: Place | null;
  commune: CommuneName | null;
  plate_display: string | null;
  masked: boolean;
  simulated: boolean;
  replayed: boolean;
  clock_suspect: boolean;
  data: Record<string, unknown>;
  change: number | null;
}

export type CameraState = "starting" | "ok" | "no_signal" | "ended" | "broken";

export interface CameraOut {
  id: string;
  box: string;
  title_vi: string;
  title_en: string;
  location: Place;
  simulated: boolean;
  state: CameraState;
  box_online: boolean;
  last_seen_at: string | null;
  last_event_at: string | null;
  counts: Record<string, number>;
  fps: number | null;
  change: number | null;
}

export interface CommuneProperties extends CommuneName {
  kind: string;
  approximate: boolean;
  label: [number, number];
}

export interface Communes extends FeatureCollection<Polygon | MultiPolygon, CommuneProperties> {
  approximate: boolean;
  attribution: string;
}

/** Events of the last hours by commune code and kind; `null` is the sea and the unplaced. */
export interface CountRow {
  commune: string | null;
  kind: string;
  n: number;
}

export interface Health {
  ok: boolean;
  database: boolean;
  broker: boolean;
}

export interface WhoAmI {
  name: string;
  scopes: string[];
}
