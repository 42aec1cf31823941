"""The parts of a world as one thing: started, watched, asked through the API, and ended.

Knows nothing of traffic and metrics; `world.py` adds those.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from tests.world import account, audit
from tests.world.account import Account
from tests.world.api import Api, ApiError, path_of
from tests.world.build import Tools
from tests.world.namespace import POD_ADDRESS
from tests.world.part import Part
from tests.world.plan import API, PARTS, TOKEN, Layout, recipes

T = TypeVar("T")
PAUSE = 0.05
PATIENCE = 60.0
NODE = {
    "apiVersion": "v1",
    "kind": "Node",
    "metadata": {"name": "fake"},
    "status": {"capacity": {"cpu": "64", "memory": "256Gi", "pods": "20000"}},
}


class Cluster:
    """`with Cluster.start(folder, tools) as cluster: …` ends all of it."""

    api_url = API

    def __init__(self, folder: Path, tools: Tools) -> None:
        self.folder = folder.resolve()
        self.tools = tools
        self._layout = Layout(self.folder, tools)
        self.kubeconfig = self._layout.kubeconfig
        self.ca_file = self._layout.ca
        self.parts = {
            name: Part(recipe, self.folder) for name, recipe in recipes(self._layout).items()
        }
        self.api = Api(API, token=TOKEN, ca=self.ca_file)
        self._accounts = 0

    @classmethod
    def start(cls, folder: Path, tools: Tools, parts: Iterable[str] = PARTS) -> Self:
        """Start the parts, in order, and return when all are ready."""
        _need_namespace()
        cluster = cls(folder, tools)
        try:
            cluster._start(list(parts))
        except BaseException:
            cluster.end()
            raise
        return cluster

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.end()

    def end(self) -> None:
        """Kill every part: nothing of a world is kept."""
        self.api.close()
        for part in reversed(self.parts.values()):
            part.kill()

    def _start(self, wanted: Sequence[str]) -> None:
        self._layout.prepare()
        early = [name for name in wanted if name in {"etcd", "apiserver", "prometheus"}]
        for name in early:
            self.parts[name].launch()
        for name in ("etcd", "apiserver"):
            if name in wanted:
                self.parts[name].wait_ready()
        control = [name for name in wanted if name in {"controllers", "scheduler", "kwok", "fleet"}]
        for name in control:
            self.parts[name].launch()
        if "apiserver" in wanted:
            self._install()
        if "mesh" in wanted:
            self.parts["mesh"].start()
        for name in wanted:
            self.parts[name].launch()
        for name in wanted:
            self.parts[name].wait_ready()
        if "controllers" in wanted:
            accounts = path_of("serviceaccounts", "default", "default")
            self.wait_for(lambda: self.api.exists(accounts), "the default service account")

    def _install(self) -> None:
        crds = json.loads(self.tools.crds.read_text())
        path = path_of("customresourcedefinitions")
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda crd: self.api.post(path, crd), crds))
        self.api.post(path_of("nodes"), NODE)
        names = {crd["metadata"]["name"] for crd in crds}
        self.wait_for(lambda: names <= self._established(), "Istio's CRDs to be established")

    def _established(self) -> set[str]:
        return {
            crd["metadata"]["name"]
            for crd in self.api.list(path_of("customresourcedefinitions"))
            for condition in crd.get("status", {}).get("conditions") or []
            if condition["type"] == "Established" and condition["status"] == "True"
        }

    def check(self) -> None:
        """Raise with its log when a part that should run does not."""
        for part in self.parts.values():
            part.check()

    def wait_for(
        self, condition: Callable[[], T], what: str, timeout: float = PATIENCE, pause: float = PAUSE
    ) -> T:
        """Wait until the condition is truthy and give it back; errors in it count as not yet."""
        deadline = time.monotonic() + timeout
        while True:
            self.check()
            seen: object
            try:
                seen = answer = condition()
            except (ApiError, OSError, LookupError, ValueError, AssertionError) as error:
                seen = error
            else:
                if answer:
                    return answer
            if time.monotonic() > deadline:
                raise AssertionError(f"waited {timeout:g} s for {what}; last seen: {seen!r}")
            time.sleep(pause)

    # --- the API ----------------------------------------------------------------------------------

    def kubectl(
        self, *args: str | Path, stdin: str | None = None, kubeconfig: Path | None = None
    ) -> str:
        """Run kubectl (as admin) and give back its output; raise with its words when it fails."""
        answer = self._kubectl(args, stdin, kubeconfig)
        if answer.returncode:
            raise AssertionError(f"kubectl {' '.join(map(str, args))}: {answer.stderr}")
        return answer.stdout

    def kubectl_fails(
        self, *args: str | Path, stdin: str | None = None, kubeconfig: Path | None = None
    ) -> str:
        """Run a kubectl that must fail, and give back what it said."""
        answer = self._kubectl(args, stdin, kubeconfig)
        if not answer.returncode:
            raise AssertionError(f"kubectl {' '.join(map(str, args))} worked: {answer.stdout}")
        return answer.stderr

    def _kubectl(
        self, args: Sequence[str | Path], stdin: str | None, kubeconfig: Path | None
    ) -> subprocess.CompletedProcess[str]:
        settings = {
            "KUBECONFIG": str(kubeconfig or self.kubeconfig),
            "KUBECACHEDIR": str(self.folder / "kubectl"),
        }
        return subprocess.run(
            [str(self.tools.kubectl), *map(str, args)],
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            env=os.environ | settings,
            capture_output=True,
            text=True,
            check=False,
        )

    def apply(self, *what: str | Mapping[str, Any] | Iterable[Mapping[str, Any]]) -> str:
        """`kubectl apply` of YAML text, of objects, or of lists of them."""
        said = []
        for one in what:
            text = one
            if isinstance(one, Mapping):
                text = json.dumps(one)
            elif not isinstance(one, str):
                text = json.dumps({"apiVersion": "v1", "kind": "List", "items": list(one)})
            said.append(self.kubectl("apply", "-f", "-", stdin=str(text)))
        return "".join(said)

    def get(self, plural: str, namespace: str, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.api.get(path_of(plural, namespace, name))
        return found

    def service_account(
        self, namespace: str, name: str, *, server: str = API, seconds: int = 3600
    ) -> Account:
        """A fresh token of an account, with its files; `server` may be a fault proxy's url."""
        self._accounts += 1
        folder = self.folder / "accounts" / f"{namespace}-{name}-{self._accounts}"
        about = {"namespace": namespace, "name": name, "server": server}
        return account.issue(self.api, folder, ca=self.ca_file, seconds=seconds, **about)

    def service_account_kubeconfig(self, namespace: str, name: str, *, server: str = API) -> Path:
        return self.service_account(namespace, name, server=server).kubeconfig

    def audit_mark(self) -> int:
        """The place in the audit log behind everything that was asked until now."""
        self._flush_audit()
        return self._layout.audit_log.stat().st_size

    def audit(self, agent: str = "", *, since: int = 0) -> list[audit.AuditEvent]:
        """The requests since a mark whose user agent starts so."""
        self._flush_audit()
        found = audit.events(self._layout.audit_log, since)
        return [event for event in found if event.agent.startswith(agent)]

    def _flush_audit(self) -> None:
        mark = f"/version?mark={uuid.uuid4()}"
        start = self._layout.audit_log.stat().st_size
        self.api.get(mark)
        self.wait_for(
            lambda: any(event.uri == mark for event in audit.events(self._layout.audit_log, start)),
            "the audit log to be written",
        )


def _need_namespace() -> None:
    with socket.socket() as probe:
        try:
            probe.bind((POD_ADDRESS, 0))
        except OSError as error:
            raise RuntimeError(
                "a world needs a namespace of its own: python -m tests.world run -- COMMAND…"
            ) from error
