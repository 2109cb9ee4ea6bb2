/** What the wall says of one camera or one commune when it is picked. */

import { element } from "./dom.ts";
import { ago, number } from "./format.ts";
import { type Key, type Language, phrase, t } from "./i18n.ts";
import { cameraSign, LOOK_COLOUR } from "./icons.ts";
import { cameraTitle, communeName, summary } from "./list.ts";
import { type CameraLook, cameraAge, cameraKey, cameraLook, type State, total } from "./state.ts";
import type { CameraOut, CommuneName } from "./wire.ts";

type Row = [title: string, value: string];

const STATE_KEY = (look: CameraLook): Key => `state.${look}`;

/** A camera's sign for text: the same shape and colour as on the map. */
export function sign(look: CameraLook): HTMLElement {
  const canvas = cameraSign(look, 64);
  canvas.className = "sign";
  canvas.setAttribute("aria-hidden", "true");
  return canvas;
}

export const lookName = (look: CameraLook, language: Language): string =>
  t(language, STATE_KEY(look));

const kindRows = (kinds: Readonly<Record<string, number>>, language: Language): Row[] =>
  Object.entries(kinds).map(([kind, n]) => [
    phrase(language, `kind.${kind}`, kind),
    number(n, language),
  ]);

export function cameraCard(camera: CameraOut, state: State, language: Language, now: number) {
  const look = cameraLook(camera, now);
  const key = cameraKey(camera.box, camera.id);
  const last = state.events.find(
    (event) => event.camera !== null && cameraKey(event.box, event.camera) === key,
  );
  const never = t(language, "camera.never");
  const seen = cameraAge(camera, now);
  const lastAt = last?.seen_at ?? camera.last_event_at;
  const what = last === undefined ? "" : `${last.plate_display ?? ""} ${summary(last, language)}`;
  const rows: Row[] = [
    [t(language, "camera.last_seen"), seen === null ? never : ago(seen, language)],
    [
      t(language, "camera.last_event"),
      lastAt === null ? never : `${ago(now - Date.parse(lastAt), language)} ${what}`.trim(),
    ],
    [t(language, "camera.fps"), camera.fps === null ? "–" : number(camera.fps, language, 1)],
    ...kindRows(camera.counts, language),
    [t(language, "camera.box"), camera.box],
    [
      t(language, "camera.position"),
      t(language, "camera.at", {
        lon: number(camera.location.lon, language, 5),
        lat: number(camera.location.lat, language, 5),
      }),
    ],
  ];
  const stateLine = element("p", { class: "card-state" }, sign(look), lookName(look, language));
  stateLine.style.color = LOOK_COLOUR[look];
  if (camera.simulated) {
    stateLine.append(element("span", { class: "tag" }, t(language, "simulated.tag")));
  }
  return [element("h2", {}, cameraTitle(camera, language)), stateLine, table(rows)];
}

export function communeCard(commune: CommuneName, state: State, language: Language) {
  const kinds = state.counts.get(commune.code) ?? {};
  const rows: Row[] =
    total(kinds) === 0 ? [[t(language, "commune.none"), ""]] : kindRows(kinds, language);
  return [
    element("h2", {}, communeName(commune, language)),
    element("p", { class: "card-state" }, t(language, "commune.title")),
    table([...rows, [t(language, "commune.code"), commune.code]]),
  ];
}

function table(rows: readonly Row[]): HTMLElement {
  const list = element("dl");
  for (const [title, value] of rows) {
    list.append(element("dt", {}, title), element("dd", {}, value));
  }
  return list;
}
