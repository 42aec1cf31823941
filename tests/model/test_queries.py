"""Variables of queries: filled in, escaped, refused by name."""

from __future__ import annotations

from datetime import timedelta

import pytest

from canaryd.model.query import promql_duration, render


def test_variables_are_filled_in_and_escaped() -> None:
    query = 'sum(x{ns="{{ namespace }}", a="{{name}}"})'
    rendered = render(query, {"namespace": 'de"mo\\', "name": "a'b`\n"})
    assert rendered == 'sum(x{ns="de\\x22mo\\\\", a="a\\x27b\\x60\\n"})'


def test_an_unknown_variable_is_named_with_those_that_there_are() -> None:
    with pytest.raises(ValueError, match=r"\{\{ nom \}\} is unknown: use name, weight"):
        render("x{{ nom }}", {"weight": "1", "name": "a"})
    with pytest.raises(ValueError, match="use none"):
        render("x{{ nom }}", {})


def test_an_open_brace_is_refused() -> None:
    with pytest.raises(ValueError, match="without its"):
        render("x{{ name", {"name": "a"})


@pytest.mark.parametrize(
    ("span", "says"),
    [
        (timedelta(minutes=1), "60s"),
        (timedelta(seconds=1.5), "1500ms"),
        (timedelta(hours=1), "3600s"),
    ],
)
def test_durations_as_promql_writes_them(span: timedelta, says: str) -> None:
    assert promql_duration(span) == says
