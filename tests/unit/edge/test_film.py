"""Anybody's film: its own time, thinned, upright; what is none is said to be none."""

from datetime import datetime, timedelta, timezone
from pathlib import Path

import av
import numpy as np
import pytest

from ioc_edge.errors import SourceFailed
from ioc_edge.film import open_film

NOON = datetime(2026, 11, 24, 5, 0, tzinfo=timezone.utc)
# The matrix of a track's header, 16.16 and 2.30 fixed point: as it is, and a quarter to the right.
PLAIN = bytes.fromhex("00010000000000000000000000000000000100000000000000000000000000004000")
TURNED = bytes.fromhex("00000000000100000000000000000000ffff00000000000000000000000000004000")


def film(path: Path, frames: int, **metadata: str) -> Path:
    """64 x 48, 25 frames a second, white above and black below."""
    picture = np.zeros((48, 64, 3), np.uint8)
    picture[:24] = 255
    with av.open(str(path), "w") as out:
        out.metadata.update(metadata)
        stream = out.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for _ in range(frames):
            out.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        out.mux(stream.encode())
    return path


def test_frames_carry_the_films_own_time_and_are_thinned(tmp_path: Path) -> None:
    opened = open_film(film(tmp_path / "a.mp4", 50), NOON)
    assert opened.seconds == pytest.approx(2.0, abs=0.05)
    times = [(frame.seen_at - NOON) / timedelta(seconds=1) for frame in opened.frames(10)]
    assert len(times) == pytest.approx(20, abs=2)
    assert times[:3] == pytest.approx([0.0, 0.12, 0.2], abs=0.041)
    assert len(list(opened.frames(60))) == 50


def test_a_film_begins_when_it_says_it_was_made(tmp_path: Path) -> None:
    made = film(tmp_path / "a.mp4", 3, creation_time="2026-11-24T05:00:00.000000Z")
    assert open_film(made).began_at == NOON


def test_a_film_that_says_nothing_ended_when_its_file_was_written(tmp_path: Path) -> None:
    path = film(tmp_path / "a.mkv", 50)
    ended = datetime.fromtimestamp(path.stat().st_mtime, timezone.utc)
    assert abs((ended - open_film(path).began_at) - timedelta(seconds=2)) < timedelta(seconds=0.1)


def test_a_phones_film_stands_the_way_it_was_held(tmp_path: Path) -> None:
    path = film(tmp_path / "a.mp4", 3)
    content = path.read_bytes()
    header = content.index(b"tkhd")
    assert PLAIN in content[header:]
    path.write_bytes(content[:header] + content[header:].replace(PLAIN, TURNED, 1))
    first = next(iter(open_film(path).frames(10))).image
    # What was above is on the right.
    assert first.shape == (64, 48, 3)
    assert first[32, 45].min() > 200
    assert first[32, 3].max() < 60


@pytest.mark.parametrize("content", [None, b"", b"no film"])
def test_what_is_no_film_is_refused(content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SourceFailed, match=r"a\.mp4"):
        open_film(path)


def test_a_film_cut_off_in_the_middle_is_told_after_its_last_good_frame(tmp_path: Path) -> None:
    path = film(tmp_path / "a.ts", 50)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert len(list(open_film(path, NOON).frames(60))) < 50
