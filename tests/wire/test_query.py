"""Variables in queries."""

from __future__ import annotations

import re
from datetime import timedelta

import promql_parser
import pytest
from hypothesis import given
from hypothesis import strategies as st

from canaryd.model.query import VARIABLES, WELL_FORMED, promql_duration, render


def test_variables_are_filled_in() -> None:
    query = 'sum(rate(x{ns="{{ namespace }}", v=~"{{revision}}-.*"}[{{ interval }}]))'
    values = {"namespace": "demo", "revision": "6d4", "interval": "60s"}

    assert render(query, values) == 'sum(rate(x{ns="demo", v=~"6d4-.*"}[60s]))'


@pytest.mark.parametrize("quote", ['"', "'"])
@given(value=st.text(st.characters(codec="utf-8", exclude_categories=["Cc"])))
def test_a_value_cannot_leave_its_string(quote: str, value: str) -> None:
    parsed = promql_parser.parse(render(f"x{{a={quote}{{{{ name }}}}{quote}}}", {"name": value}))

    assert isinstance(parsed, promql_parser.VectorSelector)
    assert len(parsed.matchers.matchers) == 1


def test_an_unknown_variable_is_named() -> None:
    with pytest.raises(ValueError, match=r"\{\{ pod \}\} is unknown: use name, namespace"):
        render("{{ pod }}", {"name": "a", "namespace": "b"})


def test_an_unclosed_variable_is_named() -> None:
    with pytest.raises(ValueError, match="without its"):
        render('x{a="{{ name"}', {"name": "a"})


@given(
    st.lists(st.sampled_from(["{", "{{", "}}", "}", " ", "name", "pod", "weight", "x", "\n"])).map(
        "".join
    )
)
def test_what_the_crd_lets_in_can_be_rendered(query: str) -> None:
    if re.fullmatch(WELL_FORMED, query):
        render(query, dict.fromkeys(VARIABLES, ""))


@pytest.mark.parametrize(
    ("span", "text"),
    [
        (timedelta(minutes=1), "60s"),
        (timedelta(milliseconds=1500), "1500ms"),
        (timedelta(days=7), "604800s"),
    ],
)
def test_durations_are_written_as_promql_reads_them(span: timedelta, text: str) -> None:
    assert promql_duration(span) == text
