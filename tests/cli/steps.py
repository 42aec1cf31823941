"""What happens in the cluster while a command looks on, step by step."""

from __future__ import annotations

import os
import signal

from canaryd.model.status import Status
from tests.cli.fake_api import FakeApi, Step
from tests.cli.situations import (
    canary,
)


def becomes(status: Status, uid: str = "u1") -> Step:
    """The controller writes this status."""
    return lambda api: api.put("canaries", canary(status, uid=uid))


def unwatched(status: Status) -> Step:
    """The controller writes this status while nobody can watch."""

    def step(api: FakeApi) -> None:
        api.restart()
        becomes(status)(api)

    return step


def gone(api: FakeApi) -> None:
    api.delete("canaries", "podinfo")


def interrupt(_: FakeApi) -> None:
    os.kill(os.getpid(), signal.SIGINT)
