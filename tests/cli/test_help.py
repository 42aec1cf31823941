"""What the commands say of themselves, and how fast."""

from __future__ import annotations

import re
import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from canaryd.cli.cluster import UNKNOWN_KIND
from canaryd.cli.main import COMMANDS, Lazy, main
from tests.cli.reference import PAGE, commands, help_of, reference
from tests.docs.pages import ROOT


@pytest.mark.parametrize("name", commands())
def test_every_help_has_an_example(name: str) -> None:
    assert "Example" in help_of(name)
    assert f"canaryd {name}" in help_of(name).partition("Example")[2]


@pytest.mark.parametrize("name", commands())
def test_every_option_has_a_help(name: str) -> None:
    found = main.get_command(click.Context(main), name)
    assert found is not None
    for parameter in found.params:
        if isinstance(parameter, click.Option) and parameter.name != "log_level":
            assert parameter.help, parameter.name


def test_the_reference_is_what_the_commands_say() -> None:
    assert PAGE.read_text() == reference(), (
        "run: python -m tests.cli.reference > docs/reference/cli.md"
    )


def test_folders_in_examples_are_there() -> None:
    folders = re.findall(r"kubectl (?:kustomize|apply .*-k) (\S+)", reference())
    assert folders
    assert all((ROOT / folder / "kustomization.yaml").is_file() for folder in folders), folders


def test_installing_is_said_in_one_way() -> None:
    command = "kubectl apply --server-side -k deploy/overlays/mine"
    for page in (ROOT / "README.md", ROOT / "docs" / "how-to" / "install.md"):
        assert command in page.read_text()
    assert command in UNKNOWN_KIND


def test_help_imports_no_client_library() -> None:
    code = (
        "import sys; from canaryd.cli.main import main; main(['--help'], standalone_mode=False);"
        "heavy = {'aiohttp', 'kubernetes_asyncio', 'pydantic', 'yaml'} & set(sys.modules);"
        "sys.exit(f'imported: {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)  # noqa: S603
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", ["get", "why", "wait", "approve", "slot"])
def test_a_commands_help_does_not_load_the_cluster_client(name: str) -> None:
    code = f"import sys; import {COMMANDS[name].path};sys.exit('kubernetes_asyncio' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)  # noqa: S603
    assert done.returncode == 0, done.stderr


def test_it_knows_its_version() -> None:
    assert CliRunner().invoke(main, ["--version"]).stdout.startswith("canaryd 0.")


def test_commands_can_be_completed() -> None:
    env = {"_CANARYD_COMPLETE": "bash_complete", "COMP_WORDS": "canaryd wa", "COMP_CWORD": "1"}
    assert "plain,wait" in CliRunner(env=env).invoke(main, [], prog_name="canaryd").stdout


def test_a_command_that_is_not_there_is_wrong_usage() -> None:
    assert isinstance(main, Lazy)
    assert CliRunner().invoke(main, ["nosuch"]).exit_code == 2
