"""Gives the tests of the world a world."""

from tests.world.fixtures import namespace, world

__all__ = ["namespace", "world"]
