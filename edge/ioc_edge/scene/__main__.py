"""Render a clip: python -m ioc_edge.scene OUT.mp4 --seed 7 --time dusk --rain."""

import argparse
import sys
from pathlib import Path

from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from ioc_edge.scene.spec import SceneSpec
from ioc_edge.scene.video import write_video


def main() -> None:
    """Parse the arguments, render, show how far it is."""
    args = _arguments().parse_args()
    spec = SceneSpec(
        seed=args.seed, width=args.width, height=args.height, fps=args.fps, seconds=args.seconds,
        time_of_day=args.time, rain=args.rain, view=args.view, density=args.density,
        camera_id=args.camera,
    )  # fmt: skip
    truth = args.truth or args.out.with_suffix(".jsonl")
    if args.progress == "plain":
        write_video(spec, args.out, truth, _say)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns) as bar:
        task = bar.add_task("Dựng cảnh / Rendering", total=spec.frames)
        write_video(spec, args.out, truth, lambda done, _: bar.update(task, completed=done))


def _say(done: int, frames: int) -> None:
    """The share done, a line a frame, for a program that draws the bar itself."""
    sys.stdout.write(f"{done / frames:.4f}\n")
    sys.stdout.flush()


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m ioc_edge.scene",
        description="Dựng video nút giao mô phỏng cùng dữ liệu đúng / "
        "Render a simulated junction and its ground truth",
    )
    parser.add_argument(
        "out",
        type=Path,
        help="MP4 to write; truth and scene go beside it as .jsonl and .scene.yaml",
    )
    parser.add_argument("--truth", type=Path, help="where the truth goes instead")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--time", choices=("day", "dusk", "night"), default="day")
    parser.add_argument("--view", choices=("junction", "plates"), default="junction")
    parser.add_argument("--rain", action="store_true")
    parser.add_argument("--seconds", type=float, default=40.0)
    parser.add_argument("--fps", type=float, default=12.5)
    parser.add_argument("--density", type=float, default=1.0)
    parser.add_argument("--width", type=int, default=1280)
    parser.add_argument("--height", type=int, default=720)
    parser.add_argument("--progress", choices=("bar", "plain"), default="bar")
    parser.add_argument("--camera", help="camera name for the caption")
    return parser


if __name__ == "__main__":
    main()
