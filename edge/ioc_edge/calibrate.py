"""`ioc camera calibrate`: a frame and marks on the road in, a scene file and its overlay out."""

import argparse
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime, timezone
from itertools import islice
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import yaml
from pydantic import ValidationError

from ioc_edge import capture, scene_file
from ioc_edge.backends import Image
from ioc_edge.clips import ClipRing
from ioc_edge.errors import ConfigInvalid, EdgeError
from ioc_edge.lettering import width, write
from ioc_models import plane
from ioc_models.calibration import Draft, Fault, Outcome, calibrate
from ioc_models.plane import XY
from ioc_models.scene import Scene

EXIT_FAULTS: Final = 1
EXIT_INPUT: Final = 2
# A camera's first frames may be grey: its encoder begins between two key frames.
SKIPPED_FRAMES: Final = 10
LANE_COLOURS: Final = (
    (80, 200, 80),
    (220, 150, 40),
    (60, 160, 240),
    (200, 90, 200),
    (90, 220, 220),
)
GRID: Final = (255, 255, 255)
STOP: Final = (40, 40, 255)
LIGHT: Final = (0, 220, 255)
ZONE: Final = (40, 90, 255)
MARK: Final = (255, 255, 0)
UNUSED: Final = (0, 0, 255)
PAPER: Final = (24, 22, 20)
INK: Final = (255, 255, 255)


def main(arguments: Sequence[str] | None = None) -> int:
    """Calibrate a camera; 0 when a scene was made, 1 when the marks cannot carry one."""
    chosen = _parser().parse_args(arguments)
    try:
        frame = read_frame(chosen.frame or chosen.source, still=chosen.source is None)
        draft = read_draft(chosen.points, frame)
    except EdgeError as error:
        sys.stderr.write(f"Không đọc được / cannot be read: {error}\n")
        return EXIT_INPUT
    outcome = calibrate(draft, datetime.now(timezone.utc).replace(microsecond=0))
    if chosen.overlay is not None and not cv2.imwrite(
        str(chosen.overlay), overlay(frame, draft, outcome)
    ):
        sys.stderr.write(f"Không ghi được / cannot be written: {chosen.overlay}\n")
        return EXIT_INPUT
    sys.stderr.write("".join(f"{line}\n" for line in report(outcome)))
    if outcome.scene is None:
        return EXIT_FAULTS
    if chosen.out is None:
        sys.stdout.write(scene_file.text(outcome.scene))
    else:
        scene_file.save(outcome.scene, chosen.out)
    return 0


def read_frame(source: str, *, still: bool) -> Image:
    """A picture file, or one of the first frames of a video or camera.

    Raises:
        SourceFailed: No video there.
        ConfigInvalid: No picture there.
    """
    if still and (image := cv2.imread(source)) is not None:
        return np.asarray(image, np.uint8)
    frames = capture.decode(source, network="://" in source, ring=ClipRing())
    first = list(islice(frames, SKIPPED_FRAMES + 1))
    # Closes the source; a generator that is dropped would do so whenever it likes.
    del frames
    last = first[-1] if first else None
    if last is None:
        raise ConfigInvalid(Path(source), "has no picture")
    return np.asarray(last.to_ndarray(format="bgr24"), np.uint8)


def read_draft(path: Path, frame: Image) -> Draft:
    """The marks of a points.yaml; the picture's size is the frame's.

    Raises:
        ConfigInvalid: With every fault and where it stands, or another size than the frame.
    """
    height, wide = frame.shape[:2]
    size = {"width": wide, "height": height}
    try:
        raw: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
        if not isinstance(raw, dict):
            raise ConfigInvalid(path, "is no mapping of names to values")
        draft = Draft.model_validate({"image": size, **raw})
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigInvalid(path, str(error)) from error
    except ValidationError as error:
        faults = "; ".join(
            f"{'.'.join(str(part) for part in fault['loc']) or 'file'}: {fault['msg']}"
            for fault in error.errors()
        )
        raise ConfigInvalid(path, faults) from error
    if draft.image.model_dump() != size:
        marked = f"{draft.image.width}x{draft.image.height}"
        raise ConfigInvalid(path, f"was marked on {marked}, the frame is {wide}x{height}")
    return draft


def report(outcome: Outcome) -> list[str]:
    """What came of it, for a terminal: each fault in both languages, then the errors."""
    lines = [f"✗ {_said(fault)}" for fault in outcome.faults]
    lines += [f"! {_said(note)}" for note in outcome.notes]
    for place, mark in enumerate(outcome.marks):
        left_out = "-" if mark.left_out_m is None else f"{mark.left_out_m:.2f} m"
        used = "" if mark.used else "  (không dùng / not used)"
        lines.append(f"  {place + 1:2}: {mark.error_m:.2f} m, bỏ ra / left out {left_out}{used}")
    if outcome.residual_m is not None:
        lines.append(f"Sai số / residual: {outcome.residual_m:.3f} m")
    if outcome.left_out_m is not None:
        lines.append(f"Sai số kiểm tra chéo / leave-one-out: {outcome.left_out_m:.3f} m")
    return lines


def _said(fault: Fault) -> str:
    return f"{fault.vi} / {fault.en}"


