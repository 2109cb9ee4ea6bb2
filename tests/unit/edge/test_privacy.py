"""People and other vehicles are covered for good; the accused vehicle's plate stays readable."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ioc_edge.backends import Box, Detection, Image
from ioc_edge.backends.faces import BUILT_IN, FaceFinder
from ioc_edge.errors import ModelInvalid
from ioc_edge.privacy import LEVELS, Sight, captioned, covered, looked_again, veil

WIDTH, HEIGHT = 640, 480
BIKE: Box = (200, 200, 300, 400)
PLATE: Box = (240, 350, 270, 380)


@pytest.fixture(scope="module")
def street() -> Image:
    return np.random.default_rng(7).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)


def seen(*things: tuple[str, Box]) -> tuple[Detection, ...]:
    return tuple(Detection(box, label, 0.9) for label, box in things)


def changed(before: Image, after: Image, box: Box) -> float:
    """Share of a box's pixels that are not what they were."""
    left, top, right, bottom = map(int, box)
    part = (before != after).any(axis=2)[top:bottom, left:right]
    return float(part.mean())


def test_the_plate_of_the_vehicle_stays_as_it_was(street: Image) -> None:
    after = veil(street, Sight(BIKE, (PLATE,), seen=seen(("motorbike", BIKE), ("plate", PLATE))))
    assert changed(street, after, PLATE) == 0.0


def test_the_riders_head_is_covered(street: Image) -> None:
    rider: Box = (210, 150, 290, 340)
    after = veil(street, Sight(BIKE, (PLATE,), seen=seen(("motorbike", BIKE), ("person", rider))))
    assert changed(street, after, (230, 150, 270, 200)) == 1.0
    assert changed(street, after, PLATE) == 0.0


def test_a_head_above_a_box_that_holds_the_bike_alone_is_covered(street: Image) -> None:
    bike: Box = (200, 300, 300, 400)
    after = veil(street, Sight(bike, seen=seen(("motorbike", bike))))
    assert changed(street, after, (230, 250, 270, 300)) == 1.0


def test_windows_of_a_car_are_covered_and_its_plate_is_not(street: Image) -> None:
    car: Box = (100, 100, 400, 300)
    plate: Box = (220, 250, 280, 270)
    after = veil(street, Sight(car, seen=seen(("car", car), ("plate", plate))))
    assert changed(street, after, (110, 110, 390, 200)) == 1.0
    assert changed(street, after, plate) == 0.0
    assert changed(street, after, (110, 220, 210, 290)) == 0.0


def test_other_vehicles_people_and_plates_are_covered_whole(street: Image) -> None:
    others = {
        "car": (400, 100, 600, 200),
        "person": (20, 50, 60, 180),
        "plate": (480, 170, 520, 185),
    }
    after = veil(street, Sight(BIKE, (PLATE,), seen=seen(("motorbike", BIKE), *others.items())))
    for box in others.values():
        assert changed(street, after, box) > 0.99


def test_a_bus_behind_the_vehicle_does_not_cover_it(street: Image) -> None:
    bus: Box = (50, 20, 600, 460)
    after = veil(street, Sight(BIKE, (PLATE,), seen=seen(("motorbike", BIKE), ("bus", bus))))
    assert changed(street, after, (210, 300, 290, 340)) == 0.0
    assert changed(street, after, (400, 50, 590, 450)) > 0.99


def test_a_motorbike_before_the_accused_car_is_covered(street: Image) -> None:
    car: Box = (100, 60, 500, 420)
    after = veil(street, Sight(car, seen=seen(("car", car), ("motorbike", BIKE))))
    assert changed(street, after, BIKE) > 0.99


def test_a_second_box_on_the_vehicle_is_the_vehicle(street: Image) -> None:
    part: Box = (205, 290, 295, 398)
    after = veil(street, Sight(BIKE, seen=seen(("motorbike", BIKE), ("motorbike", part))))
    assert changed(street, after, (205, 300, 295, 395)) == 0.0


def test_a_second_look_covers_more_people_and_never_the_vehicle(street: Image) -> None:
    first = Sight(BIKE, (PLATE,), seen=seen(("motorbike", BIKE)))
    found = seen(("car", (280, 300, 420, 395)), ("person", (20, 50, 60, 180)))
    after = veil(street, looked_again(first, found, street))
    assert changed(street, after, (210, 300, 300, 340)) == 0.0
    assert changed(street, after, (301, 300, 420, 395)) > 0.99
    assert changed(street, after, (20, 50, 60, 180)) > 0.99


def test_without_an_accused_everybody_is_covered(street: Image) -> None:
    after = veil(street, Sight(seen=seen(("motorbike", BIKE), ("plate", PLATE))))
    assert changed(street, after, BIKE) > 0.99


