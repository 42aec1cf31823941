"""A worse version is taken back by itself, and every place tells the same sentence."""

from __future__ import annotations

import re
import sqlite3

import pytest

from tests.cluster.release import Release

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]


def test_five_per_cent_errors_are_rolled_back_and_every_place_says_why(release: Release) -> None:
    release.begin()
    with release.world.load(rate=150, host=release.host):
        release.push("6.7.1-bad", error_rate=0.05)
        notice = release.wait_told("RolledBack")
    sentence = notice["sentence"]
    assert release.weights == (100, 0)
    assert re.search(r"request-success-rate was \d\d(\.\d+)? % over", sentence)
    assert "outside its bound of at least 99 %" in sentence
    status = release.status
    assert status["phase"] == "Idle"
    assert status["rejected"]["message"] == sentence
    assert release.condition("Ready")["message"] == sentence
    assert release.condition("Stalled")["status"] == "True"
    release.world.wait_for(
        lambda: [e for e in release.events() if e["message"] == sentence], "its Event"
    )
    why = release.canaryctl("why", "podinfo")
    assert sentence in " ".join(why.split())
    release.world.wait_for(lambda: sentence in told_in_history(release), "its row in the history")


def told_in_history(release: Release) -> list[str]:
    path = release.daemon.data_dir / "history.db"
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as db:
        return [row[0] for row in db.execute("select sentence from rollouts")]


def test_a_p99_four_times_slower_is_rolled_back(release: Release) -> None:
    release.begin()
    release.world.behave(release.namespace, "podinfo-v1", delay_ms=40)
    with release.world.load(rate=100, host=release.host):
        release.push("6.7.1-slow", delay_ms=160)
        notice = release.wait_told("RolledBack")
    assert "request-duration was" in notice["sentence"]
    assert "outside its bound of at most 100 ms" in notice["sentence"]
    assert release.weights == (100, 0)


def test_a_rejected_revision_is_tried_again_only_when_a_person_asks(release: Release) -> None:
    release.begin()
    with release.world.load(rate=100, host=release.host):
        release.push("6.7.1-bad", error_rate=0.5)
        release.wait_told("RolledBack")
        release.daemon.restart()
        assert release.wait_phase("Idle")["rejected"]
        release.world.behave(release.namespace, "podinfo-v2", error_rate=0)
        release.canaryctl("retry", "podinfo", "--reason", "the database was down")
        release.wait_told("Promoted")
    assert release.weights == (0, 100)
