/** A picture of a camera's view: its newest evidence, or a frame that somebody has as a file. */
import { ApiError } from "../api.ts";
import { getBlob, getJson } from "./api.ts";
import { withoutStrip } from "./marks.ts";

export interface Snapshot {
  url: string;
  width: number;
  height: number;
  seenAt: string | null;
}

interface Evidence {
  role: string;
  sha256: string;
  stored: boolean;
  url: string;
}

const LOOKED_AT = 40;
/** The caption's paper, as privacy.py paints it, and how far JPEG may move it. */
const PAPER = [20, 24, 28] as const;
const NEAR = 14;
const JPEG = 0.92;

/** The newest picture of the whole scene; null where there is none or it may not be seen. */
export async function newestSnapshot(box: string, camera: string): Promise<Snapshot | null> {
  const query = new URLSearchParams({ camera, box, limit: String(LOOKED_AT) });
  try {
    const found = await getJson<{ items: { seen_at: string; evidence: Evidence[] }[] }>(
      `/api/events?${query}`,
    );
    for (const event of found.items) {
      const picture = event.evidence.find((one) => one.role === "scene" && one.stored);
      if (picture) return await fromBlob(await getBlob(picture.url), event.seen_at);
    }
  } catch (error) {
    if (!(error instanceof ApiError && error.status === 403)) throw error;
  }
  return null;
}

/** Any picture that the browser can show; the strip of covered evidence is cut off. */
export async function fromBlob(blob: Blob, seenAt: string | null): Promise<Snapshot> {
  const picture = await createImageBitmap(blob);
  const canvas = document.createElement("canvas");
  canvas.width = picture.width;
  canvas.height = picture.height;
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  if (!pen) throw new Error("no canvas");
  pen.drawImage(picture, 0, 0);
  const edge = pen.getImageData(picture.width - 1, 0, 1, picture.height).data;
  const height = withoutStrip(picture.height, (row) =>
    PAPER.every((value, channel) => Math.abs((edge[row * 4 + channel] ?? 0) - value) <= NEAR),
  );
  const cut = document.createElement("canvas");
  cut.width = picture.width;
  cut.height = height;
  cut.getContext("2d")?.drawImage(canvas, 0, 0);
  const url = await new Promise<string>((resolve) =>
    cut.toBlob((made) => resolve(made ? URL.createObjectURL(made) : ""), "image/jpeg", JPEG),
  );
  return { url, width: picture.width, height, seenAt };
}
