"""A test can have a Prometheus of its own, 2 or 3, and stop and start it as it needs."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.world.prometheus import MetricsPage, PrometheusServer, Version, promtool
from tests.world.world import World

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(180)]
VERSIONS: tuple[Version, ...] = ("2", "3")


@pytest.fixture
def page() -> Iterator[MetricsPage]:
    with MetricsPage("orders_total 7\n") as serving:
        yield serving


@pytest.mark.parametrize("version", VERSIONS)
def test_each_version_scrapes_and_says_who_it_is(
    version: Version, page: MetricsPage, tmp_path: Path
) -> None:
    targets = {page.address: {"namespace": "demo"}}
    with PrometheusServer(version, tmp_path, targets=targets) as server:
        (orders,) = server.wait_for("orders_total")
        assert orders.value == 7
        assert orders.labels["namespace"] == "demo"
        (about,) = server.wait_for('{__name__="prometheus_build_info"} or vector(0)')
        assert about.value == 0  # it does not scrape itself
        said = subprocess.run(
            [promtool(version), "--version"], capture_output=True, text=True, check=True
        ).stdout
        assert f"version {version}." in said


@pytest.mark.parametrize("version", VERSIONS)
def test_it_keeps_its_address_and_what_it_knew_over_a_restart(
    version: Version, page: MetricsPage, tmp_path: Path
) -> None:
    with PrometheusServer(version, tmp_path, targets=[page.address]) as server:
        server.wait_for("orders_total")
        server.stop()
        with pytest.raises(OSError, match="refused"):
            server.query("vector(1)")
        page.text = ""
        server.start()
        # What was scraped before: an answer about the time in between.
        assert server.wait_for("max_over_time(orders_total[5m])")[0].value == 7
        server.kill()
        server.start()
        assert server.wait_for("max_over_time(orders_total[5m])")[0].value == 7


@pytest.mark.parametrize("version", VERSIONS)
def test_targets_come_and_fail_and_go(version: Version, page: MetricsPage, tmp_path: Path) -> None:
    with PrometheusServer(version, tmp_path) as server:
        assert server.query("up") == []
        server.set_targets([page.address])
        server.wait_for("up == 1")
        page.down = True
        server.wait_for("up == 0")
        server.set_targets([])
        server.wait_for("absent(up)")


@pytest.mark.parametrize(("version", "edge"), [("2", "50"), ("3", "50.0")])
def test_a_whole_bucket_edge_is_written_otherwise_since_3(
    version: Version, edge: str, page: MetricsPage, tmp_path: Path
) -> None:
    page.text = '# TYPE took histogram\ntook_bucket{le="50"} 1\ntook_bucket{le="+Inf"} 1\n'
    with PrometheusServer(version, tmp_path, targets=[page.address]) as server:
        found = {one.labels["le"] for one in server.wait_for("took_bucket")}
    assert found == {edge, "+Inf"}


@pytest.mark.parametrize("version", VERSIONS)
def test_made_up_data_and_a_configuration_of_ones_own(version: Version, tmp_path: Path) -> None:
    start = 1_772_452_800
    lines = [f"orders_total {second} {start + second}" for second in range(0, 600, 5)]
    text = tmp_path / "past.txt"
    text.write_text("\n".join(["# TYPE orders counter", *lines, "# EOF", ""]))
    command = (promtool(version), "tsdb", "create-blocks-from", "openmetrics", text)
    subprocess.run([*command, tmp_path / "data"], check=True, capture_output=True)
    flags = ("--storage.tsdb.retention.time", "20y")
    with PrometheusServer(version, tmp_path, config=json.dumps({}), flags=flags) as server:
        (grown,) = server.query("rate(orders_total[5m])", at=start + 595)
    assert grown.value == pytest.approx(1)


def test_both_versions_read_the_worlds_own_configuration(world: World, tmp_path: Path) -> None:
    """So that the whole world may run on either: CANARYD_WORLD_PROMETHEUS=3."""
    config = world.folder / "prometheus.yml"
    for version in VERSIONS:
        command = (promtool(version), "check", "config", config)
        subprocess.run(command, check=True, capture_output=True, cwd=tmp_path)