def overlay(frame: Image, draft: Draft, outcome: Outcome) -> Image:
    """The frame with the metre grid, lanes, lines, lights, zones and marks drawn on it; a copy."""
    image = _tinted(frame, draft)
    thick = max(1, round(frame.shape[1] / 900))
    size = max(13, round(frame.shape[0] / 45))
    _draw_grid(image, outcome, thick, size)
    for place, lane in enumerate(draft.lanes):
        colour = LANE_COLOURS[place % len(LANE_COLOURS)]
        _outline(image, lane.polygon_px, colour, thick)
        _label(image, lane.title_vi or lane.id, _middle(lane.polygon_px), size, colour)
        ends = lane.arrow_px or _direction(outcome.scene, lane.id)
        if ends is not None:
            cv2.arrowedLine(
                image, _at(ends[0]), _at(ends[1]), colour, 2 * thick, cv2.LINE_AA, 0, 0.15
            )
    for line in draft.stop_lines:
        cv2.line(image, _at(line.ends_px[0]), _at(line.ends_px[1]), STOP, 3 * thick, cv2.LINE_AA)
        _label(image, f"Vạch dừng {line.id}", line.ends_px[1], size, STOP)
    for zone in draft.zones:
        _outline(image, zone.polygon_px, ZONE, 2 * thick)
        _label(image, zone.title_vi or f"Cấm dừng {zone.id}", _middle(zone.polygon_px), size, ZONE)
    for light in draft.lights:
        left, top, right, bottom = light.box_px
        cv2.rectangle(image, _at((left, top)), _at((right, bottom)), LIGHT, 2 * thick)
        _label(image, f"Đèn {light.id}", (right, top), size, LIGHT)
    _draw_marks(image, draft, outcome, thick, size)
    return image


def _tinted(frame: Image, draft: Draft) -> Image:
    """Lanes and zones as a veil of colour."""
    layer = frame.copy()
    for place, lane in enumerate(draft.lanes):
        _fill(layer, lane.polygon_px, LANE_COLOURS[place % len(LANE_COLOURS)])
    for zone in draft.zones:
        _fill(layer, zone.polygon_px, ZONE)
    return np.asarray(cv2.addWeighted(layer, 0.25, frame, 0.75, 0), np.uint8)


def _draw_grid(image: Image, outcome: Outcome, thick: int, size: int) -> None:
    veil = image.copy()
    for line in outcome.grid:
        points = np.array([_at(at) for at in line.px], np.int32)
        cv2.polylines(
            veil, [points], isClosed=False, color=GRID, thickness=thick, lineType=cv2.LINE_AA
        )
    image[:] = cv2.addWeighted(veil, 0.55, image, 0.45, 0)
    height, wide = image.shape[:2]
    for line in outcome.grid:
        inside = [at for at in line.px if 0 < at[0] < wide - size and size < at[1] < height]
        if inside:
            at = inside[0] if line.axis == "y" else min(inside, key=lambda one: -one[1])
            write(image, f"{line.at_m:g} m", _at(at), size=round(size * 0.7), ink=GRID)


def _draw_marks(image: Image, draft: Draft, outcome: Outcome, thick: int, size: int) -> None:
    for place, mark in enumerate(draft.points):
        told = outcome.marks[place] if place < len(outcome.marks) else None
        colour = MARK if told is None or told.used else UNUSED
        cv2.drawMarker(image, _at(mark.px), colour, cv2.MARKER_TILTED_CROSS, 8 * thick, 2 * thick)
        text = str(place + 1) if told is None else f"{place + 1}: {told.error_m:.2f} m"
        _label(image, text, (mark.px[0] + 6 * thick, mark.px[1] - 6 * thick), size, colour)


def _direction(scene: Scene | None, lane: str) -> tuple[XY, XY] | None:
    """An arrow of a quarter of the lane's length on the ground, as the picture shows it."""
    if scene is None:
        return None
    found = scene.lane(lane)
    centre = scene.on_ground(_middle(found.polygon_px))
    towards = plane.unit(found.direction_m)
    if centre is None or towards is None:
        return None
    far = plane.mapped(
        scene.ground_to_image, (centre[0] + 4 * towards[0], centre[1] + 4 * towards[1])
    )
    return plane.mapped(scene.ground_to_image, centre), far


def _fill(image: Image, polygon: Iterable[XY], colour: tuple[int, int, int]) -> None:
    cv2.fillPoly(image, [np.array([_at(corner) for corner in polygon], np.int32)], colour)


def _outline(image: Image, polygon: Iterable[XY], colour: tuple[int, int, int], thick: int) -> None:
    points = np.array([_at(corner) for corner in polygon], np.int32)
    cv2.polylines(
        image, [points], isClosed=True, color=colour, thickness=thick, lineType=cv2.LINE_AA
    )


def _label(image: Image, text: str, at: XY, size: int, colour: tuple[int, int, int]) -> None:
    """Text on a dark plate that stays inside the picture."""
    wide, pad = width(text, size), size // 4
    left = int(np.clip(at[0], pad, max(pad, image.shape[1] - wide - 2 * pad)))
    base = int(np.clip(at[1], size + pad, image.shape[0] - 2 * pad))
    cv2.rectangle(image, (left - pad, base - size), (left + wide + pad, base + pad), PAPER, -1)
    cv2.rectangle(image, (left - pad, base - size), (left - pad + 2, base + pad), colour, -1)
    write(image, text, (left + pad, base - pad // 2), size=size, ink=INK)


def _middle(polygon: Sequence[XY]) -> XY:
    return (
        sum(corner[0] for corner in polygon) / len(polygon),
        sum(corner[1] for corner in polygon) / len(polygon),
    )


def _at(point: XY) -> tuple[int, int]:
    return round(point[0]), round(point[1])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="ioc camera calibrate", description=__doc__)
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--frame", help="ảnh / a picture file")
    where.add_argument("--source", help="video hoặc rtsp:// / a video file or rtsp://")
    parser.add_argument("--points", type=Path, required=True, help="points.yaml: what was marked")
    parser.add_argument("--out", type=Path, help="scene.yaml; else to stdout")
    parser.add_argument("--overlay", type=Path, help="PNG that shows what was understood")
    return parser


if __name__ == "__main__":
    sys.exit(main())
