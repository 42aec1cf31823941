"""How `backtest` and `plan` say what they found."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields, is_dataclass
from typing import Any

import click
import orjson
from pydantic.alias_generators import to_camel

from canaryd.cli.past import Wanted
from canaryd.cli.replaying import Report
from canaryd.cli.trials import LEAST_SHARE, Caught, Healthy, chart, shown
from canaryd.decide.narrate import number


def document(value: object) -> Any:  # noqa: ANN401 - JSON
    """For programs: fields are named as in the API, keys of dicts stay what they are."""
    if is_dataclass(value):
        return {to_camel(each.name): document(getattr(value, each.name)) for each in fields(value)}
    return [document(each) for each in value] if isinstance(value, tuple) else value


def of(wanted: Wanted) -> dict[str, str]:
    """For programs: of which Canary it is."""
    return {"namespace": wanted.key.namespace, "name": wanted.key.name}


def print_backtest(wanted: Wanted, report: Report, output: str) -> None:
    """Say it to people or to programs."""
    if output == "json":
        click.echo(orjson.dumps(of(wanted) | document(report), option=orjson.OPT_INDENT_2))
        return
    click.echo(
        f"{wanted.key}: {number(report.requests_per_second)} requests/s on {report.pods} pods, "
        f"{number(100 * report.failing, 3)} % failed, dispersion up to "
        f"{number(report.dispersion, 2)}"
    )
    if report.left_out:
        began = report.left_out + report.healthy.rollouts
        click.echo(f"{report.left_out} of {began} releases left out: fewer than two pods then")
    for line in (*false_alarms(report.healthy), "", *faults(report.faults, report.failing)):
        click.echo(line)


def false_alarms(found: Healthy) -> Iterable[str]:
    """Say what would have become of healthy releases."""
    share = number(100 * found.rolled_back / found.rollouts, 3) if found.rollouts else "0"
    few = found.told < found.rollouts
    yield (
        f"healthy releases: {found.rolled_back} of {found.rollouts} rolled back ({share} %, with "
        f"95 % confidence at most {number(100 * found.upper, 3)} %"
        + (f", by the {found.told} that do not overlap)" if few else ")")
    )
    for reason, count in found.reasons.items():
        yield f"  {count} by {reason}"
    if found.typical_seconds is not None:
        yield (
            f"  typical length {shown(found.typical_seconds)}; "
            f"{number(found.inconclusive_steps, 2)} steps of each passed by time alone"
        )
    yield from unfinished(found)


def unfinished(found: Healthy) -> Iterable[str]:
    """Say how many did not come to their end, and why."""
    rest = found.rollouts - found.rolled_back - found.finished
    if not rest:
        return
    for reason, count in found.held.items():
        yield f"  {count} did not come to their end: held for {reason}"
    short = rest - sum(found.held.values())
    if short:
        yield f"  {short} did not come to their end in time: more requests are needed to judge"


def faults(found: tuple[Caught, ...], usual: float) -> Iterable[str]:
    """Say how soon faults are caught, where the `usual` share fails: a table and a chart."""
    if not found:
        yield "no gate counts errors, and nothing is made slower: no fault is there to be caught"
        return
    if usual < LEAST_SHARE:
        least = number(100 * LEAST_SHARE)
        yield f"fewer than {least} % fail usually: the faults are so many times {least} %"
    yield f"{'errors':>6}  {'caught':>11}  {'median':>8}  {'9 in 10':>8}  {'canary requests':>15}"
    for row in found:
        requests = "-" if row.requests is None else f"{row.requests:,.0f}"
        yield (
            f"{row.factor:>5g}x  {row.caught:>4} of {row.rollouts:>3}  "
            f"{shown(row.median_seconds):>8}  {shown(row.slow_seconds):>8}  {requests:>15}"
        )
    for row in found:
        if row.undecided:
            yield (
                f"{row.factor:>5g}x  in {row.undecided} the evidence sufficed and a person had to "
                "decide: too little was known of how the pods differ, or all of them did badly"
            )
    yield ""
    yield "median time until it is caught:"
    yield from chart(found)
