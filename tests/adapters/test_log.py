"""What a line of log looks like, and what never stands in it."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager

import orjson
import pytest
import structlog

from canaryd.adapters.log import configure

HUSH = "hush"


@contextmanager
def logging_to(
    stream: io.StringIO, *, level: str = "info", console: bool | None = None
) -> Iterator[None]:
    root = logging.getLogger()
    before, least = root.handlers[:], root.level
    configure(level=level, stream=stream, console=console)
    try:
        yield
    finally:
        structlog.reset_defaults()
        root.handlers[:] = before
        root.setLevel(least)


def lines(stream: io.StringIO) -> list[dict[str, object]]:
    return [orjson.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_is_json_where_nobody_reads_along() -> None:
    stream = io.StringIO()
    with logging_to(stream):
        structlog.stdlib.get_logger("canaryd.test").info("rollout started", canary="demo/podinfo")
    (line,) = lines(stream)
    assert line.pop("timestamp")
    assert line == {
        "message": "rollout started",
        "level": "info",
        "logger": "canaryd.test",
        "canary": "demo/podinfo",
    }


def test_a_person_gets_words() -> None:
    stream = io.StringIO()
    with logging_to(stream, console=True):
        structlog.stdlib.get_logger("canaryd.test").info("rollout started", canary="demo/podinfo")
    assert "rollout started" in stream.getvalue()
    assert not stream.getvalue().startswith("{")


@pytest.mark.parametrize(("no_color", "coloured"), [("1", False), ("", True)])
def test_no_color_switches_colours_off(
    monkeypatch: pytest.MonkeyPatch, no_color: str, coloured: bool
) -> None:
    monkeypatch.setenv("NO_COLOR", no_color)
    stream = io.StringIO()
    with logging_to(stream, console=True):
        structlog.stdlib.get_logger("canaryd.test").info("rollout started")
    assert ("\x1b[" in stream.getvalue()) is coloured


@pytest.mark.parametrize("console", [False, True])
def test_secrets_are_hidden_however_deep(console: bool) -> None:
    stream = io.StringIO()
    with logging_to(stream, console=console):
        log = structlog.stdlib.get_logger("canaryd.test")
        log.info("one", token=HUSH, Authorization="hush", provider={"address": "hush", "name": "x"})
        log.info("two", all=[{"password": "hush"}, {"secret": {"deep": "hush"}}])
        log.info("four", server="http://ann:hush@prometheus:9090/", who="ann@example.com")
        logging.getLogger("library").warning("three", extra={"token": "hush"})
    assert "hush" not in stream.getvalue()
    assert stream.getvalue().count("***") >= 7
    assert "ann@example.com" in stream.getvalue()


def test_the_libraries_lines_have_the_same_form_and_their_chatter_is_gone() -> None:
    stream = io.StringIO()
    with logging_to(stream):
        logging.getLogger("apscheduler.scheduler").warning("run time of job was missed")
        logging.getLogger("aiohttp.access").info("GET /healthz")
        failure = ValueError("no luck")
        logging.getLogger("asyncio").error("something %s", "failed", exc_info=failure)
        structlog.stdlib.get_logger("canaryd.test").error("own", exc_info=failure)
    library, own = lines(stream)
    assert library["message"] == "something failed"
    assert "ValueError: no luck" in str(library["exception"])
    assert "ValueError: no luck" in str(own["exception"])


def test_values_that_json_does_not_know_are_written_as_words() -> None:
    stream = io.StringIO()
    with logging_to(stream):
        structlog.stdlib.get_logger("canaryd.test").info("odd", it=io.StringIO, pair={1: 2})
    assert "StringIO" in str(lines(stream)[0]["it"])


def test_what_is_below_the_level_is_not_written() -> None:
    stream = io.StringIO()
    with logging_to(stream, level="warning"):
        structlog.stdlib.get_logger("canaryd.test").info("quiet")
    assert stream.getvalue() == ""
