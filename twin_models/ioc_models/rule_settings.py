"""What a camera's scene file may change of each violation rule; the defaults favour the accused."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Seconds = Annotated[float, Field(ge=0, le=86_400, allow_inf_nan=False)]
Metres = Annotated[float, Field(ge=0, le=200, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


class Setting(BaseModel):
    """Base of all: unknown keys are errors, values are final.

    Attributes:
        enabled: Whether the rule is applied at this camera at all.
        indicative: Findings are shown and counted and never an accusation. So it is for every
            rule that told falsely of somebody when it was last tried on situations never used
            before (`tests/bench/README.md`), until a province decides otherwise for a camera;
            of a speed the certificate decides.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    enabled: bool = True
    indicative: bool = True


class RedLight(Setting):
    """Attributes say when crossing the line is running the light.

    Attributes:
        grace_s: After the light was seen to turn red; covers the camera's frame time and
            the reader's delay.
        before_m: How far before the line the front must have been seen.
        into_m: How far beyond the line it must have gone on.
        least_frames: Poses on each side of the line.
        light_confidence: Mean confidence that the red light must have had.
        slow_kmh: Slower than this over the line is rolling with a queue, left to `stop_line`.
        yellow_s: How long yellow lasts here: a crossing sooner after the last green than this
            and the grace is not told, even if the reader took yellow for red.
        straight_m: Where some turn is free, the way beyond the line that must show which
            movement it was.
    """

    grace_s: Seconds = 0.5
    before_m: Metres = 0.3
    into_m: Metres = 4.0
    least_frames: Annotated[int, Field(ge=1, le=50)] = 2
    light_confidence: Share = 0.6
    slow_kmh: Annotated[float, Field(ge=0, le=50)] = 3.0
    yellow_s: Annotated[float, Field(ge=0, le=10)] = 3.0
    straight_m: Metres = 8.0


class StopLine(Setting):
    """Attributes say when standing beyond the line is an offence.

    Attributes:
        over_m: How far the front must stand beyond the line, errors subtracted.
        least_s: How long it must stand there on red.
    """

    indicative: bool = False
    grace_s: Seconds = 0.5
    over_m: Metres = 0.5
    least_s: Seconds = 2.0
    least_frames: Annotated[int, Field(ge=2, le=100)] = 6


class WrongWay(Setting):
    """Attributes say how far one must drive against a lane.

    Attributes:
        least_m: Way against the lane's direction.
        against: Cosine between heading and direction at or below which it counts; -0.7 is 135
            degrees.
        margin_m: The contact point must lie this far inside the lane's edges.
        slow_kmh: Slower is reversing or pushing, not driving.
    """

    least_m: Metres = 8.0
    least_s: Seconds = 1.0
    least_frames: Annotated[int, Field(ge=3, le=100)] = 8
    against: Annotated[float, Field(ge=-1, le=0)] = -0.7
    margin_m: Metres = 0.4
    slow_kmh: Annotated[float, Field(ge=0, le=50)] = 6.0


class WrongLane(Setting):
    """Attributes say how long one must drive in a lane for others.

    Attributes:
        least_m: Way inside the lane.
        margin_m: The contact point must lie this far inside the lane's edges.
    """

    least_m: Metres = 5.0
    least_s: Seconds = 0.4
    least_frames: Annotated[int, Field(ge=3, le=100)] = 6
    margin_m: Metres = 0.45
    label_share: Share = 0.8


class Forbidden(Setting):
    """Attributes say how long a forbidden vehicle must be seen on the road.

    Attributes:
        label_share: Share of the detector's belief that the class must have.
        edge_s: Around the beginning and end of a ban's hours nobody is accused.
    """

    least_m: Metres = 5.0
    least_frames: Annotated[int, Field(ge=3, le=100)] = 6
    label_share: Share = 0.8
    edge_s: Seconds = 60.0


class Stopping(Setting):
    """Attributes say what standing still is.

    Attributes:
        drift_m: Movement that a parked vehicle's jittering box may show.
        jam_others: This many other vehicles standing at the same time in the same lane, out
            in front, make it a jam or a queue at the light.
    """

    drift_m: Metres = 0.5
    least_frames: Annotated[int, Field(ge=3, le=1000)] = 10
    jam_others: Annotated[int, Field(ge=1, le=50)] = 1


class Helmet(Setting):
    """Attributes say when a bare head is believed.

    Attributes:
        sure: Confidence of a single look that counts.
        share: Of the looks that must agree.
        needs_plate: Nobody without a read plate is told of: a bicycle may pass for a motorbike.
    """

    indicative: bool = False
    least_looks: Annotated[int, Field(ge=1, le=100)] = 4
    sure: Share = 0.6
    share: Share = 0.75
    needs_plate: bool = True


class Passengers(Setting):
    """Attributes say when a count of people on a motorbike is believed.

    Attributes:
        share: Of the looks; half of it will do for four people, 0.7 of it for three, since heads
            hide behind heads.
    """

    least_looks: Annotated[int, Field(ge=1, le=100)] = 3
    sure: Share = 0.5
    share: Share = 0.5
    needs_plate: bool = True


class Speeding(Setting):
    """Attributes say when a speed is measured well enough to be told.

    Attributes:
        least_m: Way on the ground; this or `least_frames` must be reached, and 5 m in any case.
        error_sigmas: Standard deviations that make the error bar.
        worst_error_kmh: A measurement with a larger error bar is not told.
    """

    indicative: bool = False
    least_m: Metres = 15.0
    least_frames: Annotated[int, Field(ge=4, le=100)] = 8
    error_sigmas: Annotated[float, Field(ge=1, le=6)] = 3.0
    worst_error_kmh: Annotated[float, Field(gt=0, le=20)] = 8.0


class RuleSettings(BaseModel):
    """One section per rule; what is left out has the defaults."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    red_light: RedLight = RedLight()
    stop_line: StopLine = StopLine()
    wrong_way: WrongWay = WrongWay()
    wrong_lane: WrongLane = WrongLane()
    forbidden: Forbidden = Forbidden()
    stopping: Stopping = Stopping()
    helmet: Helmet = Helmet()
    passengers: Passengers = Passengers()
    speeding: Speeding = Speeding()
