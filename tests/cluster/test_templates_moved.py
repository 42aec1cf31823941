"""Templates over exporters that are moved: their series go on under another instance."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cluster.books import NOON, STALE, milliseconds, write
from tests.cluster.templates import CANARY, ONE
from tests.wire.ready import asked
from tests.world.prometheus import PrometheusServer, Version, ask

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(60)]
SERIES = "kube_pod_container_status_restarts_total"


@pytest.mark.parametrize(("restarts", "found"), [((3, 3), 0), ((3, 4), 1)])
def test_restarts_of_long_ago_are_none_of_now_when_kube_state_metrics_is_moved(
    tmp_path: Path, version: Version, restarts: tuple[int, int], found: float
) -> None:
    container = {"__name__": SERIES, "namespace": CANARY["namespace"], "pod": ONE}
    container |= {"container": "app", "uid": "u"}
    before, after = restarts
    moved = [
        ({**container, "instance": "10.0.0.1:8080"}, [
            *((milliseconds(at), float(before)) for at in range(-600, -30, 15)),
            (milliseconds(-30), STALE),
        ]),
        ({**container, "instance": "10.0.0.9:8080"}, [
            (milliseconds(at), float(after)) for at in range(-30, 1, 15)
        ]),
    ]  # fmt: skip
    flags = ("--web.enable-remote-write-receiver",)
    with PrometheusServer(version, tmp_path, flags=flags) as server:
        write(server.url, moved)
        told = ask(server.url, asked("container-restarts", CANARY), at=NOON.timestamp())
    assert [one.value for one in told] == [found]
