"""`ioc-edge read-plates` and `ioc-edge detect`: the models on anybody's pictures."""

import argparse
import csv
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TextIO

from rich.console import Console
from rich.progress import Progress

from ioc_edge import pictures, settings
from ioc_edge.backends import (
    PLATE,
    Box,
    Detection,
    Detector,
    Image,
    Reader,
    Reading,
    open_detector,
    open_reader,
)
from ioc_edge.backends.both import WithPlates
from ioc_edge.errors import PictureUnreadable
from ioc_edge.pipeline import PLATE_ASPECT, READ_MARGIN, cut

EXIT_SOME_UNREADABLE: Final = 3
EXIT_NOTHING: Final = 4
# A picture no larger than this, of a plate's shape, may be the cut-out of one plate.
LARGEST_CUT_OUT: Final = 1000
# A street read as if it were a plate gives some letters too, with less than this.
LEAST_WHOLE: Final = 0.5
# Less likely right than one in fifty is not worth telling.
LEAST_READ: Final = 0.02
COLUMNS: Final = ("file", "text", "confidence", "lines", "ground", "raw", "box")


@dataclass(frozen=True, slots=True)
class Plate:
    """A plate in a picture; no reading where it is found and not legible."""

    box: Box
    reading: Reading | None

    def row(self, file: Path) -> dict[str, str]:
        """As a line of the table."""
        box = " ".join(f"{side:.0f}" for side in self.box)
        if self.reading is None or self.reading.confidence < LEAST_READ:
            return dict.fromkeys(COLUMNS, "") | {"file": str(file), "box": box}
        return {
            "file": str(file),
            "text": self.reading.text,
            "confidence": f"{self.reading.confidence:.3f}",
            "lines": str(self.reading.lines),
            "ground": self.reading.ground or "",
            "raw": self.reading.raw,
            "box": box,
        }


class PlateFinder:
    """Finds and reads plates in single pictures.

    Without a detector every picture is taken for a plate itself.
    """

    def __init__(self, detector: Detector | None, reader: Reader, *, cut_outs: bool) -> None:
        self._detector = detector
        self._reader = reader
        self._cut_outs = cut_outs

    def plates(self, picture: Image) -> list[Plate]:
        """All plates; a small picture of a plate's shape may be one as a whole."""
        if self._detector is None:
            return [self._whole(picture)]
        found = [one for one in self._detector.detect([picture])[0] if one.label == PLATE]
        crops = [cut(picture, one.box, READ_MARGIN) for one in found]
        readings = self._reader.read(crops) if crops else []
        plates = [Plate(one.box, read) for one, read in zip(found, readings, strict=True)]
        if self._cut_outs and may_be_cut_out(picture):
            # Screws and letters of a close plate look like far plates themselves.
            whole = self._whole(picture)
            surest = max((sureness(plate) for plate in plates), default=0.0)
            if not plates or sureness(whole) > max(surest, LEAST_WHOLE):
                return [whole]
        return plates

    def _whole(self, picture: Image) -> Plate:
        height, width = picture.shape[:2]
        return Plate((0.0, 0.0, float(width), float(height)), self._reader.read([picture])[0])


def may_be_cut_out(picture: Image) -> bool:
    """Whether the picture is small and shaped like a plate."""
    height, width = int(picture.shape[0]), int(picture.shape[1])
    least, most = PLATE_ASPECT
    return least <= width / height <= most and max(width, height) <= LARGEST_CUT_OUT


def sureness(plate: Plate) -> float:
    """Of its reading; 0 without one."""
    return plate.reading.confidence if plate.reading is not None else 0.0


def read_plates(options: argparse.Namespace) -> int:
    """A line for each plate of each picture, on stdout."""
    detector = None if options.crops else detector_of(options)
    reader = open_reader(options.reader, second_opinion=not options.no_second)
    finder = PlateFinder(detector, reader, cut_outs=not options.scenes)
    delimiter = "," if options.csv else "\t"
    table = csv.DictWriter(sys.stdout, COLUMNS, delimiter=delimiter, lineterminator="\n")
    table.writeheader()

    def tell(file: Path, picture: Image) -> None:
        plates = finder.plates(picture)
        nothing = dict.fromkeys(COLUMNS, "") | {"file": str(file)}
        for row in [plate.row(file) for plate in plates] or [nothing]:
            table.writerow(row)

    return each(options.paths, tell, lambda _: None)


def detector_of(options: argparse.Namespace, confidence: float | None = None) -> Detector:
    """The detector that is asked for, with another's plates where one is named."""
    detector = open_detector(options.detector, confidence=confidence, closer=True)
    if options.plate_detector is None:
        return detector
    return WithPlates(detector, open_detector(options.plate_detector, confidence=confidence))


