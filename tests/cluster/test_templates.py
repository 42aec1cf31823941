"""What the ready templates say of series that a real Prometheus scraped."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.cluster.template_cases import CASES
from tests.cluster.templates import (
    CANARY,
    OLD,
    ONE,
    TWO,
    Case,
    Labels,
    container,
    number,
    page,
    serve,
)
from tests.wire.ready import FILES, FOLDER, NAMES, asked
from tests.world.exporters import Exporter
from tests.world.world import World

__all__ = ["page"]

CRDS = Path(__file__).parents[2] / "crds"

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]


@pytest.mark.parametrize("case", CASES, ids=[f"{case.template}-{case.id}" for case in CASES])
def test_a_template_gives_the_number_that_the_series_mean(
    world: World, page: Exporter, case: Case
) -> None:
    # A namespace of its own keeps the series of one case out of the next one's window.
    namespace = f"case-{CASES.index(case)}"

    def moved(series: Sequence[tuple[str, Labels, float]]) -> list[tuple[str, Labels, float]]:
        return [
            (metric, {k: namespace if v == "prod" else v for k, v in labels.items()}, value)
            for metric, labels, value in series
        ]

    here = Case(case.id, case.template, case.expected, moved(case.grown), moved(case.values))
    serve(world, page, here, mark=namespace)
    found = number(world, asked(case.template, {**CANARY, "namespace": namespace}, **case.given))

    if case.expected is None:
        assert found is None
    else:
        assert found == pytest.approx(case.expected)


def test_every_template_is_tried() -> None:
    by_fleet = {"pod-cpu", "istio-tcp-connections", "istio-tcp-bytes"}

    assert {case.template for case in CASES} | by_fleet == set(NAMES)


def test_the_busiest_pods_cpu_is_found(world: World, page: Exporter) -> None:
    usage, pods = "container_cpu_usage_seconds_total", {ONE: 30.0, TWO: 1.0, OLD: 900.0}
    grown = [(usage, {**container(pod), "namespace": "cpu"}, by) for pod, by in pods.items()]
    serve(world, page, Case("cpu", "pod-cpu", None, grown), mark="cpu")
    busiest = number(world, asked("pod-cpu", {**CANARY, "namespace": "cpu"}))
    quiet = number(world, f'rate({usage}{{namespace="cpu", pod="{TWO}"}}[60s])')

    assert busiest is not None
    assert quiet is not None
    assert busiest / quiet == pytest.approx(30, rel=0.1), "asked at two instants"


def test_kubectl_applies_all_of_them_to_the_whole_cluster(world: World) -> None:
    world.kubectl("apply", "--server-side", "--force-conflicts", "-k", str(CRDS))
    world.kubectl("wait", "--for=condition=established", "--all", "crd", "--timeout=60s")
    world.kubectl("apply", "--server-side", "-k", str(FOLDER))
    names = world.kubectl("get", "-k", str(FOLDER), "-o", "name").split()

    assert len(names) == len(FILES)
