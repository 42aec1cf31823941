"""What `canaryd run` says when it cannot begin."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest

from canaryd.adapters.web import WebServer
from canaryd.app.parts import listen
from canaryd.model.errors import RefusedError
from canaryd.settings import Settings


def run(folder: Path, *options: str, **settings: str) -> subprocess.CompletedProcess[str]:
    args = ["run", "--data-dir", str(folder / "data"), "--listen", "127.0.0.1", *options]
    return subprocess.run(  # noqa: S603
        [sys.executable, "-m", "canaryd", *args],
        env={"CANARYD_PORT": "0", **settings},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_kubeconfig_that_is_not_there_is_told_and_a_misspelt_setting_is_warned_of(
    tmp_path: Path,
) -> None:
    done = run(tmp_path, "--kubeconfig", "/nope", CANARYD_QUERY_DEADLNE="3s")
    first, *_, last = done.stderr.splitlines()
    warning = orjson.loads(first)
    assert (warning["level"], warning["message"]) == ("warning", "unknown setting")
    assert warning["variable"] == "CANARYD_QUERY_DEADLNE"
    assert warning["nearest"] == "CANARYD_QUERY_DEADLINE"
    assert last == ("Error: there is no kubeconfig /nope; give the path of one with --kubeconfig")
    assert done.returncode == 1


@pytest.mark.parametrize("host", ["no host", "a..b", "192.0.2.1"])
async def test_an_address_that_cannot_be_listened_on_is_not_blamed_on_the_port(host: str) -> None:
    with pytest.raises(RefusedError, match=r"set --listen$"):
        await listening(listen=host, port=0)


async def test_a_port_that_is_taken_is_blamed_on_the_port() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        pytest.raises(RefusedError, match=r"set --port$"),
    ):
        await listening(listen="127.0.0.1", port=taken.getsockname()[1])


async def listening(**options: Any) -> None:
    settings = Settings(**options)
    web = WebServer(unready=list, metrics=bytes, host=settings.listen, port=settings.port)
    try:
        await listen(web, settings)
    finally:
        await web.stop()
