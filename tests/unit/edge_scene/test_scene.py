"""A rendered clip and its truth say the same, every time."""

import json
import re
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from ioc_edge.scene import Box, FrameTruth, Header, SceneSpec, Script, render, write_video
from ioc_edge.scene.render import Scene

SMALL = {"width": 320, "height": 180, "fps": 5.0}
LEGAL = re.compile(
    r"^(?:\d{2}[ABCDEFGHKLMNPSTUVXYZ]\d{4,5}"  # cars
    r"|\d{2}(?:[ABCDEFGHKLMNPSTUVXYZ](?:[1-9]|[ABCDEFHKLMNPRSTUVXYZ])|MĐ[1-9])\d{4,5}"  # motorbikes
    r"|80\d{3}(?:NG|QT|NN)\d{2}"  # diplomats
    r"|[A-Z]{2}\d{4})$"  # army
)
VEHICLES = {"car", "bus", "truck", "motorbike", "bicycle"}


@pytest.fixture(scope="module")
def busy(busy_scene: Scene) -> list[FrameTruth]:
    return [truth for _, truth in busy_scene.frames()]


@pytest.fixture(scope="module")
def busy_scene() -> Scene:
    return Scene(SceneSpec(seed=4, seconds=7, density=2, tapered=False, **SMALL))


def boxes(truths: list[FrameTruth]) -> list[Box]:
    return [box for truth in truths for box in truth.boxes]


def test_equal_specs_give_equal_pixels_and_equal_truth() -> None:
    spec = SceneSpec(seed=11, seconds=2, tapered=False, rain=True, time_of_day="dusk", **SMALL)

    once, again = list(render(spec)), list(render(spec))

    assert [truth for _, truth in once] == [truth for _, truth in again]
    assert all(np.array_equal(a, b) for (a, _), (b, _) in zip(once, again, strict=True))


def test_another_seed_gives_another_street() -> None:
    frames = [next(render(SceneSpec(seed=s, seconds=1, tapered=False, **SMALL)))[0] for s in (1, 2)]

    assert not np.array_equal(frames[0], frames[1])


@pytest.mark.parametrize("time_of_day", ["day", "dusk", "night"])
@pytest.mark.parametrize("view", ["junction", "plates"])
def test_a_frame_is_a_bgr_picture_of_the_asked_size(time_of_day: str, view: str) -> None:
    spec = SceneSpec(
        seed=3, seconds=0.4, time_of_day=time_of_day, view=view, tapered=False, rain=True, **SMALL
    )

    frames = list(render(spec))

    assert len(frames) == spec.frames == 2
    assert all(image.shape == (180, 320, 3) and image.dtype == np.uint8 for image, _ in frames)


def test_day_is_brighter_than_dusk_and_dusk_than_night() -> None:
    spec = SceneSpec(seed=3, seconds=0.2, density=0, **SMALL)
    means = [
        float(next(render(spec.model_copy(update={"time_of_day": hour})))[0].mean())
        for hour in ("day", "dusk", "night")
    ]

    assert means[0] > means[1] > means[2]


def test_every_plate_in_truth_is_legal_and_belongs_to_one_track(busy: list[FrameTruth]) -> None:
    owners: dict[str, set[int]] = {}
    for box in boxes(busy):
        if box.plate is not None:
            owners.setdefault(box.plate, set()).add(box.track)

    assert len(owners) > 5
    assert all(LEGAL.match(text) for text in owners)
    assert all(len(tracks) == 1 for tracks in owners.values())


def test_boxes_lie_in_the_picture_and_hold_their_vehicle(
    busy: list[FrameTruth], busy_scene: Scene
) -> None:
    held = 0
    for box in boxes(busy):
        x0, y0, x1, y1 = box.xyxy
        assert 0 <= x0 < x1 <= 320
        assert 0 <= y0 < y1 <= 180
        assert 0 < box.visible <= 1
        if box.label not in VEHICLES:
            continue
        middle = busy_scene.camera.project(np.array([[*box.position_m, 0.5]]))[0]
        if 0 <= middle[0] < 320 and 12 <= middle[1] < 180:
            held += 1
            assert x0 - 1 <= middle[0] <= x1 + 1
            assert y0 - 1 <= middle[1] <= y1 + 1
    assert held > 50


