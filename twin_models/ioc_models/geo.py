"""Where things are: WGS84, longitude first, always."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

# Land and sea that the province answers for, with room for boats on the way:
# west, south, east, north in degrees. Source: the province's outline (104.5 to
# 105.9 E, 8.4 to 9.7 N with its islands) widened by about 50 km of sea.
EXTENT = (104.0, 7.9, 106.4, 10.1)


class Point(BaseModel):
    """A place on the ground."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    lon: Annotated[float, Field(ge=-180, le=180, allow_inf_nan=False)]
    lat: Annotated[float, Field(ge=-90, le=90, allow_inf_nan=False)]

    def in_extent(self) -> bool:
        """Whether the province could mean this place at all."""
        west, south, east, north = EXTENT
        return west <= self.lon <= east and south <= self.lat <= north
