"""What commands print: forms, tables and colours; colours only on a terminal that wants them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import click
import orjson
import yaml

from canaryd.cli.transitions import Line
from canaryd.cli.words import clock_time
from canaryd.model.spec import Severity
from canaryd.model.status import Phase, Verdict

_SEVERITIES = {Severity.INFO: None, Severity.WARN: "yellow", Severity.ERROR: "red"}
_VERDICTS = {
    Verdict.PASS: "green",
    Verdict.FAIL: "red",
    Verdict.UNDECIDED: "cyan",
    Verdict.NO_DATA: "yellow",
}
_PHASES = {
    Phase.INITIALIZING: "cyan",
    Phase.IDLE: "green",
    Phase.PROGRESSING: "cyan",
    Phase.PROMOTING: "cyan",
    Phase.ROLLING_BACK: "red",
}


def wants_colour() -> bool | None:
    """What click is told about colours: none with NO_COLOR, else it looks for a terminal."""
    return False if os.environ.get("NO_COLOR") else None


def paint(text: str, colour: str | None, *, bold: bool = False) -> str:
    """Colour a text; click takes it away again where nobody can see it."""
    return click.style(text, fg=colour, bold=bold or None) if colour or bold else text


def phase(value: Phase) -> str:
    """Say a phase, coloured."""
    return paint(value.value, _PHASES[value], bold=True)


def verdict(value: Verdict, width: int = 0) -> str:
    """Say a verdict, coloured, padded to a width."""
    return paint(value.value.ljust(width), _VERDICTS[value])


def transition(line: Line) -> str:
    """Say a transition with its time."""
    return f"{clock_time(line.at)}  {paint(line.sentence, _SEVERITIES[line.severity])}"


def say(text: str) -> None:
    """Print a line, at once also through a pipe."""
    click.echo(text, color=wants_colour())


def note(text: str) -> None:
    """Tell a person something that is no result."""
    click.echo(paint(text, "yellow"), err=True, color=wants_colour())


def say_json(value: object) -> None:
    """Print JSON for programs, indented for people."""
    click.echo(orjson.dumps(value, option=orjson.OPT_INDENT_2))


def say_json_line(value: object) -> None:
    """Print JSON on one line: one of many."""
    click.echo(orjson.dumps(value))


def say_yaml(value: object) -> None:
    """Print YAML."""
    click.echo(yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=100), nl=False)


def say_object(output: str, obj: Mapping[str, Any], name: str) -> None:
    """Print one object as json, yaml or name."""
    match output:
        case "json":
            say_json(obj)
        case "yaml":
            say_yaml(dict(obj))
        case _:
            say(name)


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Lay a table out as kubectl does: columns three spaces apart, nothing behind the last."""
    lines = [tuple(header), *(tuple(row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    return "\n".join(
        "   ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )
