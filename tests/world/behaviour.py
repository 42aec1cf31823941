"""How a pod behaves: the keywords that tests turn, and the annotations that carry them.

The same annotations in a template or by `kubectl annotate` do the same. All values are numbers.
  test/error-rate     "0.1"   that share of requests gets a 500; of gRPC requests a status that is
                              not 0; of TCP connections a close before any answer
  test/grpc-status    "14"    the status of gRPC errors; 13 (INTERNAL) when it is not said, for
                              Envoy tries 14 (UNAVAILABLE) twice more, as Istio's default is
  test/hang-rate      "0.1"   that share is never answered, until the client closes
  test/delay-ms       "50"    each answer waits that long
  test/cpu-throttled  "0.3"   that share of the container's CPU periods is throttled
  test/memory-bytes   "9e7"   what the container's working set is
  test/memory-limit   "1e8"   bytes; without it the limit of the container's own resources
  test/restarts       "2"     how often the container was restarted; without it what its status says
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self, TypedDict

PREFIX = "test/"
INTERNAL = 13


class Knobs(TypedDict, total=False):
    """The keywords of `world.behave` and `world.set_image`; None leaves a thing as it is."""

    error_rate: float | None
    delay_ms: float | None
    hang_rate: float | None
    grpc_status: float | None
    cpu_throttled: float | None
    memory_bytes: float | None
    memory_limit: float | None
    restarts: float | None


def notes(knobs: Knobs) -> dict[str, str]:
    """The annotations for them."""
    named = {name.replace("_", "-"): value for name, value in knobs.items()}
    return {
        PREFIX + name: f"{value:.15g}"
        for name, value in named.items()
        if isinstance(value, (int, float))
    }


def notes_of(pod: Mapping[str, Any]) -> dict[str, str]:
    """All annotations of a pod that are about its behaviour."""
    found = pod["metadata"].get("annotations", {})
    return {name: value for name, value in found.items() if name.startswith(PREFIX)}


def number(pod: Mapping[str, Any], name: str, usual: float = 0) -> float:
    """One of them."""
    return float(pod["metadata"].get("annotations", {}).get(PREFIX + name, usual))


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How a pod answers."""

    error_rate: float
    hang_rate: float
    grpc_status: int
    delay: float

    @classmethod
    def of(cls, pod: Mapping[str, Any]) -> Self:
        return cls(
            error_rate=number(pod, "error-rate"),
            hang_rate=number(pod, "hang-rate"),
            grpc_status=int(number(pod, "grpc-status", INTERNAL)),
            delay=number(pod, "delay-ms") / 1000,
        )

    def fails(self) -> bool:
        return random.random() < self.error_rate

    def hangs(self) -> bool:
        return random.random() < self.hang_rate
