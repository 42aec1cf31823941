"""`canaryd lint` says where a latency's edge is none, and which ones there are."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import orjson
import pytest
import yaml
from click.testing import CliRunner, Result

from canaryd.cli.main import main
from tests.cli.past_server import serving
from tests.wire.objects import canary


def with_edge(*edges: float) -> dict[str, Any]:
    made = canary("podinfo")
    made["spec"]["analysis"]["metrics"] = [
        {"name": "errors", "compare": {}},
        *(
            {"name": f"slow-{edge:g}", "objective": {"latency": {"le": edge, "maxFraction": 0.05}}}
            for edge in edges
        ),
    ]
    return made


def linted(document: dict[str, Any], *options: str) -> Result:
    return CliRunner().invoke(main, ["lint", *options, "-"], input=yaml.safe_dump(document))


@contextmanager
def a_server(*edges: str, status: int = 200) -> Iterator[str]:
    """Prometheus, with one pod whose histogram has these edges."""

    def answer(_: dict[str, str], form: dict[str, str]) -> tuple[int, bytes]:
        labels = {
            "destination_workload_namespace": "default",
            "destination_workload": "podinfo-v1",
            "pod": "podinfo-v1-a-b",
        }
        values = [[float(form["end"]), "3"]]
        timed = "_bucket" in form["query"]
        told = [{"metric": labels | {"le": le}, "values": values} for le in edges if timed]
        data = {"resultType": "matrix", "result": told}
        return status, orjson.dumps({"status": "success", "data": data})

    with serving(answer) as url:
        yield url


def test_an_edge_that_istio_does_not_have_is_doubted() -> None:
    result = linted(with_edge(300, 250))
    assert result.exit_code == 0
    assert (
        "warning: spec.analysis.metrics[1].objective.latency.le is the end of no bucket that Istio "
        "has by itself; the nearest edges are 250 ms and 500 ms" in result.output
    )
    assert result.output.count("warning") == 1


def test_a_server_knows_better_than_istios_own_edges() -> None:
    with a_server("250", "300", "+Inf") as url:
        assert linted(with_edge(300), "--metrics-server", url).output.count("warning") == 0
        result = linted(with_edge(260), "--metrics-server", url)
    assert result.exit_code == 1
    assert (
        "error: spec.analysis.metrics[1].objective.latency.le is wrong: no bucket of the histograms"
        " ends at 260 ms, so nothing can be counted there; the nearest edges are 250 ms and 300 ms"
        in result.output
    )


@pytest.mark.parametrize("document", [canary("podinfo"), with_edge()])
def test_a_canary_without_edges_asks_no_server(document: dict[str, Any]) -> None:
    result = linted(document, "--metrics-server", "http://127.0.0.1:9")
    assert (result.exit_code, "warning" in result.output) == (0, False)


@pytest.mark.parametrize("output", ["text", "json"])
def test_a_server_that_there_is_nothing_to_ask_is_said(output: str) -> None:
    options = ("-o", output, "--metrics-server", "http://127.0.0.1:9")
    result = linted(canary("podinfo"), *options)
    words = "--metrics-server was not asked: no latency.le to check with it"
    assert result.exit_code == 0
    assert words in result.stderr
    assert words not in linted(with_edge(250), *options).stderr


@pytest.mark.parametrize(("edge", "warnings"), [(250, 1), (300, 2)])
def test_where_nothing_was_timed_it_says_that_nothing_was_checked(
    edge: float, warnings: int
) -> None:
    """What Istio has by itself is all that is known then."""
    with a_server() as url:
        result = linted(with_edge(edge), "--metrics-server", url)
    assert result.exit_code == 0
    assert "was not checked against the metrics server: it timed no request to " in result.output
    assert "in the last five minutes" in result.output
    assert result.output.count("warning:") == warnings


def test_a_server_that_does_not_answer_is_a_warning() -> None:
    with a_server(status=500) as url:
        result = linted(with_edge(250), "--metrics-server", url)
    assert result.exit_code == 0
    assert "was not checked against the metrics server: " in result.output


def test_the_password_of_a_server_that_does_not_answer_is_not_printed() -> None:
    with a_server(status=500) as url:
        login = url.replace("http://", "http://bob:sekret@")
        result = linted(with_edge(250), "--metrics-server", login)
    assert "sekret" not in result.output
    assert "was not checked against the metrics server: " in result.output


def test_an_address_that_is_none_is_a_sentence() -> None:
    result = linted(with_edge(250), "--metrics-server", "::")
    assert result.exit_code != 0
    assert "--metrics-server" in result.output