def test_faces_are_covered_wherever_they_are(street: Image) -> None:
    face: Box = (500, 40, 530, 80)
    assert changed(street, veil(street, Sight(), [face]), face) == 1.0


def test_a_helmet_that_is_the_evidence_stays_and_the_face_below_it_does_not(street: Image) -> None:
    head: Box = (230, 150, 270, 200)
    sight = Sight(BIKE, (PLATE,), crowns=(head,), seen=seen(("motorbike", BIKE)))
    after = veil(street, sight, [(232, 165, 268, 200)])
    assert changed(street, after, (230, 150, 270, 170)) == 0.0
    assert changed(street, after, (232, 172, 268, 200)) == 1.0


def test_the_light_stays_as_it_was_where_a_vehicle_covers_it(street: Image) -> None:
    light: Box = (420, 110, 440, 160)
    sight = Sight(
        BIKE, shown=(light,), seen=seen(("motorbike", BIKE), ("bus", (400, 100, 600, 300)))
    )
    assert changed(street, veil(street, sight), light) == 0.0


def test_the_picture_itself_is_not_touched(street: Image) -> None:
    before = street.copy()
    veil(street, Sight(seen=seen(("person", BIKE))), [PLATE])
    assert (street == before).all()


@given(
    left=st.floats(-900, 900),
    top=st.floats(-900, 900),
    wide=st.floats(0, 2000),
    tall=st.floats(0, 2000),
)
def test_boxes_that_leave_the_picture_or_are_empty_do_no_harm(
    left: float, top: float, wide: float, tall: float
) -> None:
    image = np.zeros((60, 80, 3), np.uint8)
    box = (left, top, left + wide, top + tall)
    sight = Sight(box, seen=seen(("person", box), ("car", box), ("plate", box)))
    assert veil(image, sight, [box]).shape == image.shape


@given(height=st.integers(1, 200), width=st.integers(1, 200), cells=st.integers(1, 6))
def test_what_is_left_of_a_covered_part_is_a_handful_of_rounded_averages(
    height: int, width: int, cells: int
) -> None:
    part = np.random.default_rng(3).integers(0, 256, (height, width, 3), np.uint8)
    # Two pictures with the same averages become the same: nothing else is kept.
    left = covered(part, cells)
    assert left.shape == part.shape
    flat = np.full_like(part, 100)
    assert len(np.unique(covered(flat, cells))) == 1
    assert np.abs(covered(flat, cells).astype(int) - 100).max() <= 256 // LEVELS


def test_letters_under_a_cover_are_gone() -> None:
    dark, light = np.full((40, 120, 3), 90, np.uint8), np.full((40, 120, 3), 90, np.uint8)
    dark[10:30, 10:20] = 0
    light[10:30, 20:30] = 0
    assert (covered(dark, 1) == covered(light, 1)).mean() > 0.95


def test_a_cut_out_is_covered_where_the_whole_picture_would_be(street: Image) -> None:
    sight = Sight(BIKE, (PLATE,), seen=seen(("motorbike", BIKE), ("person", (20, 50, 60, 180))))
    moved = sight.within(190, 100)
    assert moved.vehicle == (10, 100, 110, 300)
    part = street[100:, 190:]
    assert changed(part, veil(part, moved), (50, 250, 80, 280)) == 0.0


def test_the_caption_lies_below_the_picture(street: Image) -> None:
    with_strip = captioned(street)
    assert (with_strip[:HEIGHT] == street).all()
    assert with_strip.shape[0] > HEIGHT
    assert len(np.unique(with_strip[HEIGHT:])) > 3


def test_a_small_cut_out_has_no_room_for_a_caption() -> None:
    assert captioned(np.zeros((40, 100, 3), np.uint8)).shape == (40, 100, 3)


def test_an_empty_road_has_no_faces() -> None:
    assert FaceFinder().find(np.full((300, 400, 3), 90, np.uint8)) == []


@pytest.mark.parametrize("shape", [(1, 1, 3), (33, 700, 3), (1080, 1920, 3), (2160, 3840, 3)])
def test_pictures_of_any_size_are_searched(shape: tuple[int, int, int]) -> None:
    assert FaceFinder().find(np.zeros(shape, np.uint8)) == []


def test_changed_weights_are_refused(tmp_path: Path) -> None:
    (tmp_path / "model.yaml").write_text(BUILT_IN.read_text())
    (tmp_path / "model.onnx").write_bytes(b"other")
    with pytest.raises(ModelInvalid, match="sha256"):
        FaceFinder(tmp_path / "model.yaml")
