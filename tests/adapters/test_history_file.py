"""What the history costs when its file, disk or process is in trouble: rows at most."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from canaryd.adapters.history import reader
from canaryd.adapters.history.file import PRUNED_AT_ONCE, HistoryFile
from canaryd.adapters.history.rows import Insert, rows
from canaryd.adapters.history.writer import SqliteHistory
from tests.adapters.fakes import KEY, NOON, HandClock, gate, notice, running
from tests.adapters.keeping import IDLE, Losses, history


@pytest.mark.parametrize("damage", ["garbage", "page"])
def test_a_damaged_file_is_moved_aside_and_said(tmp_path: Path, damage: str) -> None:
    with history(tmp_path) as kept:
        for seq in range(300):
            kept.record(KEY, IDLE, IDLE, [notice(seq)])
    data = kept.path.read_bytes()
    middle = len(data) // 2
    kept.path.write_bytes(
        b"not a database " * 99
        if damage == "garbage"
        else data[:middle] + b"\xff" * 8192 + data[middle + 8192 :]
    )
    with capture_logs() as logs, history(tmp_path) as kept:
        kept.record(KEY, IDLE, IDLE, [notice(1000)])
    assert [line["event"] for line in logs] == [
        "the history file is damaged; moved aside, a new one is started"
    ]
    assert (tmp_path / "history.db.damaged").exists()
    with reader.read_only(kept.path) as db:
        assert [row["seq"] for row in reader.notices(db, KEY)] == [1000]


def test_a_file_that_is_damaged_while_open_costs_no_new_row(tmp_path: Path) -> None:
    losses = Losses()
    with capture_logs(), history(tmp_path, losses) as kept:
        kept.record(KEY, IDLE, IDLE, [notice(seq) for seq in range(200)])
        kept.flush().result(20)
        with closing(sqlite3.connect(kept.path)) as other:
            other.execute("pragma wal_checkpoint(truncate)")
        size = kept.path.stat().st_size
        with kept.path.open("r+b") as file:
            file.seek(100)
            file.write(b"\xff" * (size - 100))
        kept.record(KEY, IDLE, IDLE, [notice(1000)])
        kept.flush().result(20)
    assert sum(losses) == 0
    with reader.read_only(kept.path) as db:
        assert [row["seq"] for row in reader.notices(db, KEY)] == [1000]


def test_a_directory_that_cannot_be_written_costs_rows_and_nothing_else(tmp_path: Path) -> None:
    losses = Losses()
    in_the_way = tmp_path / "data"
    in_the_way.write_text("a file")
    with capture_logs() as logs, history(in_the_way, losses) as kept:
        kept.record(KEY, IDLE, IDLE, [notice(1)])
        kept.flush().result(20)
        in_the_way.unlink()
        kept.record(KEY, IDLE, IDLE, [notice(2)])
    assert losses == [1]
    assert [line["event"] for line in logs] == ["history rows are lost"]
    with reader.read_only(kept.path) as db:
        assert [row["seq"] for row in reader.notices(db, KEY)] == [2]


def test_a_full_queue_costs_rows_and_never_waits(tmp_path: Path) -> None:
    losses = Losses()
    kept = SqliteHistory(tmp_path, clock=HandClock(), lost=losses.append, capacity=3)
    with capture_logs():
        for seq in range(10):
            kept.record(KEY, IDLE, IDLE, [notice(seq)])
    assert sum(losses) == 7
    kept.start()
    kept.flush().result(20)
    kept.close()
    with reader.read_only(kept.path) as db:
        assert len(reader.notices(db, KEY)) == 3


FILL = """
import resource, sys
from pathlib import Path
from datetime import timedelta
from tests.adapters.fakes import KEY, HandClock, notice
from canaryd.adapters.history.writer import SqliteHistory
from canaryd.model.status import Status
lost = []
kept = SqliteHistory(Path(sys.argv[1]), clock=HandClock(), lost=lost.append, pause=timedelta(0))
kept.start()
kept.record(KEY, Status(), Status(), [notice(1)])
kept.flush().result(20)
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, resource.RLIM_INFINITY))
for seq in range(2, 5000):
    kept.record(KEY, Status(), Status(), [notice(seq)])
    if seq % 100 == 0:
        kept.flush().result(20)
