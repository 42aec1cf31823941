"""`python -m bench.scale`: N Canaries on a world of their own, for each N; see bench/README.md."""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

from bench.scale import scenarios
from bench.scale.figures import Result
from bench.scale.kept import Kept
from bench.scale.profiles import recorded
from bench.scale.scene import PARTS, Scene, say, scene
from tests.cluster.daemon import install
from tests.world.build import build
from tests.world.world import World

COUNTS = (1, 50, 200, 500, 1000, 2000)
SCENARIOS: dict[str, Callable[[Scene], Result]] = {
    "first-start": scenarios.first_start,
    "idle": scenarios.idle,
    "restart": scenarios.restart_idle,
    "release": scenarios.release,
    "bad": scenarios.turning_bad,
    "kill": scenarios.killed,
    "receivers": scenarios.hanging,
}
"""In the order in which they are played; the last one leaves alerts behind."""
PROFILED = ("idle", "release")


def options() -> argparse.Namespace:
    """What to measure."""
    parser = argparse.ArgumentParser(prog="bench scale", description=__doc__)
    parser.add_argument("--n", type=int, action="append", help=f"default: {COUNTS}, each")
    parser.add_argument("--interval", type=int, default=10, help="seconds, 10 as Flagger's")
    parser.add_argument("--only", action="append", choices=[*SCENARIOS], help="default: all")
    parser.add_argument("--out", type=Path, help="folder for results, table, plot and logs")
    parser.add_argument("--profile", action="store_true", help="keep py-spy's stacks there as well")
    parser.add_argument("-o", "--output", choices=["table", "json"], default="table")
    return parser.parse_args()


def measure(count: int, chosen: argparse.Namespace, kept: Kept) -> None:
    """All scenarios with one N, in one world."""
    chosen_ones = {*(chosen.only or SCENARIOS), "first-start"}
    wanted = [name for name in SCENARIOS if name in chosen_ones]
    with tempfile.TemporaryDirectory() as folder:
        say(f"N = {count}: starting a world")
        with World.start(Path(folder) / "world", build(), PARTS) as world:
            install(world)
            logs = (kept.folder or Path(folder)) / f"n{count}"
            logs.mkdir(parents=True, exist_ok=True)
            with scene(world, logs, count, interval=chosen.interval) as made:
                for name in wanted:
                    say(f"N = {count}: {name}")
                    profiled = chosen.profile and name in PROFILED
                    file = logs / f"{name}.folded"
                    with recorded(made.daemon.pid, file) if profiled else nullcontext():
                        kept.add(SCENARIOS[name](made))


def main() -> int:
    """Measure each N; Ctrl-C keeps what there is."""
    chosen = options()
    kept = Kept(chosen.out)
    for number in (signal.SIGINT, signal.SIGTERM):  # also where a shell's background ignores them
        signal.signal(number, signal.default_int_handler)
    code = 0
    try:
        for count in chosen.n or COUNTS:
            try:
                measure(count, chosen, kept)
            except AssertionError as error:
                say(f"N = {count} was given up: {error}")
                code = 1
    except KeyboardInterrupt:
        say("interrupted: this is what there is")
        code = 130
    print(kept.json() if chosen.output == "json" else kept.table())
    return code


if __name__ == "__main__":
    sys.exit(main())
