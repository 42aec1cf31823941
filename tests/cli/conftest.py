"""A fake API server with a Canary in it, and a way to run commands against it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from canaryd.cli.main import main
from tests.cli.fake_api import FakeApi, serving, write_kubeconfig
from tests.cli.situations import (
    IDLE,
    NEW_IMAGE,
    PUSHED,
    SEEN,
    SERVING,
    canary,
    deployment,
    replicaset,
)

Invoke = Callable[..., Result]


@pytest.fixture
def api() -> Iterator[FakeApi]:
    """Taken over; slot v1 serves, slot v2 holds what it held then."""
    with serving(FakeApi()) as fake:
        fake.put("canaries", canary(IDLE))
        fake.put("deployments", deployment("v1"))
        fake.put("replicasets", replicaset("v1", SERVING))
        fake.put("deployments", deployment("v2"))
        fake.put("replicasets", replicaset("v2", SEEN))
        yield fake


@pytest.fixture
def invoke(api: FakeApi, tmp_path: Path) -> Invoke:
    """Run a command as a person in namespace demo does."""
    path = write_kubeconfig(tmp_path / "kubeconfig", api.url)

    def run(*args: str) -> Result:
        return CliRunner().invoke(
            main, [*args, "--kubeconfig", str(path)], catch_exceptions=False, prog_name="canaryd"
        )

    return run


def push(api: FakeApi) -> None:
    """The idle slot's Deployment gets a new version, and Kubernetes has named it."""
    api.put("replicasets", replicaset("v2", PUSHED, NEW_IMAGE, number=2))
    api.put("deployments", deployment("v2", NEW_IMAGE, number=2))