full = sum(lost)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
kept.record(KEY, Status(), Status(), [notice(5000)])
kept.close()
print(full, sum(lost))
"""


def test_a_disk_that_is_full_costs_rows_until_there_is_room_again(tmp_path: Path) -> None:
    ran = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", FILL, str(tmp_path)], capture_output=True, text=True, check=True
    )
    while_full, altogether = (int(word) for word in ran.stdout.splitlines()[-1].split())
    assert 0 < while_full == altogether
    with reader.read_only(tmp_path / "history.db") as db:
        kept = [int(row["seq"] or 0) for row in reader.notices(db, KEY, limit=9999)]
    assert kept[0] == 5000
    assert kept[-1] == 1
    assert len(kept) + altogether == 5000


WRITE_ON = """
import sys
from pathlib import Path
from datetime import timedelta
from tests.adapters.fakes import KEY, HandClock, notice
from canaryd.adapters.history.writer import SqliteHistory
from canaryd.model.status import Status
kept = SqliteHistory(Path(sys.argv[1]), clock=HandClock(), lost=print, pause=timedelta(0))
kept.start()
seq = int(sys.argv[2])
while True:
    for _ in range(20):
        seq += 1
        kept.record(KEY, Status(), Status(), [notice(seq)])
    kept.flush().result()
    print(seq, flush=True)
"""


def test_what_was_acknowledged_survives_kill_9(tmp_path: Path) -> None:
    acknowledged = 0
    for kills in range(1, 6):
        with subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, "-c", WRITE_ON, str(tmp_path), str(acknowledged)],
            stdout=subprocess.PIPE,
            text=True,
        ) as writing:
            assert writing.stdout is not None
            for _ in range(3 * kills):
                acknowledged = int(writing.stdout.readline())
            writing.send_signal(signal.SIGKILL)
        with capture_logs() as logs, history(tmp_path) as kept:
            kept.flush().result(20)
        assert logs == []
        with reader.read_only(kept.path) as db:
            found = {row["seq"] for row in reader.notices(db, KEY, limit=99_999)}
            assert db.execute("pragma integrity_check").fetchone()[0] == "ok"
        assert set(range(1, acknowledged + 1)) <= found


def _old(file: HistoryFile, count: int, days_ago: int) -> None:
    at = NOON - timedelta(days=days_ago)
    made = [row for seq in range(count) for row in rows(KEY, IDLE, IDLE, [notice(seq, at=at)], at)]
    file.write(made)


def test_what_is_too_old_is_removed_a_thousand_rows_at_a_time(tmp_path: Path) -> None:
    file = HistoryFile(tmp_path / "history.db")
    _old(file, 2500, 91)
    _old(file, 10, 89)
    border = NOON - timedelta(days=90)
    removed = [file.prune(older_than=border, max_bytes=1 << 30) for _ in range(4)]
    file.close()
    assert removed == [PRUNED_AT_ONCE, PRUNED_AT_ONCE, 500, 0]
    with reader.read_only(tmp_path / "history.db") as db:
        assert len(reader.notices(db, KEY, limit=9999)) == 10


def test_what_is_too_much_is_removed_oldest_first_and_the_file_shrinks(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    file = HistoryFile(path)
    for day in range(20, 0, -1):
        _old(file, 1000, day)
    with closing(sqlite3.connect(path)) as other:
        other.execute("pragma wal_checkpoint(truncate)")
    before = path.stat().st_size
    border = NOON - timedelta(days=90)
    while file.prune(older_than=border, max_bytes=before // 2):
        pass
    assert file.size() <= before // 2
    file.close()
    assert path.stat().st_size < before * 0.6
    with reader.read_only(path) as db:
        assert reader.notices(db, KEY)[0]["at"] == "2026-11-20T12:00:00Z", "the latest stay"


async def test_pruning_goes_on_between_writes_until_it_is_done(tmp_path: Path) -> None:
    file = HistoryFile(tmp_path / "history.db")
    _old(file, 4500, 91)
    file.close()
    with history(tmp_path) as kept:
        await kept.prune()
        kept.record(KEY, IDLE, IDLE, [notice(1)])
        async with asyncio.timeout(20):
            while True:
                await asyncio.wrap_future(kept.flush())
                with reader.read_only(kept.path) as db:
                    if len(reader.notices(db, KEY, limit=9999)) == 1:
                        break


def test_a_file_of_the_first_version_is_opened_again(tmp_path: Path) -> None:
    for _ in range(3):
        HistoryFile(tmp_path / "history.db").close()


def test_every_row_names_columns_that_there_are(tmp_path: Path) -> None:
    file = HistoryFile(tmp_path / "history.db")
    made = list(rows(KEY, running(gates=(gate(),)), IDLE, [notice(1)], NOON))
    assert {one.table for one in made if isinstance(one, Insert)} == {
        "rollouts",
        "steps",
        "notices",
        "samples",
    }
    file.write(made)
    file.close()
