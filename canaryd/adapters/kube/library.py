"""The parts of kubernetes_asyncio that canaryd uses, without the 850 modules that it does not.

The library's packages import every model and every API group when they are imported: 34 MiB and
half a second. Here bare packages, whose `__init__` is not run, take their place before the first
import, so that only what is asked for is loaded. Where the library is there already, or has changed
so much that this fails, it is imported as it is: dearer, but the same.

Only this module imports the library; nothing else of it can be had in the same process.
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.util import find_spec, module_from_spec
from types import ModuleType
from typing import TYPE_CHECKING

__all__ = [
    "ApiClient",
    "ConfigException",
    "Configuration",
    "InClusterConfigLoader",
    "list_kube_config_contexts",
    "load_kube_config",
]

_LIBRARY = "kubernetes_asyncio"
_CLIENT = f"{_LIBRARY}.client"
_BARE = (_LIBRARY, _CLIENT, f"{_CLIENT}.models")
"""Packages whose `__init__` imports what is not used; the outer ones first."""
_WANTED = {"ApiClient": f"{_CLIENT}.api_client", "Configuration": f"{_CLIENT}.configuration"}
"""What `config` looks for in the bare package, and where it is."""


def _bare(name: str) -> ModuleType:
    """Put the package without its `__init__` where imports find it."""
    spec = find_spec(name)
    if spec is None:
        raise ImportError(name)
    package = sys.modules[name] = module_from_spec(spec)
    return package


def _lean() -> None:
    """Import only what is used; leaves nothing behind when that cannot be done."""
    if _LIBRARY in sys.modules:
        return
    try:
        packages = {name: _bare(name) for name in _BARE}
        for name, module in _WANTED.items():
            setattr(packages[_CLIENT], name, getattr(import_module(module), name))
        import_module(f"{_LIBRARY}.config")
    except (ImportError, AttributeError):
        for name in [name for name in sys.modules if name.split(".")[0] == _LIBRARY]:
            del sys.modules[name]


if not TYPE_CHECKING:
    _lean()

from kubernetes_asyncio.client import ApiClient, Configuration  # noqa: E402 - not before `_lean`
from kubernetes_asyncio.config import ConfigException, load_kube_config  # noqa: E402
from kubernetes_asyncio.config.incluster_config import InClusterConfigLoader  # noqa: E402
from kubernetes_asyncio.config.kube_config import list_kube_config_contexts  # noqa: E402
