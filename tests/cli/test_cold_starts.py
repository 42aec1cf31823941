"""Pods that fail while they start do so in every release: they are no bursts of the service."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from canaryd.cli.planning import from_recording
from canaryd.cli.recording import recorded
from canaryd.model.past import Column
from canaryd.model.tile import Row
from tests.decide.counted import ERRORS, judged_by

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
WINDOW = timedelta(seconds=10)
LIVES, COLD = 90, 2


def column(number: int) -> Column:
    rows: list[Row] = []
    for place in range(3):
        life, age = divmod(number + 30 * place + 15, LIVES)
        failed = 60.0 if age < COLD else 1.0
        pod = f"{place}-{life}"
        rows += [Row("v1", pod, 200 - failed, "200"), Row("v1", pod, failed, "500")]
    return Column(NOON + number * WINDOW, tuple(rows))


def test_plan_leaves_out_what_the_daemon_leaves_out() -> None:
    recording = recorded([column(number) for number in range(360)], ("v1", "v2"), WINDOW)
    known = from_recording(recording, judged_by(ERRORS)).known
    assert known is not None
    assert known.errors < 1.5
