"""A file with several Canaries: plan and backtest do not guess which one is meant."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml
from click.testing import CliRunner, Result

from canaryd.cli.main import main
from tests.cli.past_server import canary_file, past_server

Command = Callable[..., Result]


def plan(path: Path, *args: str) -> Result:
    options = ["--rate", "100", "--rollouts", "10", *args]
    return CliRunner().invoke(main, ["plan", "-f", str(path), *options])


def backtest(path: Path, *args: str) -> Result:
    with past_server(timed=True) as server:
        options = ["--metrics-server", server.url, "--last", "5h", "--every", "1h", *args]
        return CliRunner().invoke(main, ["backtest", "-f", str(path), *options])


BOTH = pytest.mark.parametrize("command", [plan, backtest])


def several(folder: Path, *named: tuple[str, str | None]) -> Path:
    path = canary_file(folder)
    document: dict[str, Any] = yaml.safe_load(path.read_text())
    metadata = [{"name": name} | ({"namespace": place} if place else {}) for name, place in named]
    path.write_text(yaml.safe_dump_all([document | {"metadata": each} for each in metadata]))
    return path


@BOTH
def test_several_canaries_are_listed_instead_of_taking_the_first(
    tmp_path: Path, command: Command
) -> None:
    path = several(tmp_path, ("podinfo", "demo"), ("orders", "shop"), ("cart", None))
    result = command(path)
    assert result.exit_code == 2
    said = result.stderr.splitlines()[-1]
    assert f"{path} holds 3 Canaries: demo/podinfo (line 1), shop/orders (line " in said
    assert "cart (line " in said
    assert said.endswith("give the NAME of the one that is meant")


@BOTH
def test_a_name_picks_one_and_programs_read_which(tmp_path: Path, command: Command) -> None:
    path = several(tmp_path, ("orders", "shop"), ("podinfo", "demo"))
    result = command(path, "podinfo", "-o", "json")
    assert result.exit_code == 0, result.output
    said = orjson.loads(result.stdout)
    assert (said["namespace"], said["name"]) == ("demo", "podinfo")


@BOTH
def test_one_name_in_several_namespaces_needs_the_namespace_as_well(
    tmp_path: Path, command: Command
) -> None:
    path = several(tmp_path, ("podinfo", "test"), ("podinfo", "demo"))
    result = command(path, "podinfo")
    assert result.exit_code == 2
    assert "holds 2 Canaries podinfo: test/podinfo (line 1), demo/podinfo (" in result.stderr
    assert "give the --namespace of the one that is meant" in result.stderr
    picked = command(path, "podinfo", "-n", "demo", "-o", "json")
    assert picked.exit_code == 0, picked.output
    assert orjson.loads(picked.stdout)["namespace"] == "demo"


@BOTH
def test_a_name_that_the_file_does_not_hold_is_said(tmp_path: Path, command: Command) -> None:
    path = several(tmp_path, ("orders", "shop"), ("podinfo", "demo"))
    result = command(path, "cart")
    assert result.exit_code == 1
    assert f"{path} holds no Canary cart; it holds shop/orders (line 1), demo/po" in result.stderr


@BOTH
def test_a_namespace_is_where_the_only_one_of_that_name_will_be(
    tmp_path: Path, command: Command
) -> None:
    path = several(tmp_path, ("podinfo", "test"), ("orders", "shop"))
    assert command(path, "podinfo", "-n", "demo").exit_code == 0


@BOTH
def test_a_mistake_in_another_canary_of_the_file_is_no_matter(
    tmp_path: Path, command: Command
) -> None:
    path = several(tmp_path, ("orders", "shop"), ("podinfo", "demo"))
    path.write_text(path.read_text().replace("interval: 30s", "interval: soon", 1))
    assert command(path, "podinfo").exit_code == 0
    assert command(path, "orders").exit_code == 1


@BOTH
def test_what_is_no_name_is_wrong_usage(tmp_path: Path, command: Command) -> None:
    assert command(canary_file(tmp_path), "a/b").exit_code == 2


@BOTH
def test_programs_read_of_which_canary_it_is(tmp_path: Path, command: Command) -> None:
    said = orjson.loads(command(canary_file(tmp_path), "-o", "json").stdout)
    assert (said["namespace"], said["name"]) == ("demo", "podinfo")
