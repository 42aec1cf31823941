"""Ctrl-C in the middle of a command's work."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event

import pytest

from canaryd.cli.exits import Code
from tests.cli.past_server import canary_file, serving

LONG = ("plan", "--rate", "1000", "--rollouts", "10000")


@contextmanager
def running(*args: str) -> Iterator[subprocess.Popen[str]]:
    """A command as a shell starts it, in a group of its own."""
    command = [sys.executable, "-m", "canaryd", *args]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:  # noqa: S603
        try:
            yield process
        finally:
            process.kill()


def ended(process: subprocess.Popen[str]) -> str:
    """What it says after Ctrl-C; it ends with the code that shells know."""
    os.kill(process.pid, signal.SIGINT)
    _, said = process.communicate()
    assert process.returncode == Code.INTERRUPTED, said
    return said


@pytest.mark.timeout(60)
def test_a_plan_that_is_interrupted_ends_quietly(tmp_path: Path) -> None:
    with running(*LONG, "-f", str(canary_file(tmp_path))) as process:
        assert process.stderr is not None
        assert "playing" in process.stderr.readline()
        assert not ended(process).strip()


@pytest.mark.timeout(50)
def test_a_backtest_is_interrupted_while_a_server_does_not_answer(tmp_path: Path) -> None:
    """The server may be waited for up to a minute; a person is not made to wait for it."""
    asked, over = Event(), Event()

    def silent(headers: dict[str, str], form: dict[str, str]) -> tuple[int, bytes]:
        asked.set()
        over.wait(120)
        return 500, b""

    path = str(canary_file(tmp_path))
    with serving(silent) as url, running("backtest", "-f", path, "--metrics-server", url) as one:
        try:
            assert asked.wait(40)
            assert not ended(one).strip()
            assert not over.is_set()
        finally:
            over.set()
