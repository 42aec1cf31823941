"""A loop whose clock jumps to the next timer as soon as nothing else is to be done."""

from __future__ import annotations

import asyncio
from asyncio import SelectorEventLoop
from collections.abc import Callable, Coroutine
from selectors import SelectorKey, SelectSelector
from typing import Any, TypeVar

from typing_extensions import override

Answer = TypeVar("Answer")


class _Jumping(SelectSelector):
    """Sleeps never."""

    def __init__(self, jump: Callable[[float], None]) -> None:
        super().__init__()
        self._jump = jump

    @override
    def select(self, timeout: float | None = None) -> list[tuple[SelectorKey, int]]:
        ready = super().select(0)
        if not ready and timeout is None:
            raise RuntimeError("everybody waits, and nobody will ever be woken")
        if not ready and timeout is not None:
            self._jump(timeout)
        return ready


class _Hurried(SelectorEventLoop):
    """Its clock begins at 0."""

    def __init__(self) -> None:
        self._seconds = 0.0
        super().__init__(_Jumping(self._jump))

    @override
    def time(self) -> float:
        return self._seconds

    def _jump(self, seconds: float) -> None:
        self._seconds += max(seconds, 0.0)


def hurry(work: Coroutine[Any, Any, Answer]) -> Answer:
    """Run it to its end; what sleeps takes no time."""
    with asyncio.Runner(loop_factory=_Hurried) as runner:
        return runner.run(work)
