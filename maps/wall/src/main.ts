/** Starts the wall: fonts, session, map, then the live feed. */
import "maplibre-gl/dist/maplibre-gl.css";
import "./style.css";
import { ApiError, communes, whoAmI } from "./api.ts";
import { pageScale } from "./dom.ts";
import { Feed } from "./feed.ts";
import { fontsReady } from "./fonts.ts";
import { storedLanguage } from "./i18n.ts";
import { askToSignIn } from "./login.ts";
import { Store } from "./state.ts";
import { Wall } from "./wall.ts";

const RETRY_MS = 3000;

/** `?scale=1.5` enlarges everything, for a wall read from further away than a desk. */
function applyScale(): void {
  const scale = Number(new URLSearchParams(location.search).get("scale"));
  if (scale >= 0.5 && scale <= 4) {
    document.documentElement.style.setProperty("--scale", String(scale));
  }
}

const pause = (ms: number): Promise<void> => new Promise((resume) => setTimeout(resume, ms));

/** Tries until it works: a wall that starts before its server must come up by itself. */
async function stubbornly<T>(call: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await call();
    } catch (error) {
      if (error instanceof ApiError && error.status === 401) {
        await askToSignIn(storedLanguage());
      } else {
        console.error("start_failed", error);
        await pause(RETRY_MS);
      }
    }
  }
}

async function start(): Promise<void> {
  applyScale();
  await fontsReady();
  await stubbornly(whoAmI);
  const store = new Store();
  let asking = false;
  const feed = new Feed(store, () => {
    if (asking) return;
    asking = true;
    feed.stop();
    void askToSignIn(storedLanguage()).then(() => {
      asking = false;
      return feed.start();
    });
  });
  const wall = new Wall(store, () => feed.now(), pageScale());
  await Promise.all([
    wall.ready.then(async () => wall.setCommunes(await stubbornly(communes))),
    feed.start(),
  ]);
}

void start();
