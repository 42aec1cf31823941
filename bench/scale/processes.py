"""The processes of a measurement: the stand-in and the daemon, and what a process has used."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import orjson

from tests.cluster.daemon import NAMESPACE
from tests.world.cluster import Cluster

STANDIN_PORT = 19090
DAEMON_PORT = 19080
PAUSE = 0.05
CORES = os.cpu_count() or 1
RUN = "import sys; sys.modules['numpy'] = None; from canaryd.cli.main import main; main()"
"""The image has no numpy; where there is one, sqlite-utils loads it, which costs 15 MiB."""


CENSUS = "from bench.scale.census import answer; answer(); "
"""Counts Python's objects when asked by a signal; costs nothing until then."""


class Standin:
    """The Prometheus stand-in as its driver sees it."""

    url = f"http://127.0.0.1:{STANDIN_PORT}"

    def __init__(self, folder: Path) -> None:
        root = Path(__file__).parents[2]
        command = [sys.executable, "-m", "bench.scale.standin", str(STANDIN_PORT)]
        with (folder / "standin.log").open("ab") as log:
            self._process = subprocess.Popen(
                command, cwd=root, stdout=log, stderr=log, start_new_session=True
            )

    def __enter__(self) -> Self:
        until(lambda: self.counts() is not None, "the stand-in to answer", 60)
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()

    @property
    def pid(self) -> int:
        """Its process."""
        return self._process.pid

    def counts(self) -> dict[str, dict[str, Any]]:
        """What it was asked so far."""
        return self._ask("/counts")

    def places(self, places: Mapping[str, str]) -> None:
        """Tell it of the workloads that there are."""
        self._ask("/places", places)

    def facts(self, facts: Mapping[str, object]) -> None:
        """Tell it of pods and shares."""
        self._ask("/facts", facts)

    def turn(self, modes: Mapping[str, str]) -> float:
        """Turn workloads; returns when, on the monotonic clock."""
        at: float = self._ask("/modes", modes)["at"]
        return at

    def _ask(self, path: str, body: Mapping[str, object] | None = None) -> dict[str, Any]:
        data = None if body is None else orjson.dumps(body)
        with urllib.request.urlopen(self.url + path, data, timeout=30) as answer:
            found: dict[str, Any] = orjson.loads(answer.read())
            return found


IMAGE = {"MALLOC_ARENA_MAX": "2"}
"""The part of the image's environment that figures depend on (Dockerfile)."""


class Daemon:
    """`canaryd run` with its settings as shipped, under the account of deploy/, killable."""

    def __init__(
        self,
        cluster: Cluster,
        folder: Path,
        *,
        metrics: str,
        environment: Mapping[str, str] | None = None,
        census: bool = False,
    ) -> None:
        self._environment = {**os.environ, **IMAGE, **(environment or {})}
        self._run = CENSUS + RUN if census else RUN
        self.census = folder / "census.json"
        self._cluster = cluster
        self._folder = folder
        self._metrics = metrics
        self._process: subprocess.Popen[bytes] | None = None
        self.started_at = 0.0
        self.log = folder / "canaryd.log"

    def start(self) -> None:
        """Start it, and return at once."""
        account = self._cluster.service_account(NAMESPACE, "canaryd", seconds=36000)
        command = [
            *(sys.executable, "-c", self._run, "run", "--kubeconfig", str(account.kubeconfig)),
            *("--namespace", NAMESPACE, "--metrics-server", self._metrics),
            *("--data-dir", str(self._folder / "data"), "--identity", "canaryd-measured"),
            *("--listen", "127.0.0.1", "--port", str(DAEMON_PORT)),
        ]
        with self.log.open("ab") as log:
            self.started_at = time.monotonic()
            self._process = subprocess.Popen(
                command,
                env={**self._environment, "CENSUS_FILE": str(self.census)},
                cwd=Path(__file__).parents[2],
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def count_objects(self) -> dict[str, int]:
        """Have it count its Python objects by type, which stops it for a moment."""
        self.census.unlink(missing_ok=True)
        os.kill(self.pid, signal.SIGUSR2)
        until(self.census.exists, "the census", 60)
        found: dict[str, int] = orjson.loads(self.census.read_bytes())
        return found

    def kill(self) -> None:
        """As the out-of-memory killer does it."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
            self._process = None

    @property
    def pid(self) -> int:
        """Its process."""
        if self._process is None or self._process.poll() is not None:
            message = f"canaryd is not there: {self.tail()}"
            raise RuntimeError(message)
        return self._process.pid

    def ready(self) -> bool:
        """Whether every watch is synced."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{DAEMON_PORT}/readyz", timeout=30):
                return True
        except (OSError, urllib.error.HTTPError):
            return self.pid < 0

    def page(self) -> str:
        """What /metrics says."""
        with urllib.request.urlopen(f"http://127.0.0.1:{DAEMON_PORT}/metrics", timeout=60) as page:
            text: str = page.read().decode()
            return text

    def decided(self) -> int:
        """How many Canaries this process has decided at least once."""
        return self.page().count("\ncanaryd_canary_weight_percent{")

    def decisions(self) -> float:
        """How many decisions this process has made."""
        lines = self.page().splitlines()
        totals = [line for line in lines if line.startswith("canaryd_decisions_total{")]
        return sum(float(line.rpartition(" ")[2]) for line in totals)

    def tail(self) -> str:
        """The end of its log."""
        return self.log.read_text(errors="replace")[-3000:] if self.log.exists() else ""


def until(
    condition: Callable[[], object], what: str, seconds: float, pause: float = PAUSE
) -> float:
    """Wait until it holds, and return when that was seen; raises AssertionError."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            if condition():
                return time.monotonic()
        except OSError:
            pass
        if time.monotonic() > deadline:
            message = f"waited {seconds:g} s for {what}"
            raise AssertionError(message)
        time.sleep(pause)


def threads_cpu(pid: int) -> dict[str, int]:
    """Nanoseconds on a processor, by thread."""
    used: dict[str, int] = {}
    for thread in Path(f"/proc/{pid}/task").iterdir():
        try:
            used[thread.name] = int((thread / "schedstat").read_text().split()[0])
        except OSError:  # it ended
            continue
    return used


def memory(pid: int) -> tuple[float, float]:
    """MiB that are resident, and the most that ever were."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    found = {line.split()[0]: int(line.split()[1]) for line in lines if line.startswith("Vm")}
    return found["VmRSS:"] / 1024, found["VmHWM:"] / 1024


def cpu_of(pids: Sequence[int]) -> float:
    """Seconds that these processes have used, in ticks of 10 ms."""
    ticks = 0
    for pid in pids:
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def this() -> int:
    """The process that measures."""
    return os.getpid()


def available() -> float:
    """MiB that may still be used."""
    lines = Path("/proc/meminfo").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("MemAvail"))


def own() -> list[int]:
    """Every process of this world's namespace."""
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def host_cpu() -> float:
    """Seconds that all processors of the machine were busy."""
    fields = Path("/proc/stat").read_text().splitlines()[0].split()[1:]
    user, nice, system, _idle, _wait, irq, softirq = map(int, fields[:7])
    return (user + nice + system + irq + softirq) / os.sysconf("SC_CLK_TCK")
