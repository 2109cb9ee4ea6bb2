/** The live line: server-sent events with resume, and a watchdog for lines that died silently. */
import type { CameraOut, EventOut } from "./wire.ts";

const RETRY_MS = [1000, 2000, 4000, 8000, 15_000] as const;

export interface StreamHandlers {
  onEvent(event: EventOut, change: number | null): void;
  onCamera(camera: CameraOut, change: number | null): void;
  onBox(change: number | null): void;
  /** Away too long to resume: load afresh. */
  onReset(change: number | null): void;
  onOpen(): void;
  onDown(): void;
  /** Where to resume; null starts at now. */
  resumeAfter(): number | null;
}

/** One EventSource at a time. The browser repeats a broken line by itself; a refused one we do. */
export class Stream {
  readonly #handlers: StreamHandlers;
  #source: EventSource | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #attempt = 0;

  constructor(handlers: StreamHandlers) {
    this.#handlers = handlers;
  }

  start(): void {
    this.stop();
    const after = this.#handlers.resumeAfter();
    const source = new EventSource(after === null ? "/api/stream" : `/api/stream?after=${after}`);
    this.#source = source;
    source.onopen = () => {
      this.#attempt = 0;
      this.#handlers.onOpen();
    };
    source.onerror = () => {
      this.#handlers.onDown();
      if (source.readyState === EventSource.CLOSED) this.#retry();
    };
    source.addEventListener("event", (message) =>
      this.#handlers.onEvent(JSON.parse(message.data) as EventOut, changeOf(message)),
    );
    source.addEventListener("camera", (message) =>
      this.#handlers.onCamera(JSON.parse(message.data) as CameraOut, changeOf(message)),
    );
    source.addEventListener("reset", (message) => this.#handlers.onReset(changeOf(message)));
    source.addEventListener("box", (message) => this.#handlers.onBox(changeOf(message)));
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#source?.close();
    this.#source = null;
  }

  /** A line can look open for hours after the far end vanished; the health poll knows better. */
  get open(): boolean {
    return this.#source?.readyState === EventSource.OPEN;
  }

  #retry(): void {
    const wait = RETRY_MS[Math.min(this.#attempt, RETRY_MS.length - 1)] ?? 15_000;
    this.#attempt += 1;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.start(), wait * (0.5 + Math.random()));
  }
}

function changeOf(message: MessageEvent): number | null {
  return /^\d+$/.test(message.lastEventId) ? Number(message.lastEventId) : null;
}
