"""What `canaryd run` loads, by name: what creeps in is paid for by every daemon."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

IMPORT = """
import sys
import click  # the command line has it before
from canaryd.app.lean import OPTIONAL, without
with without(*OPTIONAL):
    import canaryd.adapters.log, canaryd.app.daemon, canaryd.settings
"""
TELL = """
files = {name: getattr(module, '__file__', None) or '' for name, module in sys.modules.items()}
found = [name for name, file in files.items() if 'site-packages' in file]
found += [name for name in sys.modules if name.startswith('kubernetes_asyncio')]
print(*sorted(set(found)))
"""
LIBRARIES = """
aiohappyeyeballs aiohttp aiosignal annotated_types apscheduler attr certifi charset_normalizer
click dateutil dotenv frozenlist idna kubernetes_asyncio msgspec multidict orjson pluggy
prometheus_api_client prometheus_client propcache pydantic pydantic_core pydantic_settings
requests six sqlite_fts4 sqlite_utils structlog typing_extensions typing_inspection tzlocal
urllib3 yaml yarl
"""
"""What the libraries of docs/dependencies.md bring along; another one needs a reason there."""
FOR_INSTALLING = frozenset(
    {"_distutils_hack", "_virtualenv", "_canaryd", "__editable__", "coverage"}
)
"""What an environment's own .pth files load."""


def loaded(code: str, *, path: Path | None = None) -> list[str]:
    """The modules of libraries that a process has after that; `path` comes before all others."""
    more = f"import sys; sys.path.insert(0, {str(path)!r})\n" if path else ""
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-c", more + code + TELL], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_the_daemon_loads_no_library_that_it_does_not_need() -> None:
    names = {name.split(".")[0] for name in loaded(IMPORT)}
    assert names - FOR_INSTALLING <= set(LIBRARIES.split())


def test_of_the_kubernetes_client_only_connecting_is_loaded() -> None:
    ours = [name for name in loaded(IMPORT) if name.startswith("kubernetes_asyncio.")]
    parts = {name.split(".")[1] for name in ours}
    assert parts <= {"client", "config"}
    assert len(ours) < 20, "its models or apis are loaded again: see adapters/kube/library.py"


def test_what_is_hidden_from_libraries_can_be_imported_afterwards() -> None:
    assert "numpy" in loaded(IMPORT + "import numpy\n")


@pytest.mark.parametrize(
    "change",
    ["raise ImportError('moved')", "class Other: ...", "import kubernetes_asyncio.client.models.x"],
    ids=["gone", "renamed", "dependent"],
)
def test_a_kubernetes_client_that_has_changed_is_loaded_whole(tmp_path: Path, change: str) -> None:
    """A library of which the parts cannot be had without its packages; the whole still works."""
    whole = tmp_path / "kubernetes_asyncio"
    for folder in ("client/models", "config"):
        (whole / folder).mkdir(parents=True)
    classes = "class ApiClient: ...\nclass Configuration: ...\n"
    (whole / "__init__.py").write_text("from kubernetes_asyncio import client, config\n")
    (whole / "client" / "__init__.py").write_text(classes + "whole = True\n")
    (whole / "client" / "models" / "__init__.py").write_text("")
    (whole / "client" / "configuration.py").write_text(change + "\n")
    (whole / "client" / "api_client.py").write_text(change + "\n")
    (whole / "config" / "__init__.py").write_text(
        "class ConfigException(Exception): ...\ndef load_kube_config(): ...\n"
    )
    (whole / "config" / "incluster_config.py").write_text("class InClusterConfigLoader: ...\n")
    (whole / "config" / "kube_config.py").write_text("def list_kube_config_contexts(): ...\n")
    code = (
        "from canaryd.adapters.kube import library\n"
        "import sys, kubernetes_asyncio.client\n"
        "assert kubernetes_asyncio.client.whole\n"
        "assert library.ApiClient is kubernetes_asyncio.client.ApiClient\n"
    )
    assert "kubernetes_asyncio" in loaded(code, path=tmp_path)