def test_the_homography_maps_the_nearest_corner_to_the_bottom_of_the_box(
    busy: list[FrameTruth], busy_scene: Scene
) -> None:
    matrix = np.array(busy_scene.header().homography)
    seen = 0
    for box in boxes(busy):
        x0, _, x1, y1 = box.xyxy
        whole = x0 > 1 and x1 < 319 and y1 < 179 and box.xyxy[1] > 9
        if box.footprint_m is None or box.label == "person" or not whole:
            continue
        ground = np.column_stack((np.array(box.footprint_m), np.ones(4))) @ matrix.T
        lowest = float((ground[:, 1] / ground[:, 2]).max())
        seen += 1
        # Bumpers hang over the road and tyres are round: the lowest drawn point is a little higher.
        assert -1 < lowest - y1 < 2 + 0.15 * (y1 - box.xyxy[1])
    assert seen > 50


def test_speeds_agree_with_positions(busy: list[FrameTruth]) -> None:
    compared = 0
    for before, after in pairwise(busy):
        earlier = {b.track: b for b in before.boxes if b.label in VEHICLES}
        for box in after.boxes:
            if box.label not in VEHICLES or box.track not in earlier:
                continue
            past = earlier[box.track]
            way = np.hypot(*np.subtract(box.position_m, past.position_m))
            mean_kmh = (box.speed_kmh + past.speed_kmh) / 2
            compared += 1
            assert abs(way / (after.t_s - before.t_s) * 3.6 - mean_kmh) < 3
    assert compared > 100


def test_riders_and_plates_carry_the_track_of_their_vehicle(busy: list[FrameTruth]) -> None:
    for truth in busy:
        carriers = {b.track: b for b in truth.boxes if b.label in VEHICLES}
        for box in truth.boxes:
            if box.label == "plate":
                assert carriers[box.track].plate == box.plate
                assert carriers[box.track].plate_xyxy == box.xyxy


def test_a_plate_in_full_view_near_the_line_is_legible() -> None:
    spec = SceneSpec(seed=21, seconds=12, fps=2, view="plates", tapered=False)
    widths = [
        box.xyxy[2] - box.xyxy[0]
        for _, truth in render(spec)
        for box in truth.boxes
        if box.label == "plate" and box.plate_legible
    ]

    assert len(widths) > 10
    assert max(widths) >= 45


def test_every_frame_says_that_it_is_simulated() -> None:
    spec = SceneSpec(seed=3, seconds=0.6, **SMALL)

    strips = [image[:8, :80] for image, _ in render(spec)]

    assert all((strip[..., 2] > 180).any() for strip in strips)


def test_a_looping_clip_starts_and_ends_with_little_traffic() -> None:
    scene = Scene(SceneSpec(seed=9, seconds=40, width=320, height=180, fps=5))
    lines = scene.play.frames
    signals = scene.play.signals

    assert len(lines[0]) == 0
    assert signals.at(0.0) == signals.at(40.0)
    late = [s for s in lines[-1] if s.position[1] < 22]
    assert len(late) <= 4


def test_the_staged_violations_are_in_the_header_with_their_plates() -> None:
    header = Scene(SceneSpec(seed=7, width=64, height=64)).header()
    kinds = [v.kind for v in header.violations]

    assert sorted(set(kinds)) == ["no_helmet", "red_light", "speeding", "wrong_way"]
    assert all(v.plate and LEGAL.match(v.plate) for v in header.violations)
    assert all(0 <= v.t_start < v.t_end <= 40 for v in header.violations)


