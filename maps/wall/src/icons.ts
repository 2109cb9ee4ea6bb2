/** Camera signs: each state has its own shape as well as its own colour. */
import type { CameraLook } from "./state.ts";

export const LOOKS: readonly CameraLook[] = [
  "ok",
  "starting",
  "no_signal",
  "ended",
  "broken",
  "stale",
];

export const LOOK_COLOUR: Readonly<Record<CameraLook, string>> = {
  ok: "#3ddc84",
  starting: "#6fb6ff",
  no_signal: "#ffb84d",
  ended: "#b4c3d0",
  broken: "#ff7a7a",
  stale: "#8fa3b3",
};

const EDGE = "#04090e";

type Draw = (pen: CanvasRenderingContext2D, colour: string) => void;

// All are drawn in a box of 32 by 32.
const SHAPES: Readonly<Record<CameraLook, Draw>> = {
  ok(pen, colour) {
    filled(pen, colour, (path) => path.arc(16, 16, 11, 0, 7));
    lens(pen);
  },
  starting(pen, colour) {
    filled(pen, colour, (path) => polygon(path, [16, 3, 29, 16, 16, 29, 3, 16]));
    lens(pen);
  },
  no_signal(pen, colour) {
    filled(pen, colour, (path) => polygon(path, [16, 3, 30, 28, 2, 28]));
    pen.fillStyle = EDGE;
    pen.fillRect(14.5, 11, 3, 9);
    pen.fillRect(14.5, 22, 3, 3);
  },
  ended(pen, colour) {
    filled(pen, colour, (path) => path.rect(5, 5, 22, 22));
    pen.fillStyle = EDGE;
    pen.fillRect(11, 11, 10, 10);
  },
  broken(pen, colour) {
    filled(pen, colour, (path) => path.rect(4, 4, 24, 24));
    strokes(pen, EDGE, 3.5, [
      [9, 9, 23, 23],
      [23, 9, 9, 23],
    ]);
  },
  stale(pen, colour) {
    filled(pen, "#22313d", (path) => path.arc(16, 16, 11, 0, 7));
    pen.save();
    pen.beginPath();
    pen.arc(16, 16, 11, 0, 7);
    pen.clip();
    strokes(
      pen,
      colour,
      2.5,
      [-12, -4, 4, 12].map((shift) => [2 + shift, 30, 30 + shift, 2]),
    );
    pen.restore();
    pen.strokeStyle = colour;
    pen.lineWidth = 2;
    pen.beginPath();
    pen.arc(16, 16, 11, 0, 7);
    pen.stroke();
  },
};

/** A camera sign as a canvas `size` device pixels wide. */
export function cameraSign(look: CameraLook, size: number): HTMLCanvasElement {
  const canvas = document.createElement("canvas");
  canvas.width = size;
  canvas.height = size;
  const pen = canvas.getContext("2d");
  if (pen !== null) {
    pen.scale(size / 32, size / 32);
    SHAPES[look](pen, LOOK_COLOUR[look]);
  }
  return canvas;
}

function filled(
  pen: CanvasRenderingContext2D,
  colour: string,
  trace: (path: CanvasRenderingContext2D) => void,
): void {
  pen.beginPath();
  trace(pen);
  pen.closePath();
  pen.lineJoin = "round";
  pen.lineWidth = 4;
  pen.strokeStyle = EDGE;
  pen.stroke();
  pen.fillStyle = colour;
  pen.fill();
}

function polygon(path: CanvasRenderingContext2D, points: readonly number[]): void {
  for (let at = 0; at < points.length; at += 2) path.lineTo(points[at] ?? 0, points[at + 1] ?? 0);
}

function lens(pen: CanvasRenderingContext2D): void {
  pen.fillStyle = EDGE;
  pen.beginPath();
  pen.arc(16, 16, 4.5, 0, 7);
  pen.fill();
}

function strokes(
  pen: CanvasRenderingContext2D,
  colour: string,
  width: number,
  lines: readonly (readonly number[])[],
): void {
  pen.strokeStyle = colour;
  pen.lineWidth = width;
  pen.beginPath();
  for (const [x1 = 0, y1 = 0, x2 = 0, y2 = 0] of lines) {
    pen.moveTo(x1, y1);
    pen.lineTo(x2, y2);
  }
  pen.stroke();
}
