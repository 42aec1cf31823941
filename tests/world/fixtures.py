"""Fixtures for tests on real parts; a conftest.py imports them from here.

However many do, there is one world for the run: its ports are the namespace's only ones.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import suppress

import pytest

from tests.world.api import ApiError, path_of
from tests.world.build import build
from tests.world.world import World

_numbers = itertools.count(1)
_running: list[World] = []


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One world for the whole run. A test that stops a part starts it again."""
    if _running:
        yield _running[0]
        return
    with World.start(tmp_path_factory.mktemp("world"), build()) as started:
        _running.append(started)
        yield started
        _running.clear()


@pytest.fixture
def namespace(world: World) -> Iterator[str]:
    """A namespace for one test, deleted behind it."""
    name = f"test-{next(_numbers)}"
    world.api.post(path_of("namespaces"), {"metadata": {"name": name}})
    account = path_of("serviceaccounts", name, "default")
    world.wait_for(lambda: world.api.exists(account), f"the account of {name}")
    yield name
    with suppress(ApiError, OSError):  # a test may leave the API server down
        # At once, for its hosts are free for the next test; the rest goes when it goes.
        world.api.delete(path_of("virtualservices", name))
        world.api.delete(f"{path_of('namespaces')}/{name}")
