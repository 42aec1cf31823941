"""Worlds keep to themselves: side by side, exit codes, signals, and nothing left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.world.api import path_of
from tests.world.plan import ROOT
from tests.world.world import World

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(180)]
RUN = [sys.executable, "-m", "tests.world", "run", "--"]
ANOTHER_WORLD = """
import sys
from pathlib import Path
from tests.world.build import build
from tests.world.world import World
with World.start(Path(sys.argv[1]), build()) as world:
    world.podinfo("other", weights=(0, 100))
    print(world.send(100).of("podinfo-v2"), len(world.pods("other")))
"""
# Says that it is there, leaves a process of another session behind, and says how it is ended.
STUBBORN = """
import signal, subprocess, sys, time
from pathlib import Path
folder = Path(sys.argv[1])
writes = 'while echo alive > "$0"; do sleep 0.1; done'
subprocess.Popen(["sh", "-c", writes, folder / "alive"], start_new_session=True)
(folder / "ready").touch()
try:
    time.sleep(1000)
except KeyboardInterrupt:
    (folder / "interrupted").touch()
    sys.exit(7)
"""


def python(code: str, *args: str | Path) -> list[str]:
    return [*RUN, sys.executable, "-c", code, *map(str, args)]


def wait_until_alive(run: subprocess.Popen[bytes], folder: Path) -> None:
    while not ((folder / "ready").exists() and (folder / "alive").exists()):
        assert run.poll() is None
        time.sleep(0.05)


def wait_until_dead(folder: Path) -> None:
    """Until nobody writes the file any more: it stays away for ten of the writer's turns."""
    quiet = 0
    while quiet < 10:
        (folder / "alive").unlink(missing_ok=True)
        time.sleep(0.1)
        quiet = 0 if (folder / "alive").exists() else quiet + 1


def test_two_worlds_run_side_by_side(world: World, tmp_path: Path) -> None:
    other = subprocess.run(
        python(ANOTHER_WORLD, tmp_path), cwd=ROOT, text=True, stdout=subprocess.PIPE, check=True
    )
    assert other.stdout.split() == ["100", "2"]
    assert not world.api.exists(f"{path_of('namespaces')}/other")
    world.check()


@pytest.mark.parametrize("code", [0, 3])
def test_the_exit_code_of_the_command_is_passed_on(code: int) -> None:
    ended = subprocess.run([*RUN, "sh", "-c", f"exit {code}"], cwd=ROOT, check=False)
    assert ended.returncode == code


def test_a_command_inside_reaches_no_network_but_the_pods() -> None:
    said = subprocess.run(
        [*RUN, "ip", "-brief", "addr"], cwd=ROOT, text=True, stdout=subprocess.PIPE, check=True
    ).stdout
    assert "10.244.255.254/16" in said
    assert [line.split()[0] for line in said.splitlines()] == ["lo"]


def test_nothing_outlives_a_killed_run(tmp_path: Path) -> None:
    with subprocess.Popen(python(STUBBORN, tmp_path), cwd=ROOT) as run:
        wait_until_alive(run, tmp_path)
        run.kill()
    wait_until_dead(tmp_path)
    assert not (tmp_path / "interrupted").exists()


def test_ctrl_c_lets_the_command_clean_up_and_nothing_outlives_it(tmp_path: Path) -> None:
    with subprocess.Popen(python(STUBBORN, tmp_path), cwd=ROOT, start_new_session=True) as run:
        wait_until_alive(run, tmp_path)
        os.killpg(run.pid, signal.SIGINT)
    assert run.returncode == 7
    assert (tmp_path / "interrupted").exists()
    wait_until_dead(tmp_path)
