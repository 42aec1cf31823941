"""`noData` and `unavailable` as users write them: what happens when numbers stay away."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from canaryd.model.spec import MissingPolicy, Otherwise
from canaryd.wire.fields import DURATION_BOUNDS, Duration, parse_duration
from canaryd.wire.rules import WireModel


class NoDataModel(WireModel):
    """What happens when the canary gives no samples: no requests, NaN, several series, nothing."""

    after: Duration = Field(
        default="10m",
        description=f"How long samples may be missing. A duration of {DURATION_BOUNDS}.",
    )
    then: Literal["Hold", "RollBack", "Advance"] = Field(
        default="Hold", description="What to do after that long: Hold, RollBack or Advance."
    )

    def policy(self) -> MissingPolicy:
        """Return the policy as the rest of the program knows it."""
        return MissingPolicy(parse_duration(self.after), Otherwise(self.then))


class UnavailableModel(WireModel):
    """What happens when the metrics server gives no usable answer."""

    after: Duration = Field(
        default="30m",
        description=f"How long it may be unavailable. A duration of {DURATION_BOUNDS}.",
    )
    then: Literal["Hold", "RollBack"] = Field(
        default="Hold", description="What to do after that long: Hold or RollBack."
    )

    def policy(self) -> MissingPolicy:
        """Return the policy as the rest of the program knows it."""
        return MissingPolicy(parse_duration(self.after), Otherwise(self.then))
