"""From the deciding answer of Prometheus to the last response of the bad version through Envoy.

Beside it, in the same run, the bound: what one hand-made patch of the same VirtualService takes
until the last response. What canaryd adds is the difference.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from argparse import ArgumentParser
from collections.abc import Callable
from pathlib import Path

from tests.cluster.daemon import NAMESPACE, Daemon
from tests.cluster.release import Release
from tests.world.build import build
from tests.world.faults import prometheus_answer
from tests.world.world import World

RUNS = 20
QUIET = 2.0
"""So long without a response of the bad version means that there will be none."""
METRIC = {
    "name": "judge",
    "query": "vector({{ weight }} * 0 + 1)",
    "thresholdRange": {"max": 5},
    "interval": "1s",
}
ANALYSIS = {
    "interval": "1s",
    "threshold": 1,
    "steps": [{"weight": 50, "for": "1h"}],
    "metrics": [METRIC],
}


def last_response(release: Release, act: Callable[[], float]) -> float:
    """Seconds from the instant that `act` gives back to the last response of podinfo-v2."""
    with release.world.load(rate=200, host=release.host) as load:
        release.world.wait_for(lambda: load.last("podinfo-v2"), "traffic on podinfo-v2")
        start = act()
        while True:
            last = load.last("podinfo-v2")
            assert last is not None
            if time.monotonic() - max(last.answered, start) > QUIET:
                return max(0.0, last.answered - start)
            time.sleep(0.05)


def by_canaryd(release: Release, number: int) -> float:
    """Let one rollout be judged bad at 50 %."""
    daemon = release.daemon
    began = time.monotonic()
    release.push(f"6.8.{number}")
    release.wait_weight(50)
    release.world.wait_weights({"v1": 50, "v2": 50}, host=release.host)

    def bad_answer() -> float:
        with daemon.metrics.fault(prometheus_answer(({}, "9")), path="/api/v1/query"):
            release.wait_phase("Idle")
        return next(
            asked.at for asked in daemon.metrics.requests if asked.at > began and asked.fault
        )

    taken = last_response(release, bad_answer)
    assert release.weights == (100, 0)
    return taken


def by_hand(release: Release) -> float:
    """Patch the weights as a person with kubectl would, but faster."""
    path = f"/apis/networking.istio.io/v1/namespaces/{release.namespace}/virtualservices/podinfo"

    def patch(first: int) -> float:
        operations = [
            {"op": "replace", "path": f"/spec/http/0/route/{place}/weight", "value": weight}
            for place, weight in enumerate((first, 100 - first))
        ]
        release.world.api.patch(path, operations, "json")
        return time.monotonic()

    patch(50)
    release.world.wait_weights({"v1": 50, "v2": 50}, host=release.host)
    return last_response(release, lambda: patch(100))


def row(name: str, figures: list[float]) -> str:
    """One row of the table, in milliseconds."""
    ordered = sorted(1000 * figure for figure in figures)
    cells = (ordered[0], statistics.median(ordered), ordered[int(0.95 * len(ordered))], ordered[-1])
    return f"| {name} | {len(ordered)} | " + " | ".join(f"{cell:.0f}" for cell in cells) + " |"


def main() -> None:
    """Measure and print a Markdown table."""
    ArgumentParser(prog="python -m bench rollback", description=__doc__).parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        World.start(Path(folder) / "world", build()) as world,
        world.api_proxy() as api,
        world.prometheus_proxy() as metrics,
    ):
        world.kubectl("apply", "--server-side", "-k", "deploy/base")
        world.kubectl("wait", "--for=condition=established", "--all", "crd", "--timeout=60s")
        world.kubectl("-n", NAMESPACE, "delete", "deployment", "canaryd")
        daemon = Daemon(world, Path(folder), api=api, metrics=metrics)
        daemon.start()
        release = Release(daemon, "bench")
        release.begin(analysis=ANALYSIS)
        taken: list[float] = []
        for number in range(RUNS):
            taken.append(by_canaryd(release, number))
            print(f"run {number + 1} of {RUNS}: {1000 * taken[-1]:.0f} ms", file=sys.stderr)
        release.end()
        hand = [by_hand(release) for _ in range(RUNS)]
        daemon.terminate()
    print("| milliseconds to the last bad response | runs | min | median | p95 | max |")
    print("| --- | --- | --- | --- | --- | --- |")
    print(row("canaryd, from the deciding answer of Prometheus", taken))
    print(row("bound: from a hand-made patch", hand))


if __name__ == "__main__":
    main()
