"""What tests on real parts share: canaryd installed from deploy/, and a daemon that runs there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.connecting import connect, farewell
from tests.cluster.daemon import Daemon, install
from tests.cluster.hour import Past, write
from tests.cluster.release import Release
from tests.world.fixtures import namespace, world
from tests.world.prometheus import PrometheusServer, Version
from tests.world.world import World

__all__ = ["connect", "farewell", "namespace", "world"]


@pytest.fixture(scope="module", params=["2", "3"])
def version(request: pytest.FixtureRequest) -> Version:
    """Of Prometheus; for tests that start their own."""
    chosen: Version = request.param
    return chosen


@pytest.fixture(scope="module")
def remembering(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrometheusServer]:
    """A Prometheus with two hours and a half of three even pods, one request in 500 failing."""
    folder = tmp_path_factory.mktemp("past")
    past = Past("demo", "podinfo-v1", 3, rate=30, error_rate=0.002, slow=0.002, span=9000)
    write(past, folder, folder / "blocks")
    with PrometheusServer("2", folder, data=folder / "blocks") as running:
        running.wait_for("istio_requests_total offset 1m")
        yield running


@pytest.fixture(scope="session")
def installed(world: World) -> World:
    """A world with canaryd installed."""
    install(world)
    return world


@pytest.fixture
def daemon(installed: World, tmp_path: Path) -> Iterator[Daemon]:
    """A running daemon of its own for one test."""
    with (
        installed.api_proxy() as api,
        installed.prometheus_proxy() as metrics,
        Daemon(installed, tmp_path, api=api, metrics=metrics) as daemon,
    ):
        daemon.start()
        yield daemon


@pytest.fixture
def release(daemon: Daemon, namespace: str) -> Iterator[Release]:
    """The podinfo 90/10 case in a namespace of its own, on a host of its own."""
    release = Release(daemon, namespace)
    yield release
    release.end()
