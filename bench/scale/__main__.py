"""`python -m bench.scale`: N Canaries on a world of their own, for each N; see bench/README.md."""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from math import inf
from pathlib import Path

from bench.scale import scenarios
from bench.scale.churn import CROWD, churn
from bench.scale.crowd import Way
from bench.scale.figures import Result
from bench.scale.kept import Kept
from bench.scale.profiles import recorded
from bench.scale.scene import PARTS, Scene, say, scene
from tests.cluster.daemon import install
from tests.world.build import build
from tests.world.world import World

COUNTS = (1, 50, 200, 500, 1000, 2000)
MANY = 5000
"""With so many it is asked what gives first."""
HOUR = 60.0
EPILOG = (
    "N = 200 takes 8 minutes by thresholds and 25 by evidence, everything most of a day. Ctrl-C "
    "loses nothing: what was measured is kept after each scenario, and printed."
)
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
STRAIN = ("first-start", "idle", "restart", "release")
PROFILED = ("idle", "release")


@dataclass(frozen=True, slots=True)
class Job:
    """What is measured in one world."""

    count: int
    way: Way
    names: tuple[str, ...]


def options() -> argparse.Namespace:
    """What to measure."""
    parser = argparse.ArgumentParser(prog="bench scale", description=__doc__, epilog=EPILOG)
    parser.add_argument(
        "--n",
        type=several,
        action="append",
        help=f"default: {COUNTS}, each, then {MANY} and the churn; may be repeated",
    )
    parser.add_argument(
        "--way", type=Way, action="append", choices=[*Way], help="default: both; may be repeated"
    )
    parser.add_argument("--interval", type=several, default=10, help="seconds, 10 as Flagger's")
    names = [*SCENARIOS, "churn"]
    parser.add_argument(
        "--only", action="append", choices=names, help="default: all; may be repeated"
    )
    parser.add_argument("--minutes", type=lasting, help=f"of churn; default: {HOUR:g}")
    parser.add_argument(
        "--crowd", type=several, help=f"Canaries of the churn at a time; default: {CROWD}"
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("build/bench") / time.strftime("%Y-%m-%dT%H-%M"),
        help="folder for results, table, plot and logs; default: build/bench/TIME",
    )
    parser.add_argument("--profile", action="store_true", help="keep py-spy's stacks there as well")
    parser.add_argument("-o", "--output", choices=["table", "json"], default="table")
    chosen = parser.parse_args()
    churns = "churn" in (chosen.only or ()) or not (chosen.only or chosen.n)
    if not churns and (chosen.minutes or chosen.crowd):
        parser.error("--minutes and --crowd are about the churn: add --only churn")
    if (chosen.minutes or chosen.crowd) and not chosen.only:
        parser.error("--minutes and --crowd play the churn alone with --only churn")
    if set(chosen.only or ()) == {"churn"} and (chosen.n or chosen.way == [Way.EVIDENCE]):
        parser.error("the churn is of --crowd Canaries by thresholds: leave out --n and --way")
    chosen.minutes, chosen.crowd = chosen.minutes or HOUR, chosen.crowd or CROWD
    return chosen


def several(text: str) -> int:
    """Read how many."""
    number = int(text)
    if number < 1:
        message = f"{number} is less than 1"
        raise argparse.ArgumentTypeError(message)
    return number


def lasting(text: str) -> float:
    """Read how long."""
    number = float(text)
    if not 0 < number < inf:
        message = f"{text} is no time"
        raise argparse.ArgumentTypeError(message)
    return number


def jobs(chosen: argparse.Namespace) -> Iterator[Job]:
    """Each N in each way; with nothing chosen also the run with very many, and then the churn."""
    names = tuple(name for name in SCENARIOS if name in {*(chosen.only or SCENARIOS)})
    if names:
        for way in chosen.way or Way:
            for count in chosen.n or COUNTS:
                yield Job(count, way, ("first-start", *(n for n in names if n != "first-start")))
    everything = not (chosen.only or chosen.n)
    if everything:
        yield Job(MANY, (chosen.way or [Way.THRESHOLDS])[0], STRAIN)
    if everything or "churn" in (chosen.only or ()):
        yield Job(chosen.crowd, Way.THRESHOLDS, ("first-start", "churn"))


def measure(job: Job, chosen: argparse.Namespace, kept: Kept) -> None:
    """Everything of one world."""
    what = f"N = {job.count}, {job.way}"
    with tempfile.TemporaryDirectory() as folder:
        say(f"{what}: starting a world")
        churns = "churn" in job.names
        name = f"churn{job.count}" if churns else f"{job.way}{job.count}"
        logs = kept.folder / name
        logs.mkdir(parents=True, exist_ok=True)
        with World.start(Path(folder) / "world", build(), PARTS) as world:
            install(world)
            with scene(
                world, logs, job.count, interval=chosen.interval, way=job.way, census=churns
            ) as made:
                for name in job.names:
                    say(f"{what}: {name}")
                    profiled = chosen.profile and name in PROFILED
                    file = logs / f"{name}.folded"
                    with recorded(made.daemon.pid, file) if profiled else nullcontext():
                        if name == "churn":
                            churn(made, chosen.minutes, kept.add)
                            continue
                        found = SCENARIOS[name](made)
                    if not churns:
                        kept.add(found)


def main() -> int:
    """Measure; Ctrl-C keeps what there is."""
    chosen = options()
    kept = Kept(chosen.out)
    for number in (signal.SIGINT, signal.SIGTERM):  # also where a shell's background ignores them
        signal.signal(number, signal.default_int_handler)
    code = 0
    try:
        for job in jobs(chosen):
            try:
                measure(job, chosen, kept)
            except Exception as error:  # noqa: BLE001 - hours of other figures are not to be lost
                what = f"{type(error).__name__}: {error}"
                say(f"N = {job.count}, {job.way}, was given up: {what}")
                code = 1
    except KeyboardInterrupt:
        say("interrupted: this is what there is")
        code = 130
    say(f"results, plot and logs: {kept.folder}")
    print(kept.json() if chosen.output == "json" else kept.table())
    return code


if __name__ == "__main__":
    sys.exit(main())