def detect(options: argparse.Namespace) -> int:
    """All boxes of each picture on stdout: a line a box, or with --json a line a picture."""
    detector = detector_of(options, options.confidence)

    def tell(file: Path, picture: Image) -> None:
        found = detector.detect([picture])[0]
        if options.json:
            sys.stdout.write(json_line(file, picture, found) + "\n")
            return
        for one in found:
            box = " ".join(f"{side:.0f}" for side in one.box)
            sys.stdout.write(f"{file}\t{one.label}\t{one.confidence:.3f}\t{box}\n")

    def refuse(error: PictureUnreadable) -> None:
        if options.json:
            line = {"file": str(error.path), "error": error.reason}
            sys.stdout.write(json.dumps(line, ensure_ascii=False) + "\n")

    return each(options.paths, tell, refuse)


def json_line(file: Path, picture: Image, found: Sequence[Detection]) -> str:
    """A picture's boxes (left, top, right, bottom in pixels) as one line of JSON."""
    height, width = picture.shape[:2]
    boxes = [
        {
            "class": one.label,
            "score": round(one.confidence, 4),
            "box": [round(side, 1) for side in one.box],
        }
        for one in found
    ]
    line = {"file": str(file), "width": width, "height": height, "boxes": boxes}
    return json.dumps(line, ensure_ascii=False)


def each(
    paths: Sequence[Path],
    tell: Callable[[Path, Image], None],
    refuse: Callable[[PictureUnreadable], None],
) -> int:
    """Every picture in turn; what cannot be read is told and counted, and is no end."""
    files = pictures.find(paths)
    unreadable = 0
    for file in _shown(files):
        try:
            picture = pictures.load(file)
        except PictureUnreadable as error:
            unreadable += 1
            refuse(error)
            _say(f"Không đọc được ảnh / picture unreadable: {error}")
            continue
        tell(file, picture)
        sys.stdout.flush()
    _say(
        f"{len(files)} ảnh, {unreadable} không đọc được / "
        f"{len(files)} pictures, {unreadable} unreadable"
    )
    if not files:
        return EXIT_NOTHING
    return EXIT_SOME_UNREADABLE if unreadable else 0


def add_commands(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """`read-plates` and `detect`, each with its options."""
    read = commands.add_parser(
        "read-plates",
        help="đọc biển số trong ảnh / read the plates in pictures",
        description="Đọc biển số trong ảnh hay thư mục ảnh bất kỳ. / Read the plates in any "
        "pictures or folders of pictures: a line a plate on stdout, columns "
        f"{', '.join(COLUMNS)} (box: left top right bottom in pixels). A picture without a plate "
        "has a line without text. Exit code 3: some pictures could not be read; 4: there are none.",
    )
    _common(read)
    read.add_argument("--csv", action="store_true", help="CSV thay cho TAB / CSV instead of tabs")
    kind = read.add_mutually_exclusive_group()
    kind.add_argument(
        "--crops",
        action="store_true",
        help="mỗi ảnh là một biển số đã cắt / each picture is a cut-out plate",
    )
    kind.add_argument(
        "--scenes",
        action="store_true",
        help="mỗi ảnh là một cảnh / each picture is a scene; without either both are tried",
    )
    read.add_argument(
        "--reader",
        type=settings.named("ppocr"),
        default=settings.built_in_reader(),
        help="model.yaml hoặc ppocr / a model.yaml, or ppocr",
    )
    read.add_argument(
        "--no-second",
        action="store_true",
        help="không hỏi ý kiến thứ hai / ask no second reader where the first is unsure",
    )
    read.set_defaults(do=read_plates)
    seen = commands.add_parser(
        "detect",
        help="tìm xe, người, biển số trong ảnh / find vehicles, people and plates in pictures",
        description="Tìm xe, người, biển số. / Find vehicles, people and plates: a line a box on "
        "stdout (file, class, score, left top right bottom, by tabs), with --json a line of JSON "
        'a picture: {"file", "width", "height", "boxes": [{"class", "score", "box"}]} or '
        '{"file", "error"}. Exit codes as of read-plates.',
    )
    _common(seen)
    seen.add_argument("--json", action="store_true", help="JSON, một dòng mỗi ảnh / a line each")
    seen.add_argument(
        "--confidence",
        type=float,
        help="ngưỡng tin cậy / least confidence instead of the model's own, 0 to 1",
    )
    seen.set_defaults(do=detect)


def _common(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "paths", nargs="+", type=Path, metavar="PATH", help="ảnh hay thư mục / pictures or folders"
    )
    command.add_argument(
        "--detector",
        type=Path,
        default=settings.BUILT_IN_DETECTOR,
        help="model.yaml của bộ phát hiện / the detector's model.yaml",
    )
    command.add_argument(
        "--plate-detector",
        type=Path,
        help="model.yaml riêng cho biển số / of another detector for the plates",
    )


def _shown(files: Sequence[Path]) -> Iterator[Path]:
    """With a bar on a terminal; a log gets the last line alone."""
    console = Console(stderr=True)
    with Progress(console=console, disable=not console.is_terminal, transient=True) as bar:
        yield from bar.track(files, description="ảnh / pictures")


def _say(line: str, to: TextIO | None = None) -> None:
    (to or sys.stderr).write(line + "\n")
