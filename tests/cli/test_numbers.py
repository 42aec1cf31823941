"""Numbers in YAML are what kubectl makes of them: lint refuses what the API server would."""

from __future__ import annotations

import io

import pytest
import yaml
from click.testing import CliRunner

from canaryd.cli.main import main
from canaryd.cli.manifest import Manifest, read
from tests.wire.objects import canary


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("1e-2", 0.01), ("1e1", 10), ("08", 8), ("010", 8), ("0x10", 16), ("12", 12), ("-3", -3),
        ("1.5", 1.5), (".5", 0.5), ("1.", 1), ("1:30", "1:30"), ("1e", "1e"), ("5m", "5m"),
        ("1.2.3", "1.2.3"), ('"5"', "5"), ("0.0", 0), ("+7", 7), ("-08.5", -8.5),
        ("1e999", "1e999"), (".inf", float("inf")),
    ],
)  # fmt: skip
def test_a_scalar_is_what_it_is_to_kubectl(written: str, value: object) -> None:
    file = io.StringIO(f"kind: ConfigMap\na: {written}\n")
    file.name = "x.yaml"
    (one,) = read(file)
    assert isinstance(one, Manifest)
    assert (one.document["a"], type(one.document["a"])) == (value, type(value))


@pytest.mark.parametrize(
    ("field", "written", "code"),
    [("alpha", "1e-2", 0), ("threshold", "1e1", 0), ("stepWeights", "[1:30]", 1)],
)
def test_lint_reads_numbers_so(field: str, written: str, code: int) -> None:
    document = canary("podinfo")
    document["spec"]["analysis"] = {field: "HERE"}
    text = yaml.safe_dump(document).replace("HERE", written)
    done = CliRunner().invoke(main, ["lint", "-"], input=text)
    assert done.exit_code == code, done.output
