/** The feeds' API as these pages use it. */
import { ApiError } from "../api.ts";
import type {
  Alert,
  AlertDetail,
  Batch,
  Deadline,
  FeedOut,
  Figure,
  Forecast,
  Problem,
  Receipt,
  Score,
  ScoreDay,
} from "./wire.ts";

const TIMEOUT_MS = 30_000;
/** A workbook of 50,000 rows takes its time to be read. */
const UPLOAD_MS = 180_000;

interface ProblemDetails {
  title?: string;
  detail?: string;
  errors?: Problem[];
  receipt?: Omit<Receipt, "problems">;
}

/** An answer that is not a success; `refused` is a delivery's receipt. */
export class Refused extends ApiError {
  readonly title: string;
  readonly detail: string;
  readonly refused: Receipt | null;

  constructor(path: string, status: number, body: ProblemDetails) {
    super(path, status, body.detail ?? "");
    this.title = body.title ?? String(status);
    this.detail = body.detail ?? "";
    this.refused = body.receipt ? { ...body.receipt, problems: body.errors ?? [] } : null;
  }
}

async function call(path: string, init: RequestInit = {}, ms = TIMEOUT_MS): Promise<Response> {
  const answer = await fetch(path, { ...init, signal: AbortSignal.timeout(ms) });
  if (answer.ok) return answer;
  const body = (await answer.json().catch(() => ({}))) as ProblemDetails;
  throw new Refused(path, answer.status, body);
}

async function get<T>(path: string): Promise<T> {
  return (await (await call(path)).json()) as T;
}

async function items<T>(path: string): Promise<T[]> {
  return (await get<{ items: T[] }>(path)).items;
}

async function post<T>(path: string, body?: unknown): Promise<T> {
  const init: RequestInit = { method: "POST" };
  if (body !== undefined) {
    init.headers = { "content-type": "application/json" };
    init.body = JSON.stringify(body);
  }
  const answer = await call(path, init);
  return (answer.status === 204 ? undefined : await answer.json()) as T;
}

export const getJson = get;
export const postJson = post;

export async function putJson<T>(path: string, body: unknown): Promise<T> {
  const headers = { "content-type": "application/json" };
  const init = { method: "PUT", headers, body: JSON.stringify(body) };
  return (await (await call(path, init)).json()) as T;
}

export async function getBlob(path: string): Promise<Blob> {
  return (await call(path)).blob();
}

export const feeds = () => items<FeedOut>("/api/feeds");
export const deadlines = () => items<Deadline>("/api/deadlines");
export const scores = (since: string, until: string, feed?: string) =>
  items<Score>(`/api/quality?${new URLSearchParams({ since, until, ...(feed ? { feed } : {}) })}`);
export const scoreDay = (feed: string, day: string) => get<ScoreDay>(`/api/quality/${feed}/${day}`);
export const explain = (feed: string, day: string, text: string) =>
  post(`/api/quality/${feed}/${day}/explanations`, { text });
export const nudge = (feed: string) => post<{ items: unknown[] }>(`/api/feeds/${feed}/nudges`);
export const addWindow = (feed: string | null, starts: string, ends: string, reason: string) =>
  post("/api/maintenance", { feed, starts_at: starts, ends_at: ends, reason });

export const figures = () => items<Figure>("/api/figures");
export const byArea = (code: string) => items<Figure>(`/api/figures/${code}/areas`);
export const series = (code: string, area: string, since: string) =>
  items<Figure>(`/api/figures/${code}/series?${new URLSearchParams({ area, since })}`);
/** The newest forecast; null where none has been made yet. */
export async function forecast(code: string, area: string): Promise<Forecast | null> {
  try {
    return await get<Forecast>(`/api/forecasts/${code}/${area}`);
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return null;
    throw error;
  }
}

export const batches = (feed: string) => items<Batch>(`/api/feeds/${feed}/batches`);
export const undo = (batch: number, reason: string) =>
  post(`/api/batches/${batch}/undo`, { reason });
export const originalUrl = (batch: number) => `/api/batches/${batch}/original`;
export const templateUrl = (feed: string, day: string) =>
  `/api/feeds/${feed}/template?${new URLSearchParams(day ? { day } : {})}`;

function form(file: File, values: Record<string, string> = {}): RequestInit {
  const body = new FormData();
  body.append("file", file);
  for (const [name, value] of Object.entries(values)) body.append(name, value);
  return { method: "POST", body };
}

export async function tryUpload(feed: string, file: File): Promise<Receipt> {
  return (await call(`/api/feeds/${feed}/uploads/trial`, form(file), UPLOAD_MS)).json();
}

export async function markedUpload(feed: string, file: File): Promise<Blob> {
  return (await call(`/api/feeds/${feed}/uploads/marked`, form(file), UPLOAD_MS)).blob();
}

export async function sendUpload(feed: string, file: File, signedBy: string, note: string) {
  const init = form(file, { signed_by: signedBy, note });
  return (await (await call(`/api/feeds/${feed}/uploads`, init, UPLOAD_MS)).json()) as Receipt;
}

export const alerts = (open: boolean) => items<Alert>(`/api/alerts?open=${open}`);
export const alert = (id: number) => get<AlertDetail>(`/api/alerts/${id}`);
export const stepAlert = (id: number, body: Record<string, unknown>) =>
  post<AlertDetail>(`/api/alerts/${id}/steps`, body);
