"""The screen of `canaryd why`, drawn once or for as long as somebody looks."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from shutil import get_terminal_size
from typing import NoReturn, assert_never

import click

from canaryd.cli.cluster import Cluster, readable
from canaryd.cli.console import note, say, say_json, say_json_line
from canaryd.cli.exits import NoCanary, Stop
from canaryd.cli.follow import Back, Lost, Missing, Seen, Update, follow
from canaryd.cli.next_words import Case
from canaryd.cli.screen import facts, screen
from canaryd.runtime.view import CanaryView, view
from canaryd.wire.watch import CANARIES

TICK = 1.0
"""How often the screen is drawn anew on a terminal, because the time that is left moves."""
NARROWEST, WIDEST = 60, 140
UNFOLDED = 1 << 16


class Screen:
    """Draws a Canary, once or for as long as somebody looks."""

    def __init__(self, cluster: Cluster, *, as_json: bool, watching: bool) -> None:
        self._cluster = cluster
        self._json = as_json
        self._watching = watching
        self._terminal = sys.stdout.isatty()
        self._drawn: CanaryView | None = None
        self._lost: str | None = None

    def take(self, canary: CanaryView) -> None:
        """Draw this Canary."""
        self._drawn = canary
        self._draw()

    async def watch(self, name: str) -> NoReturn:
        """Draw every change; on a terminal each second, too."""
        try:
            async with asyncio.TaskGroup() as tasks:
                ticking = tasks.create_task(self._tick())
                stop = await follow(self._cluster, CANARIES, name, self._reader(name))
                ticking.cancel()
        except ExceptionGroup as group:
            raise group.exceptions[0] from None
        raise stop

    def _reader(self, name: str) -> Callable[[Update], Stop | None]:
        def read(update: Update) -> Stop | None:
            match update:
                case Seen(obj):
                    self._lost = None
                    self.take(view(obj, None))
                case Missing():
                    message = f"Canary {self._cluster.key(name)} was deleted"
                    return NoCanary(message)
                case Lost(message):
                    self._say_connection(f"{message}; trying again")
                case Back():
                    self._say_connection("the API server answers again")
                case _:
                    assert_never(update)
            return None

        return read

    def _say_connection(self, text: str) -> None:
        self._lost = text
        if not self._terminal:
            note(text)

    def _width(self) -> int:
        """What the terminal has; lines of a log or of a pipe are not folded."""
        if not self._terminal:
            return UNFOLDED
        return min(max(get_terminal_size().columns, NARROWEST), WIDEST)

    async def _tick(self) -> None:
        while self._terminal and not self._json:
            await asyncio.sleep(TICK)
            self._draw()

    def _draw(self) -> None:
        canary = self._drawn
        if canary is None:
            return
        now = self._cluster.clock.now()
        try:
            spec, status = readable(canary)
        except Stop as stop:
            if not self._watching:
                raise
            note(stop.message)  # it may be mended
            return
        case = Case(canary.key, spec, status, now)
        current = status.observed_generation >= canary.generation
        if self._json:
            (say_json_line if self._watching else say_json)(facts(case, current=current))
            return
        if self._watching and self._terminal:
            click.clear()
        say(screen(case, current=current, width=self._width()))
        if self._watching and not self._terminal:
            say("")
        if self._lost and self._terminal:
            note(self._lost)
