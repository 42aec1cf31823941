"""A canaryd daemon as it runs in a cluster: own process, own account, killable at any time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from tests.world.ports import free_port
from tests.world.proxy import FaultProxy
from tests.world.world import World

NAMESPACE = "canaryd"

SHORT_WAITS = {
    "CANARYD_READINESS_RETURN": "PT2S",
    "CANARYD_EVIDENCE_WRITE": "PT2S",
    "CANARYD_QUERY_DEADLINE": "PT2S",
    "CANARYD_LEASE_DURATION": "PT6S",
    "CANARYD_LEASE_RENEW": "PT2S",
}
"""What a person waits for is shortened here; decision tests use the real waits."""

DEPLOY = Path(__file__).parents[2] / "deploy"


def install(world: World) -> None:
    """What `kubectl apply -k deploy/base` installs; the daemon itself runs outside of the pod."""
    world.kubectl("apply", "--server-side", "-k", str(DEPLOY / "base"))
    world.kubectl("wait", "--for=condition=established", "--all", "crd", "--timeout=60s")
    world.kubectl("-n", NAMESPACE, "delete", "deployment", "canaryd")


class DaemonEndedError(Exception):
    """The daemon does not run; the message carries the end of its log."""


class Daemon:
    """`canaryd run` under the service account of deploy/, through the fault proxies.

    One process at a time, on a port of its own; any thread may kill it. Leaving its `with` kills
    what is left of it.
    """

    def __init__(
        self,
        world: World,
        folder: Path,
        *,
        api: FaultProxy,
        metrics: FaultProxy,
        settings: Mapping[str, str] | None = None,
        identity: str = "canaryd-under-test",
    ) -> None:
        self.world = world
        self.api = api
        self.metrics = metrics
        self.log = folder / "canaryd.log"
        self._folder = folder
        self.data_dir = folder / "data"
        self._port = 0
        self._identity = identity
        self._settings = {**SHORT_WAITS, **(settings or {})}
        self._process: subprocess.Popen[bytes] | None = None
        self._spawning = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def start(self, *, wait: bool = True) -> None:
        """Start it; waits until it is ready to decide."""
        account = self.world.service_account(NAMESPACE, "canaryd", server=self.api.url)
        kubeconfig = ["--kubeconfig", str(account.kubeconfig), "--namespace", NAMESPACE]
        self._spawn([*self._command(), *kubeconfig], self._settings)
        if wait:
            self.wait_ready()

    def start_in_pod(self) -> None:
        """Start it as in a pod: token, CA, namespace as files, the address in the environment."""
        account = self.world.service_account(NAMESPACE, "canaryd", server=self.api.url)
        self._spawn(account.in_pod(*self._command()), {**self._settings, **account.environment})
        self.wait_ready()

    def _command(self) -> list[str]:
        return [
            *(sys.executable, "-m", "canaryd", "run"),
            *("--metrics-server", self.metrics.url, "--data-dir", str(self.data_dir)),
            *("--identity", self._identity, "--listen", "127.0.0.1"),
        ]

    def _spawn(self, command: list[str], settings: Mapping[str, str]) -> None:
        with self._spawning, self.log.open("ab") as log:
            if self.running:
                raise RuntimeError(f"canaryd runs already, as process {self.pid}")
            self._port = free_port()
            environment = {**os.environ, **settings, "CANARYD_PORT": str(self._port)}
            self._process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)

    def wait_ready(self) -> None:
        """Wait until every watch is synced; fails at once when it has ended."""
        try:
            self.world.wait_for(lambda: not self.unready(), "canaryd to be ready")
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.tail()}") from None

    def check(self) -> None:
        """Raise when it does not run."""
        if not self.running:
            code = self._process.returncode if self._process else None
            raise DaemonEndedError(f"canaryd does not run (exit code {code})\n{self.tail()}")

    def unready(self) -> str:
        """What /readyz says; nothing when it is ready."""
        self.check()
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self._port}/readyz", timeout=5):
                return ""
        except urllib.error.HTTPError as answer:
            return answer.read().decode()
        except OSError as error:
            return str(error)

    def metrics_page(self) -> str:
        """What /metrics says."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self._port}/metrics", timeout=5) as page:
            text: str = page.read().decode()
            return text

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def kill(self) -> None:
        """As the out-of-memory killer does it."""
        self._end(signal.SIGKILL)

    def terminate(self) -> int:
        """As Kubernetes does it; returns the exit code."""
        return self._end(signal.SIGTERM)

    def restart(self) -> None:
        """Killed, and started again."""
        self.kill()
        self.start()

    def tail(self, size: int = 6000) -> str:
        """The end of its log."""
        return self.log.read_text(errors="replace")[-size:] if self.log.exists() else ""

    def _end(self, number: signal.Signals) -> int:
        with self._spawning:
            process = self._process
        if process is None:
            return 0
        process.send_signal(number)  # does nothing to one that has ended
        return process.wait()
