"""Anybody's pictures: every type, depth, way up and name; what is none is said to be none."""

import struct
from pathlib import Path

import cv2
import numpy as np
import pytest

from ioc_edge import pictures
from ioc_edge.backends import Image
from ioc_edge.errors import PictureUnreadable

# Red above, blue below.
FLAG: Image = np.zeros((40, 60, 3), np.uint8)
FLAG[:20], FLAG[20:] = (0, 0, 250), (250, 0, 0)


def encoded(suffix: str, picture: np.ndarray = FLAG) -> bytes:
    worked, content = cv2.imencode(suffix, picture)
    assert worked
    return content.tobytes()


def with_orientation(jpeg: bytes, orientation: int) -> bytes:
    """The JPEG with an EXIF block of that one tag."""
    entry = struct.pack(">HHHI2H", 1, 0x0112, 3, 1, orientation, 0)
    exif = b"Exif\x00\x00MM\x00\x2a\x00\x00\x00\x08" + entry + b"\x00" * 4
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + jpeg[2:]


@pytest.mark.parametrize(
    "suffix", [".jpg", ".png", ".bmp", ".webp", ".tiff", ".gif", ".ppm", ".jp2", ".avif"]
)
def test_every_usual_type_is_read(suffix: str, tmp_path: Path) -> None:
    (tmp_path / f"flag{suffix}").write_bytes(encoded(suffix))
    (file,) = pictures.find([tmp_path])
    picture = pictures.load(file)
    assert picture.shape == (40, 60, 3)
    assert picture[5, 30].tolist() == pytest.approx([0, 0, 250], abs=40)


def test_a_name_of_any_script_is_found_and_read(tmp_path: Path) -> None:
    folder = tmp_path / "ảnh đường Phan Ngọc Hiển 车牌"
    folder.mkdir()
    (folder / "xe máy ①.JPG").write_bytes(encoded(".jpg"))
    (file,) = pictures.find([tmp_path])
    assert pictures.load(file).shape == (40, 60, 3)


@pytest.mark.parametrize(
    ("orientation", "shape", "red_at"),
    [
        *((1, (40, 60), (5, 30)), (3, (40, 60), (35, 30))),
        *((6, (60, 40), (30, 35)), (8, (60, 40), (30, 5))),
    ],
)
def test_a_phones_picture_stands_the_way_it_was_held(
    orientation: int, shape: tuple[int, int], red_at: tuple[int, int], tmp_path: Path
) -> None:
    file = tmp_path / "phone.jpg"
    file.write_bytes(with_orientation(encoded(".jpg"), orientation))
    picture = pictures.load(file)
    assert picture.shape[:2] == shape
    assert picture[red_at][2] > 200


@pytest.mark.parametrize("bits", [10, 12, 14, 16])
def test_depth_beyond_eight_bits_keeps_its_brightness(bits: int, tmp_path: Path) -> None:
    picture = np.zeros((20, 20, 3), np.uint16)
    picture[:10] = 2**bits - 1
    picture[10:] = 2 ** (bits - 1)
    (tmp_path / "deep.png").write_bytes(encoded(".png", picture))
    read = pictures.load(tmp_path / "deep.png")
    assert read.dtype == np.uint8
    assert read[0, 0].tolist() == [255] * 3
    assert read[15, 0].tolist() == pytest.approx([127] * 3, abs=1)


def test_grey_and_transparent_pictures_have_three_colours(tmp_path: Path) -> None:
    (tmp_path / "grey.png").write_bytes(encoded(".png", FLAG[:, :, 0]))
    (tmp_path / "clear.png").write_bytes(encoded(".png", np.dstack([FLAG, FLAG[:, :, 0]])))
    (tmp_path / "light.tiff").write_bytes(encoded(".tiff", np.full((9, 9), 0.5, np.float32)))
    shapes = [pictures.load(file).shape for file in pictures.find([tmp_path])]
    assert shapes == [(40, 60, 3), (40, 60, 3), (9, 9, 3)]
    assert pictures.load(tmp_path / "light.tiff")[0, 0].tolist() == [127] * 3


@pytest.mark.parametrize(
    "content", [b"", b"not a picture", encoded(".jpg")[:30], b"\x89PNG\r\n\x1a\n" + b"\0" * 40]
)
def test_what_is_no_picture_is_refused_with_its_name(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "broken.jpg"
    file.write_bytes(content)
    with pytest.raises(PictureUnreadable, match=r"broken\.jpg"):
        pictures.load(file)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PictureUnreadable, match="No such file"):
        pictures.load(tmp_path / "gone.jpg")


def test_labels_and_hidden_files_in_a_folder_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    for name in ("b.jpg", "a.png", "labels.csv", ".thumb.jpg", "inner/c.jpeg"):
        (tmp_path / name).write_bytes(b"x")
    found = [str(file.relative_to(tmp_path)) for file in pictures.find([tmp_path])]
    assert found == ["a.png", "b.jpg", "inner/c.jpeg"]


def test_a_file_that_is_named_is_taken_whatever_it_is_called(tmp_path: Path) -> None:
    file = tmp_path / "upload.tmp"
    file.write_bytes(encoded(".jpg"))
    assert pictures.load(pictures.find([file])[0]).shape == (40, 60, 3)