def test_an_empty_script_stages_nothing() -> None:
    quiet = Script(red_light=0, wrong_way=0, no_helmet=0, speeding=0)
    scene = Scene(SceneSpec(seed=7, script=quiet, tapered=False, **SMALL))

    assert scene.header().violations == ()
    assert all(s.rider.helmet is not False for states in scene.play.frames for s in states)


def test_bare_heads_are_marked_on_the_rider_and_on_the_motorbike() -> None:
    script = Script(red_light=0, wrong_way=0, no_helmet=6, speeding=0)
    spec = SceneSpec(seed=2, seconds=24, script=script, **SMALL)
    found = [b for _, truth in render(spec) for b in truth.boxes if b.helmet is False]

    assert {"motorbike", "person"} <= {b.label for b in found}


def test_a_clip_decodes_to_its_frames_with_a_keyframe_every_second(tmp_path: Path) -> None:
    spec = SceneSpec(seed=5, seconds=3, tapered=False, **SMALL)
    clip, lines = tmp_path / "clip.mp4", tmp_path / "clip.jsonl"
    steps: list[tuple[int, int]] = []

    write_video(spec, clip, lines, progress=lambda done, total: steps.append((done, total)))

    with av.open(str(clip)) as container:
        stream = container.streams.video[0]
        frames = list(container.decode(stream))
        assert stream.codec_context.name == "h264"
    assert len(frames) == spec.frames == 15
    assert [f.key_frame for f in frames[::5]] == [True] * 3
    assert {f.format.name for f in frames} == {"yuv420p"}
    assert steps[-1] == (15, 15)
    header, *rest = lines.read_text(encoding="utf-8").splitlines()
    assert Header.model_validate_json(header).spec == spec
    truths = [FrameTruth.model_validate_json(line) for line in rest]
    assert [t.index for t in truths] == list(range(15))
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "clip.jsonl",
        "clip.mp4",
        "clip.scene.yaml",
    ]


def test_the_index_of_the_clip_comes_before_its_pictures(tmp_path: Path) -> None:
    clip = tmp_path / "clip.mp4"
    write_video(SceneSpec(seed=5, seconds=1, **SMALL), clip, tmp_path / "t.jsonl")

    content = clip.read_bytes()

    assert content.index(b"moov") < content.index(b"mdat")


def test_a_failed_clip_leaves_nothing_behind(tmp_path: Path) -> None:
    def full_disk(_done: int, _total: int) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        write_video(
            SceneSpec(seed=5, seconds=1, **SMALL),
            tmp_path / "clip.mp4",
            tmp_path / "clip.jsonl",
            progress=full_disk,
        )

    assert list(tmp_path.iterdir()) == []


def test_truth_lines_are_plain_json(tmp_path: Path) -> None:
    lines = tmp_path / "t.jsonl"
    write_video(SceneSpec(seed=5, seconds=1, **SMALL), tmp_path / "c.mp4", lines)

    header = json.loads(lines.read_text(encoding="utf-8").splitlines()[0])

    assert header["kind"] == "header"
    assert header["simulated"] is True


@pytest.mark.parametrize(
    "wrong", [{"width": 321}, {"seconds": 0}, {"density": -1}, {"lon": 105.15}, {"seed": -1}]
)
def test_a_spec_that_cannot_be_drawn_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        SceneSpec(**wrong)


@settings(max_examples=3, deadline=None, phases=[Phase.explicit, Phase.generate])
@given(seed=st.integers(0, 10_000), density=st.floats(0, 3), hour=st.sampled_from(["day", "night"]))
def test_any_street_can_be_drawn(seed: int, density: float, hour: str) -> None:
    spec = SceneSpec(
        seed=seed, density=density, time_of_day=hour, tapered=False,
        width=160, height=90, fps=2, seconds=2,
    )  # fmt: skip

    for image, truth in render(spec):
        assert image.shape == (90, 160, 3)
        for box in truth.boxes:
            assert 0 <= box.xyxy[0] < box.xyxy[2] <= 160
            assert 0 <= box.xyxy[1] < box.xyxy[3] <= 90
