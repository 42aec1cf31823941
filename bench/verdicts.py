"""`python -m bench.verdicts`: false rollbacks and times to detect, by simulation."""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

from bench.simulated.bounds import check
from bench.simulated.plot import svg
from bench.simulated.run import ONSETS, Job, Played, do_all, healthy, regressed
from bench.simulated.scenario import SCENARIOS, SCRAPES
from bench.simulated.tables import ERRORS, false_table, falses, figures, found_table, founds

SHORT, LONG = 6, 240
"""How often each of the 72 combinations of a scenario with several pods is played."""
SHARED = 3
"""How many rollouts of the short form share the hour before them, which takes most of the time."""


def options() -> argparse.Namespace:
    """What to play."""
    parser = argparse.ArgumentParser(prog="bench.verdicts", description=__doc__)
    names = [scenario.name for scenario in SCENARIOS]
    parser.add_argument("--long", action="store_true", help=f"{LONG // SHORT} times as many")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--scenario", action="append", choices=[*names, "regressions"])
    parser.add_argument("--scrape", type=int, action="append", choices=SCRAPES)
    parser.add_argument("--times", type=often, help=f"how often a combination is played: {SHORT}")
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    parser.add_argument("-o", "--output", choices=["table", "json"], default="table")
    parser.add_argument("--plot", type=Path, help="write an SVG there as well")
    parser.add_argument("--failures", type=Path, help="write each false rollback there")
    return parser.parse_args()


def often(text: str) -> int:
    """Read how often; with one pod it is half as often."""
    times = int(text)
    if times < 2:
        message = f"{times} is less than 2"
        raise argparse.ArgumentTypeError(message)
    return times


def wanted(chosen: argparse.Namespace) -> list[Job]:
    """The jobs; scenarios in order, so that the first rows are done first."""
    times = chosen.times or (LONG if chosen.long else SHORT)
    names = chosen.scenario or [*(scenario.name for scenario in SCENARIOS), "regressions"]
    jobs: list[Job] = []
    share, seed = 1 if chosen.long else SHARED, chosen.seed
    for scenario in SCENARIOS:
        if scenario.name in names:
            jobs += healthy((scenario,), (3, 10), times=times, share=share, seed=seed)
            jobs += healthy((scenario,), (1,), times=times // 2, share=share, seed=seed)
    if "regressions" in names:
        jobs += regressed(times=20 * times, share=share, seed=seed)
    return [job for job in jobs if not chosen.scrape or job.case.scrape in chosen.scrape]


def main() -> int:
    """Play, and print what was found; 1 when a target is missed."""
    chosen = options()
    check(ERRORS)
    jobs = wanted(chosen)
    whole, begun = sum(job.rollouts for job in jobs), time.monotonic()
    played: list[Played] = []
    progress = Progress(whole)
    for done in do_all(jobs, chosen.jobs):
        played += done
        progress.show(len(played), time.monotonic() - begun)
    rows = falses(each for each in played if each.case.bad_rate is None)
    finds = founds(each for each in played if each.case.bad_rate is not None)
    if chosen.plot:
        chosen.plot.write_text(svg(rows, finds))
    if chosen.failures:
        told = [repr(each) for each in played if each.taken_back and each.case.bad_rate is None]
        chosen.failures.write_text("\n".join(told))
    if chosen.output == "json":
        print(json.dumps(figures(rows, finds), indent=1))
    else:
        print(false_table(rows), *(found_table(finds, onset) for onset in ONSETS), sep="\n\n")
    return int(any(row.pods != "1" and not row.met for row in rows))


class Progress:
    """On a terminal one line that is written over; else a line for each tenth that is done."""

    def __init__(self, whole: int) -> None:
        self._whole = whole
        self._tenths = 0
        self._live = sys.stderr.isatty()

    def show(self, done: int, seconds: float) -> None:
        """Tell how many are done, after so many seconds."""
        left = seconds / done * (self._whole - done)
        told = f"{done:,} of {self._whole:,} rollouts, about {left:.0f} s left"
        if self._live:
            end = "\n" if done == self._whole else ""
            print(f"\r{told} ", end=end, file=sys.stderr, flush=True)
        elif (tenths := 10 * done // self._whole) > self._tenths:
            self._tenths = tenths
            print(told, file=sys.stderr, flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
