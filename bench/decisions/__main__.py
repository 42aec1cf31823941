"""What canaryd itself spends on a release: N Canaries in memory, without HTTP, TLS or a disk.

Everything from the answer's bytes to the patch's bytes is the product's own: store, gatherer,
Istio's router, decisions, commit, writer, outbox, meters, log. The API server is a dictionary,
whose time is taken off; the watch brings every write back as bytes, as the real one does.
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import gc
import json
import os
import pstats
import sys
import tempfile
import time
from asyncio import TaskGroup
from pathlib import Path

from bench.decisions.server import Thing
from bench.decisions.world import World
from canaryd.adapters.log import configure

TICKS = 6
"""Five steps and the push: by so many ticks a release's time is divided, as in `bench scale`."""
WARM_UP = 2
"""So many releases before notices are as many as are kept."""


def yardstick() -> float:
    """Seconds for the same plain work at any time: says how fast the machine is just now."""
    began = time.thread_time()
    for _ in range(1000):
        sorted((number * 7919) % 1009 for number in range(1000))
    return (time.thread_time() - began) / 1000


async def measure(
    count: int, releases: int, folder: Path, profile: cProfile.Profile | None
) -> Thing:
    """Play releases; the figures of the cheapest one once as many notices are kept as ever."""
    figures: list[Thing] = []
    async with TaskGroup() as tasks:
        world = World(count, folder, tasks)
        world.history.start()
        world.make()
        await world.settle()
        for number in range(WARM_UP + releases):
            gc.collect()
            server = world.server
            server.spent, server.sent, world.decisions = 0.0, 0, 0
            server.requests.clear()
            stick = yardstick()
            if profile is not None and number == WARM_UP + releases - 1:
                profile.enable()
            began, everyone = time.thread_time(), time.process_time()
            await world.release()
            spent = time.thread_time() - began - server.spent
            together = time.process_time() - everyone - server.spent
            stick = (stick + yardstick()) / 2
            if profile is not None:
                profile.disable()
            figures.append(
                {
                    "ms a tick": spent * 1000 / count / TICKS,
                    "ms a release": spent * 1000 / count,
                    "ms with history's thread": together * 1000 / count,
                    "yardsticks a release": spent / count / stick,
                    "ms a decision": spent * 1000 / world.decisions,
                    "decisions": world.decisions / count,
                    "bytes sent": server.sent / count,
                    **{name: n / count for name, n in sorted(server.requests.items())},
                }
            )
        await asyncio.to_thread(world.history.close)
    return min(figures[WARM_UP:], key=lambda each: float(each["yardsticks a release"]))


def main() -> int:
    """Print the cheapest release of one Canary; with `--profile`, where its time goes."""
    options = argparse.ArgumentParser(prog="python -m bench decisions")
    options.add_argument("--n", type=int, default=200, help="so many Canaries")
    options.add_argument("--releases", type=int, default=3, help="so many releases of each")
    options.add_argument(
        "--profile", type=int, nargs="?", const=40, help="so many lines of cProfile"
    )
    options.add_argument("-o", "--output", choices=["json"])
    given = options.parse_args()
    profile = cProfile.Profile() if given.profile else None
    with tempfile.TemporaryDirectory() as folder, Path(os.devnull).open("w") as nowhere:
        configure(stream=nowhere, console=False)
        found = asyncio.run(measure(given.n, given.releases, Path(folder), profile))
    if given.output == "json":
        print(json.dumps(found))
        return 0
    for name, figure in found.items():
        print(f"{name:28} {figure:10.3f}")
    if profile is not None:
        stats = pstats.Stats(profile, stream=sys.stdout)
        stats.sort_stats("tottime").print_stats(given.profile)
        stats.sort_stats("cumulative").print_stats(given.profile)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
