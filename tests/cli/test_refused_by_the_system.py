"""Full disks, folders that cannot be, closed streams: sentences, no tracebacks."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.cli.conftest import push
from tests.cli.fake_api import FakeApi, write_kubeconfig
from tests.cli.past_server import canary_file
from tests.cli.situations import STARTED, STEPPING
from tests.cli.steps import becomes
from tests.wire.objects import canary


def shell(line: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """A command with its streams as a shell connects them."""
    script = f'canaryd() {{ "{sys.executable}" -m canaryd "$@"; }}; {line}'
    done = subprocess.run(  # noqa: S603
        ["/bin/bash", "-c", f'file="{folder}"; {script}'],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    assert "Exception ignored" not in done.stderr, done.stderr
    return done


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "canary.yaml"
    path.write_text(yaml.safe_dump(canary("podinfo")))
    return path


@pytest.mark.parametrize(
    "line", ["canaryd crds", "canaryd lint $file", "canaryd lint -o json $file", "canaryd --help"]
)
def test_a_full_disk_is_a_sentence(file: Path, line: str) -> None:
    done = shell(f"{line} >/dev/full", file)
    assert done.returncode == 1
    assert done.stderr == ("Error: reading or writing failed: No space left on device\n")


def test_plan_into_a_full_disk_is_a_sentence(tmp_path: Path) -> None:
    line = "canaryd plan -f $file --rate 100 --rollouts 10 >/dev/full"
    done = shell(line, canary_file(tmp_path))
    assert done.returncode == 1
    assert done.stderr.endswith("No space left on device\n")


def test_a_folder_that_cannot_be_made_is_a_sentence(file: Path) -> None:
    done = shell("canaryd crds --dir /proc/foo", file)
    assert done.returncode == 1
    said = "Error: reading or writing '/proc/foo' failed: No such file or directory\n"
    assert done.stderr == said


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("canaryd lint - <&-", "<stdin>:1: YAML: error: not readable: it is closed"),
        ("canaryd plan -f - --rate 5 <&-", "Error: -:1: not readable: it is closed"),
    ],
)
def test_a_closed_standard_input_is_a_sentence(file: Path, line: str, said: str) -> None:
    done = shell(line, file)
    assert done.returncode == 1
    assert said in done.stdout + done.stderr


def test_errors_that_nobody_can_read_are_errors_all_the_same(file: Path) -> None:
    assert shell("canaryd crds --dir /proc/foo 2>/dev/full", file).returncode == 1


def test_a_pipe_that_was_closed_ends_it_without_a_word() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "canaryd", "crds"]
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, check=False)  # noqa: S603
    os.close(writing)
    assert (done.returncode, done.stderr) == (1, b"")


@pytest.mark.parametrize("command", [("wait", "podinfo"), ("why", "podinfo", "--watch")])
def test_following_ends_as_soon_as_nobody_reads_it(
    api: FakeApi, tmp_path: Path, command: tuple[str, ...]
) -> None:
    """The script has no end of the release: only the closed pipe ends it."""
    push(api)
    api.script.extend([becomes(STARTED), becomes(STEPPING)])
    path = write_kubeconfig(tmp_path / "kubeconfig", api.url)
    reading, writing = os.pipe()
    os.close(reading)
    whole = [sys.executable, "-m", "canaryd", *command, "--kubeconfig", str(path)]
    done = subprocess.run(whole, stdout=writing, stderr=subprocess.PIPE, check=False)  # noqa: S603
    os.close(writing)
    assert done.returncode == 1
    assert b"trying again" not in done.stderr
