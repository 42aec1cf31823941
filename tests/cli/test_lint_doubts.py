"""What the API server would take, and what nobody means all the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from canaryd.cli.main import main
from tests.cli.past_server import canary_file
from tests.wire.objects import canary, metric

NAMED = "metadata: {name: settings}"


def linted(text: str) -> Result:
    return CliRunner().invoke(main, ["lint", "-"], input=text)


def gate(name: str, **ends: float) -> dict[str, Any]:
    return metric("podinfo", {"name": name, "thresholdRange": ends})


@pytest.mark.parametrize(
    ("name", "ends", "said"),
    [
        ("request-success-rate", {"min": 0.99}, "min is 0.99 %, for the rate is in per cent"),
        ("request-success-rate", {"min": 1}, "write 100 for 100 %"),
        ("request-success-rate", {"min": 0.99995}, "write 99.995 for 99.995 %"),
        ("request-duration", {"max": 0.5}, "max is 0.5 ms: write 500 for 0.5 s"),
    ],
)
def test_a_bound_in_another_unit_is_a_warning_with_its_line(
    name: str, ends: dict[str, float], said: str
) -> None:
    text = yaml.safe_dump(gate(name, **ends))
    result = linted(text)
    (end,) = ends
    line = next(n for n, row in enumerate(text.splitlines(), 1) if row.strip().startswith(end))
    assert result.exit_code == 0
    assert f":{line}: Canary podinfo: warning: spec.analysis.metrics[0]" in result.output
    assert said in result.output


@pytest.mark.parametrize(
    ("name", "ends"),
    [
        ("request-success-rate", {"min": 99.0}),
        ("request-success-rate", {"min": 0}),
        ("request-duration", {"max": 500}),
    ],
)
def test_bounds_in_their_own_unit_are_left_alone(name: str, ends: dict[str, float]) -> None:
    result = linted(yaml.safe_dump(gate(name, **ends)))
    assert result.exit_code == 0
    assert "warning" not in result.output


def test_a_field_that_stands_twice_is_an_error_in_objects_of_any_kind() -> None:
    text = f"{yaml.safe_dump(canary('podinfo'))}---\nkind: ConfigMap\n{NAMED}\n{NAMED}\n"
    result = linted(text)
    last = len(text.splitlines())
    assert result.exit_code == 1
    assert f":{last}: YAML: error: metadata stands twice: on line {last - 1} already" in (
        result.output
    )
    assert "Canary podinfo: ok" in result.output


def test_a_merged_field_may_be_said_again() -> None:
    text = yaml.safe_dump(canary("podinfo"))
    merged = "---\napiVersion: v1\nkind: A\nx: &x {a: 1}\ny: {<<: *x, a: 2}\nz: [*x, *x, {a: 1}]\n"
    assert linted(text + merged).exit_code == 0


def test_plan_takes_no_file_of_which_a_part_would_not_count(tmp_path: Path) -> None:
    file = canary_file(tmp_path)
    file.write_text(f"{file.read_text()}kind: Canary\n")
    result = CliRunner().invoke(main, ["plan", "-f", str(file), "--rate", "10"])
    assert result.exit_code == 1
    assert "kind stands twice" in result.stderr


def test_two_objects_of_one_name_in_a_file_are_a_warning() -> None:
    result = linted(yaml.safe_dump_all([canary("podinfo"), canary("podinfo")]))
    assert result.exit_code == 0
    assert "metadata.name is that of the Canary on line 1 as well" in result.output


def test_one_name_in_two_places_is_no_matter() -> None:
    ones = [canary("podinfo"), canary("podinfo"), canary("other")]
    ones[1]["metadata"]["namespace"] = "elsewhere"
    result = linted(yaml.safe_dump_all(ones))
    assert "warning" not in result.output


def test_files_for_different_places_may_hold_one_name(tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("test.yaml", "production.yaml")]
    for file in files:
        file.write_text(yaml.safe_dump(canary("podinfo")))
    result = CliRunner().invoke(main, ["lint", *map(str, files)])
    assert result.exit_code == 0
    assert "warning" not in result.output
