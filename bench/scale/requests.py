"""Counts the daemon's requests in the audit log while it is written, also over rotations."""

from __future__ import annotations

import threading
import uuid
from collections import Counter, defaultdict
from collections.abc import Container, Iterable
from datetime import datetime
from pathlib import Path
from sys import intern
from typing import Any, NamedTuple

import orjson

from tests.cluster.daemon import NAMESPACE
from tests.world.cluster import Cluster

AGENT = b'"userAgent":"canaryd/'
MARK = b"/version?mark="
PAUSE = 0.1
WEIGHTS = ("patch virtualservices", "update virtualservices")
STEPS = 5
"""Weights of a release before the last one, 100."""
Counts = Counter[str]
"""By "verb resource", with the code behind it where it was refused."""


class Sent(NamedTuple):
    """One request that was answered."""

    at: float
    """Seconds since 1970."""
    name: str
    """As in `Counts`."""
    of: str
    """The Canary that it is of, "namespace/name"; of what is of none it is another object."""


class Requests:
    """A thread behind the audit log; `counts` are all of the daemon's requests until now.

    Those about other namespaces are left out: they are of other tests in the same world.
    """

    def __init__(self, cluster: Cluster, namespaces: Iterable[str]) -> None:
        self._cluster = cluster
        self._mine = frozenset({"", NAMESPACE, *namespaces})
        self.sent: list[Sent] = []
        """All of them, in the log's order."""
        self._path: Path = cluster.folder / "log" / "audit.log"
        self._counts: Counts = Counter()
        self._lock = threading.Lock()
        self._marks: set[str] = set()
        self._marked = threading.Condition(self._lock)
        self._ended = threading.Event()
        threading.Thread(target=self._follow, daemon=True).start()

    def counts(self) -> Counts:
        """All that were answered before this call."""
        mark = str(uuid.uuid4())
        self._cluster.api.get(f"/version?mark={mark}")
        with self._marked:
            if not self._marked.wait_for(lambda: mark in self._marks, 120):
                raise AssertionError("the audit log is not written")
            return self._counts.copy()

    def close(self) -> None:
        """End the thread."""
        self._ended.set()

    def _follow(self) -> None:
        while not self._ended.is_set():
            with self._path.open("rb") as file:
                inode, rest = self._path.stat().st_ino, b""
                while not self._ended.is_set():
                    if chunk := file.read(1 << 20):
                        *lines, rest = (rest + chunk).split(b"\n")
                        self._take(lines)
                    elif self._moved(inode):
                        break
                    else:
                        self._ended.wait(PAUSE)

    def _moved(self, inode: int) -> bool:
        try:
            return self._path.stat().st_ino != inode
        except OSError:  # between the two renames of a rotation
            return False

    def _take(self, lines: list[bytes]) -> None:
        mine = [orjson.loads(line) for line in lines if AGENT in line or MARK in line]
        with self._marked:
            for event in mine:
                uri: str = event["requestURI"]
                if "mark=" in uri:
                    self._marks.add(uri.rpartition("=")[2])
                    self._marked.notify_all()
                elif (name := named(event)) and self._about(event) in self._mine:
                    self._counts[name] += 1
                    self.sent.append(sent(name, event))

    @staticmethod
    def _about(event: dict[str, Any]) -> str:
        """The namespace of what was asked for."""
        namespace: str = (event.get("objectRef") or {}).get("namespace", "")
        return namespace


def named(event: dict[str, Any]) -> str:
    """Return what one line of the log counts as; nothing for the second line of a watch."""
    verb, stage = event["verb"], event["stage"]
    if stage != ("ResponseStarted" if verb == "watch" else "ResponseComplete"):
        return ""
    about: dict[str, str] = event.get("objectRef") or {}
    answer: dict[str, int] = event.get("responseStatus") or {}
    what = "/".join(filter(None, (about.get("resource", "-"), about.get("subresource", ""))))
    code = answer.get("code", 0)
    return f"{verb} {what}" + (f" {code}" if code >= 400 else "")


def sent(name: str, event: dict[str, Any]) -> Sent:
    """Return when it was answered, and of which Canary it is: all that is of one has its name.

    An Event has it before a dot.
    """
    about: dict[str, str] = event.get("objectRef") or {}
    of = f"{about.get('namespace', '')}/{about.get('name', '').partition('.')[0]}"
    at = datetime.fromisoformat(event["stageTimestamp"]).timestamp()
    return Sent(at, intern(name), intern(of))


def advancing(every: Iterable[Sent], apart: Container[str] = ()) -> tuple[Counts, int]:
    """What was asked of each Canary from its first step's weight to its last one's; and the ticks.

    There is a tick between two weights. A Canary may have been released more than once; those that
    did not walk all steps up to 100 each time are left out: the log has no weights, so those that
    were taken back are named by `apart`, and of others the number of weights tells. Names that are
    of Canaries at all are there, also with 0; lists, watches and leases are of none.
    """
    by_canary: defaultdict[str, list[Sent]] = defaultdict(list)
    for one in every:
        by_canary[one.of].append(one)
    found, ticks = Counts(), 0
    for of, its in by_canary.items():
        weights = sorted(one.at for one in its if one.name in WEIGHTS)
        if weights:
            found.update(dict.fromkeys((one.name for one in its), 0))
        if of in apart or len(weights) % (STEPS + 1):
            continue
        for first in range(0, len(weights), STEPS + 1):
            begin, end = weights[first], weights[first + STEPS - 1]
            found.update(one.name for one in its if begin < one.at <= end)
            ticks += STEPS - 1
    return found, ticks


def work(counts: Counts) -> Counts:
    """Leave out what does not depend on the Canaries: the lease, and watches that begin again."""
    return Counter(
        {
            name: count
            for name, count in counts.items()
            if count and " leases" not in name and not name.startswith("watch ")
        }
    )


def writes(counts: Counts) -> int:
    """How many of them change something."""
    return sum(n for name, n in work(counts).items() if name.split()[0] not in {"get", "list"})
