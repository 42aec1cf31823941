"""A daemon's name: kept in its data directory, so that a restart is the same daemon."""

from __future__ import annotations

from pathlib import Path

import pytest

from canaryd.adapters.kube.identity import identity
from canaryd.model.errors import RefusedError


def test_a_restarted_daemon_keeps_its_name(tmp_path: Path) -> None:
    first = identity(None, tmp_path / "data")
    assert first == identity(None, tmp_path / "data")
    assert first != identity(None, tmp_path / "other")
    assert identity("given", tmp_path / "data") == "given"


def test_a_name_that_is_damaged_is_made_anew(tmp_path: Path) -> None:
    (tmp_path / "identity").write_text("\n")
    name = identity(None, tmp_path)
    assert name
    assert identity(None, tmp_path) == name


def test_a_data_directory_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file")
    with pytest.raises(RefusedError, match="give --identity"):
        identity(None, tmp_path / "data")
