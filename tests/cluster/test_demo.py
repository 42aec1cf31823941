"""`make demo`, on real parts and without a terminal: what a person is told is what happened."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.demo.play import Script, play
from tests.demo.scene import Scene
from tests.demo.script import SCRIPT
from tests.demo.stage import WorldStage
from tests.world.world import World

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]


def shortened(script: Script) -> Script:
    """Only the first and the last step, and nobody needs time to read."""
    steps = [script.analysis["steps"][0], script.analysis["steps"][-1]]
    return replace(script, analysis={**script.analysis, "steps": steps}, pause=1)


@pytest.fixture
def stage(installed: World, namespace: str, tmp_path: Path) -> Iterator[WorldStage]:
    host = f"{namespace}.example"
    with WorldStage(
        installed, tmp_path, lambda _: None, namespace=namespace, host=host, install=False
    ) as stage:
        yield stage
    path = f"/apis/canaryd.io/v1beta1/namespaces/{namespace}/canaries/podinfo"
    installed.api.delete(path)


def test_the_demo_ends_with_the_good_release_serving_and_the_bad_one_taken_back(
    stage: WorldStage,
) -> None:
    scenes: list[Scene] = []
    end = play(stage, shortened(SCRIPT), scenes.append)
    good, bad = end.endings
    assert end.as_hoped, (end, stage.account())
    assert "podinfo-v2 (podinfo:6.7.2) promoted" in good.sentence
    assert "podinfo-v1 (podinfo:6.7.3) rolled back from 10 %: failed check 2 of 2" in bad.sentence
    assert good.failed == 0, "nobody noticed the good release"
    assert 0 < bad.failed < bad.reached < bad.sent / 5, "few met the bad one"
    walked = [scene.sides for scene in scenes if scene.phase == "Progressing" and scene.act == 1]
    assert {side[1].asked for side in walked} >= {10, 100}
    last = scenes[-1]
    assert [(side.role, side.asked, side.observed) for side in last.sides] == [
        ("idle", 0, 0),
        ("serves", 100, 100),
    ]
    assert last.verdict
    assert last.verdict.text == bad.sentence
