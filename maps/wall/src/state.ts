/** What the wall knows. Every change is a pure function from one state to the next. */
import type { CameraOut, CameraState, CountRow, EventOut, Health } from "./wire.ts";

/** More than any wall lists; bounds memory over weeks of running. */
export const KEPT_EVENTS = 200;
/** How long an event stays on the map. */
export const LIVE_MS = 60_000;
/** Boxes report a camera every few seconds; past this its picture is old news. */
export const CAMERA_STALE_MS = 90_000;
const QUIET_MS = 60_000;
const LOST_MS = 30_000;
/** The server ends every line after a while, and the browser is back within seconds. */
const RENEWAL_MS = 6000;

/** The part of the server that does not answer, the worse one where both do not. */
export type Trouble = "database" | "broker" | null;

export interface Link {
  stream: "connecting" | "open" | "closed";
  /** Since when the line is down; null while it is not. */
  downAt: number | null;
  /** When the server last answered anything at all. */
  heardAt: number | null;
  /** When a figure on the screen last came from the server. */
  freshAt: number | null;
  trouble: Trouble;
}

export type CommuneCounts = ReadonlyMap<string, Readonly<Record<string, number>>>;

export interface State {
  events: readonly EventOut[];
  cameras: ReadonlyMap<string, CameraOut>;
  counts: CommuneCounts;
  today: number | null;
  lastChange: number | null;
  link: Link;
}

export const EMPTY: State = {
  events: [],
  cameras: new Map(),
  counts: new Map(),
  today: null,
  lastChange: null,
  link: { stream: "connecting", downAt: null, heardAt: null, freshAt: null, trouble: null },
};

export const cameraKey = (box: string, camera: string): string => `${box}/${camera}`;

export const cameraOf = (state: State, event: EventOut): CameraOut | undefined =>
  event.camera === null ? undefined : state.cameras.get(cameraKey(event.box, event.camera));

/** Adds events, newest first; one that is already there, or older than all kept, changes nothing. */
export function withEvents(state: State, arrived: readonly EventOut[]): State {
  const known = new Set(state.events.map((event) => event.id));
  const fresh = arrived.filter((event) => !known.has(event.id) && known.add(event.id));
  if (fresh.length === 0) return state;
  const events = [...state.events];
  for (const event of fresh) {
    const seenAt = Date.parse(event.seen_at);
    // Nearly always the first comparison ends the search: the new one is the newest.
    const at = events.findIndex((other) => Date.parse(other.seen_at) <= seenAt);
    events.splice(at === -1 ? events.length : at, 0, event);
  }
  return { ...state, events: events.slice(0, KEPT_EVENTS) };
}

/** One event off the stream: listed, and counted until the next count comes from the server. */
export function withLiveEvent(state: State, event: EventOut, midnight: number): State {
  const next = withEvents(state, [event]);
  const countable = next !== state && state.today !== null && Date.parse(event.seen_at) >= midnight;
  return countable ? { ...next, today: (state.today ?? 0) + 1 } : next;
}

/** Adds or replaces cameras; an older `change` than the one shown loses. */
export function withCameras(state: State, arrived: readonly CameraOut[]): State {
  const cameras = new Map(state.cameras);
  for (const camera of arrived) {
    const key = cameraKey(camera.box, camera.id);
    const shown = cameras.get(key)?.change ?? -1;
    if ((camera.change ?? Number.POSITIVE_INFINITY) >= shown) cameras.set(key, camera);
  }
  return { ...state, cameras };
}

export const withCameraSnapshot = (state: State, all: readonly CameraOut[]): State =>
  withCameras({ ...state, cameras: new Map() }, all);

export function withCounts(state: State, rows: readonly CountRow[]): State {
  const counts = new Map<string, Record<string, number>>();
  for (const { commune, kind, n } of rows) {
    if (commune === null) continue;
    const kinds = counts.get(commune) ?? {};
    kinds[kind] = (kinds[kind] ?? 0) + n;
    counts.set(commune, kinds);
  }
  return { ...state, counts };
}

export const withToday = (state: State, rows: readonly CountRow[]): State => ({
  ...state,
  today: rows.reduce((sum, row) => sum + row.n, 0),
});

