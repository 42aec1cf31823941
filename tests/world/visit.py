"""`python -m tests.world up`: a world for a person to look at."""

from __future__ import annotations

import signal
import sys
import sysconfig
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

from tests.world.build import build, say
from tests.world.namespace import run
from tests.world.plan import GATEWAY_PORT, PROMETHEUS, ROOT
from tests.world.world import World

ENTER = """\
#!/bin/sh
# Runs a command inside the world:  {folder}/enter kubectl get pods -A
exec {nsenter} env KUBECONFIG={folder}/kubeconfig PATH={scripts}:"$PATH" "$@"
"""
HOW = """\
The podinfo 90/10 case runs. From another shell:
  enter={folder}/enter
  $enter kubectl -n demo get pods,virtualservices
  $enter curl -s http://127.0.0.1:{port}/
  $enter curl -s 'http://127.0.0.1:{port}/[1-100]' | grep -o 'workload.: .[^"]*' | sort | uniq -c
  $enter kubectl -n demo annotate pod -l version=v2 --overwrite test/error-rate=0.1
  $enter curl -s '{prometheus}/api/v1/query?query=istio_requests_total'
Logs: {folder}/log. Ctrl-C ends it."""


def up() -> int:
    """Start a world in a namespace, and say how to get in, until Ctrl-C."""
    with tempfile.TemporaryDirectory(prefix="canaryd-world-") as made:
        folder = Path(made)
        here = [sys.executable, "-m", "tests.world", "live", made]
        return run(["env", f"PYTHONPATH={ROOT}", *here], entered=enter_script(folder))


def enter_script(folder: Path) -> Callable[[int, bool], None]:
    """What `run` is told to call once inside: it writes folder/enter, the way in for a person."""

    def entered(pid: int, own_users: bool) -> None:
        users = ("-U", "--preserve-credentials") if own_users else ()
        script = folder / "enter"
        script.write_text(
            ENTER.format(
                folder=folder,
                nsenter=" ".join(["nsenter", "-t", str(pid), *users, "-n"]),
                scripts=sysconfig.get_path("scripts"),
            )
        )
        script.chmod(0o755)

    return entered


def live(folder: str) -> int:
    """Inside the namespace."""
    over = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: over.set())
    say("starting (about 6 seconds)")
    with World.start(Path(folder), build()) as world:
        world.podinfo()
        how = HOW.format(folder=folder, port=GATEWAY_PORT, prometheus=PROMETHEUS)
        print(how, file=sys.stderr, flush=True)
        while not over.wait(1):
            world.check()
        say("ending")
    return 0
