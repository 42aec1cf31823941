"""A canaryd daemon as it runs in a cluster: own process, own account, killable at any time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path

from tests.world.proxy import FaultProxy
from tests.world.world import World

NAMESPACE = "canaryd"
PORT = 18080

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


class Daemon:
    """`canaryd run` under the service account of deploy/, through the fault proxies."""

    def __init__(
        self,
        world: World,
        folder: Path,
        *,
        api: FaultProxy,
        metrics: FaultProxy,
        settings: Mapping[str, str] | None = None,
        port: int = PORT,
        identity: str = "canaryd-under-test",
    ) -> None:
        self.world = world
        self.api = api
        self.metrics = metrics
        self.log = folder / "canaryd.log"
        self._folder = folder
        self.data_dir = folder / "data"
        self._port = port
        self._identity = identity
        self._settings = {**SHORT_WAITS, **(settings or {})}
        self._process: subprocess.Popen[bytes] | None = None

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
            *("--identity", self._identity, "--listen", "127.0.0.1", "--port", str(self._port)),
        ]

    def _spawn(self, command: list[str], settings: Mapping[str, str]) -> None:
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                command, env={**os.environ, **settings}, stdout=log, stderr=log
            )

    def wait_ready(self) -> None:
        """Wait until every watch is synced."""
        try:
            self.world.wait_for(lambda: not self.unready(), "canaryd to be ready")
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.tail()}") from None

    def unready(self) -> str:
        """What /readyz says; nothing when it is ready."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self._port}/readyz", timeout=5):
                return ""
        except urllib.error.HTTPError as answer:
            return answer.read().decode()
        except OSError as error:
            if self._process is not None and self._process.poll() is not None:
                raise RuntimeError(f"canaryd ended: {self.tail()}") from error
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
        if self._process is None:
            return 0
        if self._process.poll() is None:
            self._process.send_signal(number)
        return self._process.wait()
