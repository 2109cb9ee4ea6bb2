/** Shapes of the feeds' answers, as `ioc_cloud.feeds.api` documents them in OpenAPI. */

export interface Words {
  vi: string;
  en: string;
}

export type Dimension = "correct" | "complete" | "clean" | "live";
export const DIMENSIONS: readonly Dimension[] = ["correct", "complete", "clean", "live"];

export interface Quality extends Record<Dimension, number | null> {
  day: string | null;
  version: number | null;
  grade: number | null;
}

export interface Source {
  feed: string;
  title: Words;
  unit: Words;
  system: string;
}

export interface Figure {
  indicator: string;
  title: Words;
  unit: string;
  area: string;
  area_name: string;
  period: string;
  period_start: string;
  period_end: string;
  value: number | null;
  numerator: number | null;
  denominator: number | null;
  suppressed: boolean;
  covered: number;
  expected: number | null;
  state: "ok" | "warn" | "danger";
  direction: "up" | "down" | "neutral" | "target";
  decimals: number;
  version: number;
  as_of: string;
  received_at: string;
  source: Source;
  provenance: string;
  quality: Quality;
}

export interface Person {
  post: Words;
  name: string;
  phone: string;
  email: string;
  account: string;
}

export interface Table {
  id: string;
  title: Words;
  period: string;
  areas: number;
  fields: number;
  rules: number;
}

export interface Indicator {
  code: string;
  title: Words;
  unit: string;
  table: string;
  direction: string;
  decimals: number;
}

export interface FeedOut {
  id: string;
  domain: string;
  title: Words;
  about: Words;
  unit: Words;
  mode: "api" | "file" | "mqtt";
  version: number;
  confirmed: boolean;
  likely_source: string;
  owner: Person;
  deputy: Person;
  head: Person;
  tables: Table[];
  indicators: Indicator[];
  quality: Quality;
  received_at: string | null;
  /** Of the newest delivery. */
  provenance: string | null;
  rows_today: number;
  parked_today: number;
  source: { failures: number; failure: string | null; answered_at: string | null } | null;
  mine: boolean;
}

export interface Score extends Quality {
  feed: string;
  day: string;
  version: number;
  rows: number;
  expected: number | null;
  owner: string;
  cause: string;
  computed_at: string;
}

export interface Cell {
  dimension: Dimension;
  table: string;
  area: string | null;
  area_name: string | null;
  period: string | null;
  field: string | null;
  rule: string;
  value: string | null;
  batch: number | null;
  place: string;
  vi: string;
  en: string;
}

export interface ScoreDay {
  versions: Score[];
  cells: Cell[];
  more_cells: boolean;
  explanations: { said_by: string; said_at: string; text: string }[];
}

export interface Problem {
  table: string;
  row: number;
  place: string;
  field: string | null;
  rule: string;
  dimension: string;
  severity: "error" | "warning";
  value: string | null;
  vi: string;
  en: string;
}

export interface Change {
  table: string;
  area: string;
  period: string;
  field: string;
  before: unknown;
  after: unknown;
  version: number;
}

export interface Receipt {
  batch: number | null;
  feed: string;
  status: "accepted" | "partial" | "refused" | "repeated";
  rows_in: number;
  rows_new: number;
  rows_changed: number;
  rows_same: number;
  rows_parked: number;
  errors: number;
  warnings: number;
  version: number;
  periods: string[];
  missing: number;
  problems: Problem[];
  changes: Change[];
}

export interface Batch {
  id: number;
  feed: string;
  door: string;
  provenance: string;
  sent_by: string;
  signed_by: string | null;
  original_name: string | null;
  status: "accepted" | "partial" | "refused" | "undone";
  rows_in: number;
  rows_new: number;
  rows_changed: number;
  rows_parked: number;
  received_at: string;
  undone_by: string | null;
  undo_reason: string | null;
}

export interface Deadline {
  feed: string;
  table: string;
  period: string;
  due_at: string;
  received: number;
  expected: number | null;
  stage: string;
  suspended: boolean;
}

export interface AlertStep {
  n: number;
  at: string;
  by: string;
  action: string;
  note: string;
}

export interface Alert {
  id: number;
  version: number;
  kind: string;
  severity: "warn" | "danger";
  state: "open" | "acknowledged" | "handed_over" | "closed" | "false_alarm";
  feed: string | null;
  indicator: string | null;
  title: Words;
  area: string;
  area_name: string;
  period: string;
  value: number | null;
  unit: string;
  reason: Words;
  opened_at: string;
  due_at: string;
  overdue: boolean;
  owner: { role: string; account: string; name: string; post: Words | null };
  simulated: boolean;
  as_of: string;
  received_at: string;
  source: Source;
  provenance: string;
  quality: Quality;
}

export interface ChecklistStep {
  step: number;
  text: Words;
  done: boolean;
  by: string | null;
  at: string | null;
}

export interface AlertFull extends Alert {
  steps: AlertStep[];
  checklist: { title: Words; intro: string[]; steps: ChecklistStep[] };
}

export interface AlertDetail {
  alert: AlertFull;
  near: { kind: string; id: string; title: string | null; distance_m: number; at: string | null }[];
}

export interface ForecastPoint {
  start: string;
  value: number | null;
  low: number | null;
  high: number | null;
}

export interface Forecast {
  indicator: string;
  area: string;
  status: "made" | "too_short" | "stale" | "flat";
  reason: Words | null;
  model: string | null;
  n: number;
  points: ForecastPoint[];
  errors: {
    model: string;
    champion: boolean;
    wape: (number | null)[];
    inside: (number | null)[];
    mean_wape: number | null;
  }[];
}
