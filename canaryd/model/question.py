"""What a metrics server is asked, and what else than numbers may come back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from canaryd.model.answered import Answered
from canaryd.model.gates import Reporter
from canaryd.model.names import Key, Revision
from canaryd.model.tile import PodName


@dataclass(frozen=True, slots=True)
class Question:
    """One metric of one Canary to ask for; `query` is rendered, or None for a built-in."""

    key: Key
    metric: str
    query: str | None
    namespace: str
    workload: str
    revision: Revision | None
    window: timedelta
    due: datetime


@dataclass(frozen=True, slots=True)
class TileQuestion:
    """One tile of one Canary: `end` is on the server's clock, `end - window` is its start."""

    key: Key
    namespace: str
    canary: str
    primary: str
    revision: Revision
    window: timedelta
    end: datetime
    edges: tuple[float, ...] | None
    """Which latency edges: none (empty), these, or all that there are (None)."""
    warm_up: timedelta
    reporter: Reporter
    warm: frozenset[PodName] = frozenset()
    """Pods that are known to have been there for a warm-up before the start. If there are any, the
    cheap form does not ask for it; of a pod that is not among them the exact one does."""


@dataclass(frozen=True, slots=True)
class PastQuestion:
    """An hour of one workload's pods in columns of `window`, ending at `end`, both sides."""

    key: Key
    namespace: str
    workloads: tuple[str, ...]
    window: timedelta
    end: datetime
    span: timedelta
    reporter: Reporter
    latency: bool


@dataclass(frozen=True, slots=True)
class Failed:
    """Nothing usable came: what became of the question, and why in words."""

    answered: Answered
    detail: str


@dataclass(frozen=True, slots=True)
class ServerTime:
    """A metrics server's clock at one instant of ours, and how often it scrapes.

    `skew` is its clock minus ours; `scrape` is None while no series has told.
    """

    skew: timedelta
    scrape: timedelta | None
