"""How hard the control plane has it: what its parts use, and how long it takes to answer."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from dataclasses import dataclass

from bench.scale import processes
from tests.world.api import ApiError, path_of
from tests.world.cluster import Cluster

EVERY = 1.0
PROBE = "bench-probe"


@dataclass(frozen=True, slots=True)
class Strain:
    """One stretch of time: cores used and MiB by part, and a stranger's waiting in milliseconds."""

    cores: dict[str, float]
    memory: dict[str, float]
    reads: tuple[float, ...]
    writes: tuple[float, ...]
    """Of one ConfigMap, once a second."""
    busy: float
    """The share of the machine's processors that was in use."""
    free: float
    """MiB that were available, at the least."""


class Strained:
    """A thread that asks and looks until `end`."""

    def __init__(self, cluster: Cluster, standin: int) -> None:
        self._cluster = cluster
        self._pids = {name: part.pid for name, part in cluster.parts.items() if part.running}
        self._pids |= {"the stand-in": standin, "the driver": processes.this()}
        self._used = self._cpu()
        self._began, self._host = time.monotonic(), processes.host_cpu()
        self._memory: dict[str, float] = {}
        self._reads: list[float] = []
        self._writes: list[float] = []
        self._free = processes.available()
        self._ended = threading.Event()
        self._path = path_of("configmaps", "default")
        with suppress(ApiError):  # it is there already
            self._cluster.api.post(self._path, {"metadata": {"name": PROBE}})
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def end(self) -> Strain:
        """Stop, and tell."""
        self._ended.set()
        self._thread.join()
        seconds = time.monotonic() - self._began
        return Strain(
            cores={name: (now - self._used[name]) / seconds for name, now in self._cpu().items()},
            memory=self._memory,
            reads=tuple(self._reads),
            writes=tuple(self._writes),
            busy=(processes.host_cpu() - self._host) / seconds / processes.CORES,
            free=self._free,
        )

    def _cpu(self) -> dict[str, float]:
        return {name: processes.cpu_of([pid]) for name, pid in self._pids.items()}

    def _look(self) -> None:
        path = f"{self._path}/{PROBE}"
        while not self._ended.wait(EVERY):
            self._free = min(self._free, processes.available())
            for name, pid in self._pids.items():
                with suppress(OSError, KeyError):
                    used = processes.memory(pid)[0]
                    self._memory[name] = max(used, self._memory.get(name, 0.0))
            with suppress(ApiError, OSError):
                began = time.monotonic()
                self._cluster.api.get(path)
                read = time.monotonic()
                self._cluster.api.patch(path, {"data": {"at": f"{read}"}})
                self._reads.append(1000 * (read - began))
                self._writes.append(1000 * (time.monotonic() - read))