export const withLink = (state: State, change: Partial<Link>): State => ({
  ...state,
  link: { ...state.link, ...change },
});

export const withOpenLine = (state: State, now: number): State =>
  withLink(state, { stream: "open", downAt: null, heardAt: now });

export const withClosedLine = (state: State, now: number): State =>
  withLink(state, { stream: "closed", downAt: state.link.downAt ?? now });

/** The server's history began anew, as after a restore: resume where it now stands. */
export const withReset = (state: State, change: number | null): State => ({
  ...state,
  lastChange: change,
});

export const withHealth = (state: State, health: Health, now: number): State =>
  withLink(state, {
    trouble: health.database ? (health.broker ? null : "broker") : "database",
    heardAt: now,
  });

/** A change number off the stream: where a reconnect resumes, and proof that figures are fresh. */
export const withChange = (state: State, change: number | null, now: number): State => ({
  ...withLink(state, { heardAt: now, freshAt: now }),
  lastChange: change === null ? state.lastChange : Math.max(change, state.lastChange ?? 0),
});

export type LinkKey =
  | "link.connecting"
  | "link.live"
  | "link.quiet"
  | "link.database"
  | "link.broker"
  | "link.reconnecting"
  | "link.lost";

export interface LinkLook {
  level: "good" | "warn" | "bad";
  key: LinkKey;
  ageMs: number | null;
}

/** What the connection badge says. Red means: what you see is old. */
export function linkLook(link: Link, now: number): LinkLook {
  const ageMs = link.freshAt === null ? null : Math.max(0, now - link.freshAt);
  const silentMs = link.heardAt === null ? null : now - link.heardAt;
  if (silentMs === null) {
    return link.stream === "closed"
      ? { level: "bad", key: "link.lost", ageMs }
      : { level: "warn", key: "link.connecting", ageMs };
  }
  if (silentMs > LOST_MS) return { level: "bad", key: "link.lost", ageMs };
  const downMs = link.downAt === null ? 0 : now - link.downAt;
  if (link.stream !== "open" && downMs >= RENEWAL_MS) {
    return { level: "warn", key: "link.reconnecting", ageMs };
  }
  if (link.trouble !== null) return { level: "warn", key: `link.${link.trouble}`, ageMs };
  if (ageMs !== null && ageMs > QUIET_MS) return { level: "warn", key: "link.quiet", ageMs };
  return { level: "good", key: "link.live", ageMs };
}

export type CameraLook = CameraState | "stale";

/** How a camera is drawn: the state it last told, unless it has fallen silent. */
export function cameraLook(camera: CameraOut, now: number): CameraLook {
  const silentMs = cameraAge(camera, now);
  const silent = silentMs === null || silentMs > CAMERA_STALE_MS;
  return !camera.box_online || (silent && camera.state !== "starting") ? "stale" : camera.state;
}

export const cameraAge = (camera: CameraOut, now: number): number | null =>
  camera.last_seen_at === null ? null : Math.max(0, now - Date.parse(camera.last_seen_at));

/** Cameras that work now, and all there are. */
export function camerasOnline(state: State, now: number): [number, number] {
  const looks = [...state.cameras.values()].map((camera) => cameraLook(camera, now));
  return [looks.filter((look) => look === "ok").length, looks.length];
}

/** Whether anything on the screen was made up: the banner must then show. */
export const anySimulated = (state: State): boolean =>
  [...state.cameras.values()].some((camera) => camera.simulated) ||
  state.events.some((event) => event.simulated);

export const total = (kinds: Readonly<Record<string, number>> | undefined): number =>
  Object.values(kinds ?? {}).reduce((sum, n) => sum + n, 0);

/** Holds the state and tells listeners, once for each change. */
export class Store {
  #state = EMPTY;
  readonly #listeners: (() => void)[] = [];

  get state(): State {
    return this.#state;
  }

  update(change: (state: State) => State): void {
    const next = change(this.#state);
    if (next === this.#state) return;
    this.#state = next;
    for (const listener of this.#listeners) listener();
  }

  onChange(listener: () => void): void {
    this.#listeners.push(listener);
  }
}
