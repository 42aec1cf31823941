"""What tests on real parts share: canaryd installed from deploy/, and a daemon that runs there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.connecting import connect, farewell
from tests.cluster.daemon import Daemon, install
from tests.cluster.release import Release
from tests.world.fixtures import namespace, world
from tests.world.prometheus import Version
from tests.world.world import World

__all__ = ["connect", "farewell", "namespace", "world"]


@pytest.fixture(scope="module", params=["2", "3"])
def version(request: pytest.FixtureRequest) -> Version:
    """Of Prometheus; for tests that start their own."""
    chosen: Version = request.param
    return chosen


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
