"""What a busy hour took from the system goes back to it."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

BUSY_AND_AFTERWARDS = """
import asyncio, os
from pathlib import Path
from canaryd.app.lean import give_back

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") >> 20

answers = [bytes(2000) for _ in range(50_000)]
stays = answers[::50]
most = resident()
del answers
before = resident()
asyncio.run(give_back())
print(most, before, resident())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other libcs need and have no trim")
def test_what_is_free_between_what_stays_goes_back_to_the_system() -> None:
    found = subprocess.run(  # noqa: S603 - its own words
        [sys.executable, "-c", BUSY_AND_AFTERWARDS], capture_output=True, text=True, check=True
    )
    most, before, after = map(int, found.stdout.split())
    assert before > most - 20, "glibc keeps by itself what lies between"
    assert after < most - 60
