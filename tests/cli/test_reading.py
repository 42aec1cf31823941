"""Files as people have them: lint, plan and backtest read them alike, and stumble over none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from canaryd.cli.main import main
from tests.cli.past_server import canary_file
from tests.wire.objects import canary

SERVICE = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "podinfo"}}
FOREIGN = {"apiVersion": "flagger.app/v1beta1", "kind": "Canary", "metadata": {"name": "other"}}
DATE, WHOLE, NUMBER = "no date", "no whole number", "no number"
SCALARS = [
    ("2026-13-45", DATE),
    ("2001-01-01T00:00:00+99:99", DATE),
    ("!!timestamp x", DATE),
    ("0b_", WHOLE),
    ("0x_", WHOLE),
    ("9" * 5000, WHOLE),
    ("0x" + "f" * 5000, WHOLE),
    ("!!int x", WHOLE),
    ('!!int ""', WHOLE),
    ("!!float x", NUMBER),
    ('!!float ""', NUMBER),
    ("!!bool x", "neither true nor false"),
    ("!!python/object:os.x {}", "could not determine a constructor"),
    ('"\\Uffffffff"', "no character"),
]
SHOWN = [text[:20] for text, _ in SCALARS]


def lint(*args: str, given: str | None = None) -> Result:
    """What lint says; never in a traceback, and fit for a terminal."""
    return fit(CliRunner().invoke(main, ["lint", *args], input=given))


def plan(path: Path, *args: str) -> Result:
    options = ["--rate", "100", "--rollouts", "10", *args]
    return fit(CliRunner().invoke(main, ["plan", "-f", str(path), *options]))


def backtest(path: Path) -> Result:
    """Against nobody: what is wrong with the file is said before a server is asked."""
    args = ["backtest", "-f", str(path), "--metrics-server", "http://127.0.0.1:1"]
    return fit(CliRunner().invoke(main, args))


def fit(result: Result) -> Result:
    assert isinstance(result.exception, SystemExit | None), result.exception
    assert all(line.isprintable() for line in result.output.splitlines())
    return result


def written(folder: Path, *documents: Any) -> Path:
    path = folder / "canary.yaml"
    path.write_text(yaml.safe_dump_all(documents), encoding="utf-8")
    return path


def playable(folder: Path, **metadata: Any) -> dict[str, Any]:
    """A Canary that plan can play through, with this for its metadata."""
    document: dict[str, Any] = yaml.safe_load(canary_file(folder).read_text(encoding="utf-8"))
    return document | {"metadata": metadata or document["metadata"]}


@pytest.mark.parametrize(("scalar", "said"), SCALARS, ids=SHOWN)
def test_a_value_that_yaml_cannot_read_is_told_with_its_line(
    tmp_path: Path, scalar: str, said: str
) -> None:
    path = tmp_path / "canary.yaml"
    path.write_text(f"apiVersion: canaryd.io/v1beta1\nspec:\n  a: {scalar}\n", encoding="utf-8")
    linted = lint(str(path))
    assert linted.exit_code == 1
    assert f"{path}:3: YAML: error: not readable: " in linted.output
    assert said in linted.output
    assert len(linted.output) < 400 + len(str(path)), "the value itself is not repeated"
    for told in (plan(path), backtest(path)):
        assert told.exit_code == 1
        assert f"{path}:3: not readable: " in told.output
        assert said in told.output


def test_what_stands_before_an_unreadable_document_is_checked_all_the_same(tmp_path: Path) -> None:
    path = written(tmp_path, canary("podinfo"))
    path.write_text(path.read_text() + "---\na: 2026-13-45\n")
    told = lint(str(path))
    assert "Canary podinfo: ok" in told.output
    assert "not readable" in told.output
    assert told.exit_code == 1


BOMB = "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 60))


@pytest.mark.parametrize("text", [BOMB, "a: &a [*a]\n", "a: &a {b: *a}\n"])
def test_aliases_that_would_fill_the_memory_are_a_sentence(text: str) -> None:
    told = lint("-", given=text)
    assert told.exit_code == 1
    assert "its aliases add more than 100,000 values, or one holds itself" in told.output


def test_what_is_written_once_may_be_used_often() -> None:
    spec = yaml.safe_dump(canary("a")["spec"], default_flow_style=True)
    head = "apiVersion: canaryd.io/v1beta1, kind: Canary, metadata:"
    first = f"{{{head} {{name: a}}, spec: &s {spec.strip()}}}"
    others = [f"{{{head} {{name: b{n}}}, spec: *s}}" for n in range(200)]
    listed = "kind: List\nitems:\n" + "".join(f"- {one}\n" for one in [first, *others])
    assert lint("-", given=listed).exit_code == 0


@pytest.mark.parametrize("depth", [200, 1500])
def test_lists_nested_too_deeply_are_a_sentence_for_every_command(
    tmp_path: Path, depth: int
) -> None:
    path = tmp_path / "canary.yaml"
    path.write_text(
        f"apiVersion: canaryd.io/v1beta1\nkind: Canary\nspec: {'[' * depth}{']' * depth}"
    )
    for told in (lint(str(path)), plan(path), backtest(path)):
        assert told.exit_code == 1
        assert "spec" in told.output or "nested too deeply" in told.output


def test_another_projects_canary_is_passed_over(tmp_path: Path) -> None:
    told = plan(written(tmp_path, FOREIGN, SERVICE, playable(tmp_path)))
    assert told.exit_code == 0, told.output
    assert "demo/podinfo" in told.output


def test_a_file_of_other_projects_canaries_holds_none_for_plan(tmp_path: Path) -> None:
    told = plan(written(tmp_path, FOREIGN))
    assert told.exit_code == 1
    assert "holds no Canary of canaryd.io" in told.output


def test_a_list_as_kubectl_prints_it_holds_the_canary(tmp_path: Path) -> None:
    listed = {"apiVersion": "v1", "kind": "List", "items": [SERVICE, playable(tmp_path)]}
    told = plan(written(tmp_path, listed))
    assert told.exit_code == 0, told.output
    assert "demo/podinfo" in told.output


def test_plan_wants_a_name_where_one_would_be_generated(tmp_path: Path) -> None:
    path = written(tmp_path, playable(tmp_path, generateName="podinfo-"))
    for told in (plan(path), backtest(path)):
        assert told.exit_code == 1
        assert "metadata.name is required" in told.output
    assert lint(str(path)).exit_code == 0


@pytest.mark.parametrize(
    ("metadata", "said"),
    [
        ({"name": ["a"]}, "metadata.name is a list: must be a Kubernetes name: lower-case"),
        ({"name": 7}, "metadata.name is 7: must be text in quotes: a Kubernetes name"),
        ({"name": "Pod_Info"}, "metadata.name: must be a Kubernetes name: lower-case"),
        ({"name": "a" * 254}, "metadata.name has 254 characters: may have at most 253"),
        ({"name": "\ud800"}, "metadata.name holds half a character: must be a Kubernetes name"),
        ({"name": ""}, "metadata.name is required"),
        ({"name": None}, "metadata.name is required"),
        ({"generateName": "-"}, "metadata.generateName: must begin like a Kubernetes name"),
        ({"generateName": 7}, "metadata.generateName is 7: must be text of at most 253"),
        ({"name": "a", "namespace": 7}, "metadata.namespace is 7: must be text in quotes"),
        ({"name": "a", "namespace": "a.b"}, "metadata.namespace: must be lower-case letters"),
        ({"name": "a", "namespace": {"b": 1}}, "metadata.namespace is an object: must be"),
    ],
)
def test_a_name_that_is_none_is_told(tmp_path: Path, metadata: dict[str, Any], said: str) -> None:
    path = tmp_path / "canary.yaml"
    # JSON is YAML, and can say half a character.
    path.write_text(json.dumps(playable(tmp_path, **metadata)), encoding="utf-8")
    for told in (lint(str(path)), plan(path), backtest(path)):
        assert told.exit_code == 1
        assert said in told.output


@pytest.mark.parametrize("name", ["podinfo", "podinfo.v2", "0"])
@pytest.mark.parametrize("namespace", ["demo", None, ""])
def test_names_that_the_api_server_takes_are_taken(name: str, namespace: str | None) -> None:
    document = canary(name) | {"metadata": {"name": name, "namespace": namespace, "labels": {}}}
    assert lint("-", given=yaml.safe_dump(document)).exit_code == 0


def test_a_namespace_on_the_command_line_is_checked_too(tmp_path: Path) -> None:
    told = plan(canary_file(tmp_path), "-n", "De mo")
    assert told.exit_code == 2
    assert "--namespace': 'De mo' must be lower-case letters, digits and '-'" in told.output


@pytest.mark.parametrize("output", ["text", "json"])
@pytest.mark.parametrize(
    "text",
    [
        'metadata: {name: "\\ud800"}',
        'metadata: {name: "a\\e[31m\\nb"}',
        '"\\ud800\\e[31m": 1',
        'spec: {"\\ud800\\e[31m": 1}',
        'spec: {"a\\e[31m\\nb": 1}',
        'kind: "\\ud800\\e[31m"',
    ],
)
def test_what_no_terminal_should_get_does_not_get_there(text: str, output: str) -> None:
    given = f"apiVersion: canaryd.io/v1beta1\nkind: Canary\n{text}\n"
    if text.startswith("kind"):
        given = f"apiVersion: canaryd.io/v1beta1\n{text}\n"
    told = lint("-o", output, "-", given=given)
    assert told.exit_code == 1
    assert "\\u001b" not in told.output


def test_a_field_with_a_strange_name_is_a_warnings_field_too() -> None:
    given = {"name": "x", "query": "vector(1)", "thresholdRange": {"max": 1}}
    document = canary("podinfo", analysis__metrics=[given])
    told = lint("-o", "json", "-", given=yaml.safe_dump(document))
    assert json.loads(told.stdout)["objects"][0]["name"] == "podinfo"


@pytest.mark.parametrize("output", ["text", "json"])
@pytest.mark.parametrize("name", [b"bad\xff.yaml", b"bad\x1b[31m.yaml", b"bad\nname.yaml"])
def test_a_file_of_a_strange_name_is_checked(tmp_path: Path, name: bytes, output: str) -> None:
    path = Path(str(tmp_path)) / name.decode(errors="surrogateescape")
    path.write_text(yaml.safe_dump(canary("podinfo", suspend=1)), encoding="utf-8")
    told = lint("-o", output, str(path))
    assert told.exit_code == 1
    assert "suspend" in told.stdout
    assert "bad" in plan(path).output


def test_standard_input_without_anything_fails_a_pipeline() -> None:
    for given in ("", "\n", "---\n", "# nothing\n", "{kind: List, items: []}\n"):
        told = lint("-", given=given)
        assert told.exit_code == 1
        assert "no object of canaryd in standard input: nothing was checked" in told.stderr


def test_nothing_in_any_file_is_an_error_in_json_too(tmp_path: Path) -> None:
    empty = tmp_path / "empty.yaml"
    empty.write_text("")
    told = lint("-o", "json", str(empty), str(empty))
    assert told.exit_code == 1
    assert json.loads(told.stdout) == {"objects": [], "ignored": 0}
    assert f"no object of canaryd in {empty}" in told.stderr


def test_an_empty_file_beside_others_is_a_note(tmp_path: Path) -> None:
    empty = tmp_path / "empty.yaml"
    empty.write_text("# all is commented out\n")
    told = lint(str(empty), str(written(tmp_path, canary("podinfo"))))
    assert told.exit_code == 0
    assert f"{empty}: no object in it" in told.stderr
    assert "Canary podinfo: ok" in told.stdout


def test_files_of_other_kinds_alone_are_well_and_said(tmp_path: Path) -> None:
    told = lint(str(written(tmp_path, SERVICE, FOREIGN)))
    assert told.exit_code == 0
    assert "2 objects of other kinds ignored" in told.stdout
    assert "no object of canaryd in " in told.stderr


def test_a_file_that_the_system_does_not_read_is_said() -> None:
    told = lint("/proc/self/mem")  # it can be opened
    assert told.exit_code == 1
    assert "/proc/self/mem:1: YAML: error: not readable: " in told.output
