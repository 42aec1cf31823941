"""What options and arguments may be: durations, numbers, names; imports nothing heavy for help."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from math import isfinite

import click
from typing_extensions import override

SHOWN = 40
"""So many characters of a wrong value are repeated."""


class DurationType(click.ParamType[timedelta]):
    """A Go duration like 30s, 1m30s or 1h; or whole days, 7d. Within bounds, if there are any."""

    name = "duration"

    def __init__(self, least: str | None = None, most: str | None = None) -> None:
        self._least = least
        self._most = most

    @override
    def convert(
        self, value: str | timedelta, param: click.Parameter | None, ctx: click.Context | None
    ) -> timedelta:
        """Read what was given on the command line."""
        try:
            found = value if isinstance(value, timedelta) else self._read(value)
        except ValueError:
            found = None
        if found is None or not self._fits(found):
            bounds = f" from {self._least} to {self._most}" if self._least and self._most else ""
            words = f"{_cut(value)!r} is wrong: give a duration{bounds}, like 90m, 24h or 7d"
            self.fail(words, param, ctx)
        return found

    def _fits(self, found: timedelta) -> bool:
        least = self._read(self._least) if self._least else timedelta.min
        most = self._read(self._most) if self._most else timedelta.max
        return least <= found <= most

    @staticmethod
    def _read(value: str) -> timedelta:
        """Raises ValueError."""
        # Not above: it loads pydantic, and help has to be fast.
        from canaryd.wire.fields import parse_span

        return parse_span(value)


DURATION = DurationType()


class NameType(click.ParamType[str]):
    """A name as Kubernetes takes it, of this field of an object's metadata.

    It becomes part of an address: what is no name would be another address.
    """

    name = "name"

    def __init__(self, field: str) -> None:
        self._field = field

    @override
    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Read what was given on the command line."""
        # Not above: it loads pydantic, and help has to be fast.
        from canaryd.cli.words import printable
        from canaryd.wire.objects import misnamed

        if not value and self is NAME:  # an empty namespace is the default one, as for kubectl
            self.fail("it is empty: give a name, like podinfo", param, ctx)
        if wrong := misnamed({self._field: value}):
            said = printable(wrong[0]).removeprefix(f"metadata.{self._field}").lstrip(": ")
            self.fail(f"{_cut(value)!r} {said}", param, ctx)
        return value


NAME = NameType("name")
"""Of an object."""
NAMESPACE = NameType("namespace")


class Number(click.FloatRange):
    """A number in a range, neither infinite nor none at all; `like` shows one."""

    def __init__(self, low: float, high: float | None = None, *, like: str) -> None:
        super().__init__(low, high)
        self._like = like

    @override
    def convert(
        self, value: float, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Read what was given on the command line."""
        with suppress(click.BadParameter):
            number = float(super().convert(value, param, ctx))
            if isfinite(number):
                return number
        message = f"{_cut(value)!r} is wrong: give a number{_within(self, self._like)}"
        raise click.BadParameter(message, ctx, param)


class Whole(click.IntRange):
    """A whole number in a range; `like` shows one."""

    def __init__(self, low: int, high: int | None = None, *, like: str) -> None:
        super().__init__(low, high)
        self._like = like

    @override
    def convert(self, value: int, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Read what was given on the command line."""
        with suppress(click.BadParameter):
            return int(super().convert(value, param, ctx))
        message = f"{_cut(value)!r} is wrong: give a whole number{_within(self, self._like)}"
        raise click.BadParameter(message, ctx, param)


def _within(kind: click.FloatRange | click.IntRange, like: str) -> str:
    """Say the bounds of a number, and show one."""
    low, high = (f"{bound:.15g}" for bound in (kind.min or 0, kind.max or 0))
    bounds = f" of at least {low}" if kind.max is None else f" from {low} to {high}"
    return f"{bounds}, like {like}"


def _cut(value: object) -> str:
    """As much of what was typed as is needed to see which it was."""
    text = str(value)
    return text if len(text) <= SHOWN else text[:SHOWN] + "…"
