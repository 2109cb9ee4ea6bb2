/** Fills the store: first pictures, the live line, and slow polls that heal what the line missed. */
import * as api from "./api.ts";
import { hoursToday, midnight } from "./format.ts";
import {
  type Store,
  withCameraSnapshot,
  withCameras,
  withChange,
  withClosedLine,
  withCounts,
  withEvents,
  withHealth,
  withLiveEvent,
  withOpenLine,
  withReset,
  withToday,
} from "./state.ts";
import { Stream } from "./stream.ts";

const FIRST_EVENTS = 60;
const HEALTH_EVERY_MS = 10_000;
const CAMERAS_EVERY_MS = 15_000;
const COUNTS_EVERY_MS = 30_000;
const COUNT_HOURS = 24;
/** After a longer silence a fresh picture is cheaper than every change in between. */
const RESUME_WITHIN_MS = 10 * 60_000;
/** The HTTP date has whole seconds; a smaller difference is rounding. */
const CLOCK_STEP_MS = 2000;

export class Feed {
  readonly #store: Store;
  readonly #onSignedOut: () => void;
  readonly #stream: Stream;
  readonly #timers: ReturnType<typeof setInterval>[] = [];
  #clockBehindMs = 0;

  constructor(store: Store, onSignedOut: () => void) {
    this.#store = store;
    this.#onSignedOut = onSignedOut;
    this.#stream = new Stream({
      onEvent: (event, change) =>
        store.update((state) =>
          withLiveEvent(withChange(state, change, this.now()), event, midnight(this.now())),
        ),
      onCamera: (camera, change) =>
        store.update((state) => withCameras(withChange(state, change, this.now()), [camera])),
      onBox: (change) => {
        store.update((state) => withChange(state, change, this.now()));
        void this.#refreshCameras();
      },
      onOpen: () => {
        const wasDown = store.state.link.stream === "closed";
        store.update((state) => withOpenLine(state, this.now()));
        if (wasDown) void Promise.all([this.#refreshCameras(), this.#refreshCounts()]);
      },
      onReset: (change) => {
        store.update((state) => withReset(state, change));
        void Promise.all([this.#refreshCameras(), this.#firstEvents(), this.#refreshCounts()]);
      },
      onDown: () => {
        store.update((state) => withClosedLine(state, this.now()));
        void this.#checkSession();
      },
      resumeAfter: () => this.#resumeAfter(),
    });
  }

  /** The server's time: a wall PC's own clock is nobody's duty. */
  now(): number {
    return Date.now() + this.#clockBehindMs;
  }

  async start(): Promise<void> {
    this.#stream.start();
    this.#timers.push(
      setInterval(() => void this.#checkHealth(), HEALTH_EVERY_MS),
      setInterval(() => void this.#refreshCameras(), CAMERAS_EVERY_MS),
      setInterval(() => void this.#refreshCounts(), COUNTS_EVERY_MS),
    );
    await this.#checkHealth();
    await Promise.all([this.#refreshCameras(), this.#firstEvents(), this.#refreshCounts()]);
  }

  stop(): void {
    this.#stream.stop();
    for (const timer of this.#timers.splice(0)) clearInterval(timer);
  }

  #resumeAfter(): number | null {
    const { lastChange, link } = this.#store.state;
    const silentMs = link.heardAt === null ? Number.POSITIVE_INFINITY : this.now() - link.heardAt;
    if (silentMs < RESUME_WITHIN_MS) return lastChange;
    if (link.heardAt !== null) void this.#firstEvents();
    return null;
  }

  #firstEvents(): Promise<void> {
    return this.#guarded(async () => {
      const events = await api.newestEvents(FIRST_EVENTS);
      this.#store.update((state) => withEvents(state, events));
    });
  }

  #refreshCameras(): Promise<void> {
    return this.#guarded(async () => {
      const cameras = await api.cameras();
      this.#store.update((state) =>
        withChange(withCameraSnapshot(state, cameras), null, this.now()),
      );
    });
  }

  #refreshCounts(): Promise<void> {
    return this.#guarded(async () => {
      const [day, today] = await Promise.all([
        api.counts(COUNT_HOURS),
        api.counts(hoursToday(this.now())),
      ]);
      this.#store.update((state) => withToday(withCounts(state, day), today));
    });
  }

  async #checkHealth(): Promise<void> {
    try {
      const { health, clockBehindMs } = await api.health();
      this.#clockBehindMs = Math.abs(clockBehindMs) < CLOCK_STEP_MS ? 0 : clockBehindMs;
      this.#store.update((state) => withHealth(state, health, this.now()));
    } catch {
      // The server is gone; a line that still looks open is a dead one.
      if (this.#stream.open) this.#stream.start();
      this.#store.update((state) => withClosedLine(state, this.now()));
    }
  }

  #checkSession(): Promise<void> {
    return this.#guarded(async () => {
      await api.whoAmI();
    });
  }

  /** A failed call leaves the last picture; only a lost session needs a person. */
  async #guarded(call: () => Promise<void>): Promise<void> {
    try {
      await call();
    } catch (error) {
      if (error instanceof api.ApiError && error.status === 401) this.#onSignedOut();
    }
  }
}
