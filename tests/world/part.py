"""One process of the world: started, stopped, killed or suspended, and never lost quietly."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

TAIL = 3000
PATIENCE = 60.0
PAUSE = 0.03


class PartDiedError(Exception):
    """A part ended by itself; the message carries the end of its log."""


class NotReadyError(Exception):
    """A part runs but does not get ready."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a part is started, and how it shows that it is ready."""

    name: str
    command: Sequence[str | Path]
    ready: Callable[[], object]
    environment: Mapping[str, str] = field(default_factory=dict)


class Part:
    """A process with a log file. `start` returns when it is ready."""

    def __init__(self, recipe: Recipe, folder: Path) -> None:
        self.name = recipe.name
        self.log = folder / "log" / f"{recipe.name}.log"
        self._recipe = recipe
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        if self._process is None:
            raise PartDiedError(f"{self.name} is not running")
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether it should be there; `check` says whether it is."""
        return self._process is not None

    def launch(self) -> None:
        """Start without waiting for readiness."""
        if self._process is not None:
            return
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [str(word) for word in self._recipe.command],
                cwd=self._folder,
                env=os.environ | dict(self._recipe.environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is for the test run, which then ends its parts
            )

    def start(self) -> None:
        self.launch()
        self.wait_ready()

    def wait_ready(self, patience: float = PATIENCE) -> None:
        """Wait until it says that it is ready; raise with its log when it dies before."""
        deadline = time.monotonic() + patience
        last: object = None
        while time.monotonic() < deadline:
            self.check()
            try:
                last = self._recipe.ready()
            except (OSError, ValueError, LookupError) as error:
                last = error
            else:
                if last:
                    return
            time.sleep(PAUSE)
        raise NotReadyError(f"{self.name} is not ready, last seen: {last!r}\n{self.tail()}")

    def check(self) -> None:
        """Raise when it should run but does not."""
        if self._process is not None and (code := self._process.poll()) is not None:
            self._process = None
            raise PartDiedError(f"{self.name} ended by itself with {code}\n{self.tail()}")

    def stop(self) -> None:
        """Ask it to end (SIGTERM) and wait until it has."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def restart(self) -> None:
        self.stop()
        self.start()

    def suspend(self) -> None:
        """Freeze it, and return when every thread stands: connections stay, nothing answers."""
        os.kill(self.pid, signal.SIGSTOP)
        while not _stands(self.pid):
            time.sleep(PAUSE)

    def resume(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    def tail(self) -> str:
        """The end of its log."""
        try:
            return self.log.read_bytes()[-TAIL:].decode(errors="replace")
        except OSError:
            return "(no log)"

    def _end(self, number: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(number)
        process.send_signal(signal.SIGCONT)  # a suspended process does not see a SIGTERM
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _stands(pid: int) -> bool:
    threads = Path(f"/proc/{pid}/task").glob("*/stat")
    try:
        return all(stat.read_text().rpartition(")")[2].split()[0] == "T" for stat in threads)
    except OSError:  # a thread ended meanwhile
        return False
