"""Builders: a tile of these rows only, and what it is read with."""

from __future__ import annotations

from dataclasses import replace

from canaryd.decide.tiles import Frame
from canaryd.model.tile import Presence, Row, Tile
from tests.decide.build import T0, V1, V2
from tests.decide.counted import NEW_POD, OLD_POD, a_pod, a_tile

FRAME = Frame("podinfo-v2", "podinfo-v1")


def bare(*rows: Row, pods: tuple[Presence, ...] = ()) -> Tile:
    """Only these rows, of pods that were there all the time unless they are given."""
    steady = (a_pod(V2, NEW_POD, T0), a_pod(V1, OLD_POD, T0))
    given_ = {(pod.workload, pod.pod) for pod in pods}
    kept = (pod for pod in steady if (pod.workload, pod.pod) not in given_)
    return replace(a_tile(), rows=rows, pods=(*kept, *pods))
