"""Base of the generated models."""

from pydantic import BaseModel, ConfigDict


class Part(BaseModel):
    """A part of a thing: unknown members are errors, names are snake_case in Python."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        validate_by_name=True,
        validate_by_alias=True,
        allow_inf_nan=False,
        serialize_by_alias=True,
    )
