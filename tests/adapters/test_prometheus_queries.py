"""Which questions share a query, and that what is written is PromQL."""

from __future__ import annotations

from datetime import timedelta

import promql_parser
import pytest

from canaryd.adapters.prometheus.queries import built_in, grouped, instant
from canaryd.model.names import Key, Revision
from canaryd.model.question import Question
from canaryd.model.spec import DURATION, SUCCESS_RATE
from tests.adapters.fakes import NOON

MINUTE = timedelta(minutes=1)


def asked(
    name: str,
    revision: str | None = "7f9c",
    *,
    metric: str = SUCCESS_RATE,
    window: timedelta = MINUTE,
    after: timedelta = timedelta(),
    namespace: str = "demo",
) -> Question:
    shown = Revision(revision) if revision else None
    key = Key(namespace, name)
    return Question(key, metric, None, namespace, name, shown, window, NOON + after)


def names(questions: list[Question], size: int = 50) -> list[list[str]]:
    return [[one.workload for one in group] for group in grouped(questions, size)]


def test_a_group_holds_no_more_than_its_size() -> None:
    groups = names([asked(f"a{number}") for number in range(120)])
    assert [len(group) for group in groups] == [50, 50, 20]


def test_another_metric_window_or_second_is_another_group() -> None:
    questions = [
        asked("a"),
        asked("b", metric=DURATION),
        asked("c", window=2 * MINUTE),
        asked("d", after=timedelta(seconds=1)),
        asked("e"),
    ]
    assert names(questions) == [["a", "e"], ["b"], ["c"], ["d"]]


def test_two_revisions_of_one_workload_name_never_share_a_query() -> None:
    questions = [asked("a", "r1"), asked("a", "r2", namespace="prod"), asked("b", "r3")]
    assert names(questions) == [["a", "b"], ["a"]]


def test_a_group_is_evaluated_when_the_last_of_it_is_due() -> None:
    late = timedelta(milliseconds=700)
    assert instant([asked("a"), asked("b", after=late)]) == NOON + late


@pytest.mark.parametrize("metric", [SUCCESS_RATE, DURATION])
@pytest.mark.parametrize("window", [MINUTE, timedelta(milliseconds=1500)])
def test_the_built_ins_are_promql(metric: str, window: timedelta) -> None:
    group = [asked("a.b-c", metric=metric, window=window), asked("d", None, metric=metric)]
    query = built_in(group)
    promql_parser.parse(query)
    assert r'"a\\.b-c|d"' in query
    assert r'pod=~"(?:a\\.b-c-7f9c-.+|d-.+)?"' in query
