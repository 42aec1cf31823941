"""A network and process namespace for a world: `run` starts a command in one.

In it the whole pod range is local (an address of it on lo), so that real Envoy connects to pods
that only exist in the API, and never to a real network. When the command ends, or whoever started
it is killed, the kernel ends everything inside. Standard library only: the first process inside is
this file, run by its path.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType

POD_ADDRESS = "10.244.255.254"
SYSTEM_PATH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])
FORWARDED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# Root first tries without a user namespace: some hosts and containers refuse those.
WAYS = ((), ("--user", "--map-root-user"))


class NoNamespaceError(Exception):
    """This machine does not let us make a namespace."""


def run(
    command: Sequence[str],
    *,
    entered: Callable[[int, bool], None] | None = None,
) -> int:
    """Run the command in a new namespace, hand signals on, and give back its exit code.

    `entered` is told the namespace's process (seen from outside) and whether it has own users.
    """
    way = _way()
    init = [sys.executable, "-P", str(Path(__file__).resolve()), *command]
    namespace = [*way, "--net", "--pid", "--fork", "--kill-child", "--mount-proc"]
    outer = subprocess.Popen(
        [_tool("setpriv"), "--pdeathsig", "KILL", _tool("unshare"), *namespace, "--", *init],
        start_new_session=True,  # a signal arrives once, handed on by us
    )

    def hand_on(number: int, _frame: FrameType | None) -> None:
        for child in _children(outer.pid):
            os.kill(child, number)

    before = {number: signal.signal(number, hand_on) for number in FORWARDED}
    try:
        if entered:
            entered(_first_child(outer), bool(way))
        code = outer.wait()
    finally:
        outer.kill()
        outer.wait()
        for number, handler in before.items():
            signal.signal(number, handler)
    return 128 - code if code < 0 else code


def _way() -> tuple[str, ...]:
    said = ""
    for way in WAYS if os.geteuid() == 0 else WAYS[1:]:
        probe = [_tool("unshare"), *way, "--net", "--pid", "--fork", "--mount-proc", "true"]
        answer = subprocess.run(probe, capture_output=True, text=True, check=False)
        if answer.returncode == 0:
            return way
        said = answer.stderr.strip()
    raise NoNamespaceError(
        f"cannot make a network namespace: {said}. As root, or with user namespaces allowed "
        "(sysctl kernel.apparmor_restrict_unprivileged_userns=0 on Ubuntu), it works"
    )


def _tool(name: str) -> str:
    found = shutil.which(name, path=SYSTEM_PATH)
    if found is None:
        raise NoNamespaceError(f"`{name}` is missing: install util-linux and iproute2")
    return found


def _children(pid: int) -> list[int]:
    try:
        return [
            int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        ]
    except OSError:
        return []


def _first_child(outer: subprocess.Popen[bytes]) -> int:
    while outer.poll() is None:
        if children := _children(outer.pid):
            return children[0]
    return 0


def inside(command: Sequence[str]) -> int:
    """Be the namespace's first process: set the network up, run the command, reap every orphan."""
    ip = _tool("ip")
    subprocess.run([ip, "link", "set", "lo", "up"], check=True)
    subprocess.run([ip, "addr", "add", f"{POD_ADDRESS}/16", "dev", "lo"], check=True)
    # The reaper below must see the exit, so nothing here may wait for this child alone.
    child = os.posix_spawnp(command[0], list(command), dict(os.environ))

    def hand_on(number: int, _frame: FrameType | None) -> None:
        os.kill(child, number)

    for number in FORWARDED:
        signal.signal(number, hand_on)
    while True:
        pid, status = os.wait()
        if pid == child:
            code = os.waitstatus_to_exitcode(status)
            return 128 - code if code < 0 else code


if __name__ == "__main__":
    sys.exit(inside(sys.argv[1:]))
