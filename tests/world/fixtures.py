"""Fixtures for tests on real parts: `pytest_plugins = ["tests.world.fixtures"]`."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import suppress

import pytest

from tests.world.api import ApiError, path_of
from tests.world.build import build
from tests.world.world import World

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One world for the whole run. A test that stops a part starts it again."""
    with World.start(tmp_path_factory.mktemp("world"), build()) as world:
        yield world


@pytest.fixture
def namespace(world: World) -> Iterator[str]:
    """A namespace for one test, deleted behind it."""
    name = f"test-{next(_numbers)}"
    world.api.post(path_of("namespaces"), {"metadata": {"name": name}})
    account = path_of("serviceaccounts", name, "default")
    world.wait_for(lambda: world.api.exists(account), f"the account of {name}")
    yield name
    with suppress(ApiError, OSError):  # a test may leave the API server down
        world.api.delete(f"{path_of('namespaces')}/{name}")
