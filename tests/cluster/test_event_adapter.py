"""A real API server takes the Event of a notice, once, and kubectl shows it at the Canary."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from canaryd.adapters.providers.events import event
from canaryd.model.names import Key
from canaryd.model.spec import Severity
from tests.adapters.fakes import UID, notice
from tests.world.api import ApiError, path_of
from tests.world.world import World

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(180)]


@pytest.mark.parametrize("severity", Severity)
@pytest.mark.parametrize("sentence", ["short", "ü" * 3000])
def test_the_event_of_a_notice_is_taken_once(
    world: World, namespace: str, sentence: str, severity: Severity
) -> None:
    told = replace(notice(), sentence=sentence, severity=severity)
    body = event(told, key=Key(namespace, "podinfo"), uid=UID, identity="canaryd-0")
    world.api.post(path_of("events", namespace), body)
    with pytest.raises(ApiError) as caught:
        world.api.post(path_of("events", namespace), body)
    assert caught.value.status == 409
    of_canary = ("--field-selector", "involvedObject.kind=Canary,involvedObject.name=podinfo")
    shown = json.loads(world.kubectl("-n", namespace, "get", "events", *of_canary, "-o", "json"))
    assert [one["reason"] for one in shown["items"]] == ["RolledBack"]
