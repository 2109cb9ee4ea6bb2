/** The API as this page uses it: one typed function for each call. */
import type { CameraOut, Communes, CountRow, EventOut, Health, WhoAmI } from "./wire.ts";

const TIMEOUT_MS = 10_000;

/** An answer that is not a success, with the status the server gave. */
export class ApiError extends Error {
  readonly status: number;

  constructor(path: string, status: number, detail: string) {
    super(`${path}: ${status} ${detail}`);
    this.name = "ApiError";
    this.status = status;
  }
}

async function call(path: string, init: RequestInit = {}): Promise<Response> {
  const answer = await fetch(path, { ...init, signal: AbortSignal.timeout(TIMEOUT_MS) });
  if (!answer.ok) {
    throw new ApiError(path, answer.status, (await answer.text()).slice(0, 300));
  }
  return answer;
}

async function get<T>(path: string): Promise<T> {
  return (await (await call(path)).json()) as T;
}

export const whoAmI = (): Promise<WhoAmI> => get("/api/whoami");
export const communes = (): Promise<Communes> => get("/api/communes");

export async function signIn(user: string, password: string): Promise<void> {
  await call("/api/session", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ user, password }),
  });
}

export async function signOut(): Promise<void> {
  await call("/api/session", { method: "DELETE" });
}

export async function cameras(): Promise<CameraOut[]> {
  return (await get<{ items: CameraOut[] }>("/api/cameras")).items;
}

export async function newestEvents(limit: number): Promise<EventOut[]> {
  return (await get<{ items: EventOut[] }>(`/api/events?limit=${limit}`)).items;
}

export async function counts(hours: number): Promise<CountRow[]> {
  return (await get<{ items: CountRow[] }>(`/api/counts?hours=${hours}`)).items;
}

/** Health, and how far this machine's clock is behind the server's (HTTP `Date`: 1 s steps). */
export async function health(): Promise<{ health: Health; clockBehindMs: number }> {
  const answer = await fetch("/api/health", {
    cache: "no-store",
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  const date = Date.parse(answer.headers.get("date") ?? "");
  return {
    health: (await answer.json()) as Health,
    clockBehindMs: Number.isNaN(date) ? 0 : date - Date.now(),
  };
}
