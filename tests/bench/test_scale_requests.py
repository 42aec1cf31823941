"""What a line of the audit log counts as, and what of it belongs to a tick of a step."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from bench.scale.requests import Sent, advancing, named, sent, work, writes
from tests.bench.made import EVENT, STATUS, WEIGHT, released


def line(verb: str, resource: str = "", *, code: int = 200, **given: Any) -> dict[str, Any]:
    about = {"resource": resource, "namespace": "crowd-0", "name": "app00001", **given}
    return {
        "verb": verb,
        "stage": "ResponseComplete",
        "stageTimestamp": "2026-11-21T20:39:03.250000Z",
        "objectRef": {name: value for name, value in about.items() if value},
        "responseStatus": {"code": code},
    }


@pytest.mark.parametrize(
    ("event", "name"),
    [
        (line("patch", "virtualservices"), WEIGHT),
        (line("patch", "canaries", subresource="status"), STATUS),
        (line("create", "events", code=201), EVENT),
        (line("patch", "virtualservices", code=409), "patch virtualservices 409"),
        (line("patch", "canaries", subresource="status", code=429), f"{STATUS} 429"),
        (line("get") | {"objectRef": None}, "get -"),
        (line("list", "services") | {"responseStatus": None}, "list services"),
        (line("watch", "pods"), ""),
        (line("watch", "pods") | {"stage": "ResponseStarted"}, "watch pods"),
        (line("patch", "canaries") | {"stage": "RequestReceived"}, ""),
    ],
)
def test_a_line_of_the_audit_log_counts_once_by_verb_resource_and_refusal(
    event: dict[str, Any], name: str
) -> None:
    assert named(event) == name


def test_a_request_belongs_to_the_canary_that_it_is_named_after() -> None:
    at = 1795293543.25
    assert sent(STATUS, line("patch", "canaries")) == Sent(at, STATUS, "crowd-0/app00001")
    event = line("create", "events", name="app00001.de9e7ad9-18")
    assert sent(EVENT, event) == Sent(at, EVENT, "crowd-0/app00001")
    nobody = line("list", "services", namespace="", name="")
    assert sent("list services", nobody).of == "/"


def test_the_lease_and_watches_are_no_work_but_lists_and_refusals_are() -> None:
    counts = Counter(
        {
            "update leases": 12,
            "get leases": 1,
            "watch services": 3,
            "list services": 1,
            STATUS: 8,
            f"{STATUS} 409": 1,
            WEIGHT: 0,
        }
    )
    assert work(counts) == {"list services": 1, STATUS: 8, f"{STATUS} 409": 1}
    assert writes(counts) == 9


def test_a_tick_of_a_step_is_what_lies_between_two_weights() -> None:
    found, ticks = advancing(released("a/one", at=100))
    assert ticks == 4
    assert found == {WEIGHT: 4, STATUS: 4, EVENT: 4}


def test_what_one_canary_is_asked_before_and_after_its_steps_is_not_of_anothers_ticks() -> None:
    early, late = released("a/one", at=100), released("a/two", at=125)
    found, ticks = advancing(sorted([*early, *late]))
    assert ticks == 8
    assert found == {WEIGHT: 8, STATUS: 8, EVENT: 8}


def test_each_release_of_a_canary_has_its_own_ticks() -> None:
    found, ticks = advancing([*released("a/one", at=100), *released("a/one", at=300)])
    assert ticks == 8
    assert found[STATUS] == 8


def test_a_canary_that_was_taken_back_is_left_out_with_all_that_is_of_it() -> None:
    bad = [Sent(at, WEIGHT, "a/bad") for at in (1.0, 2.0, 3.0)]
    found, ticks = advancing([*bad, *released("a/one", at=100)])
    assert ticks == 4
    assert found[WEIGHT] == 4


def test_two_releases_that_were_taken_back_are_not_one_that_went_up() -> None:
    twice = [Sent(at, WEIGHT, "a/bad") for at in (1.0, 11.0, 21.0, 601.0, 611.0, 621.0)]
    found, ticks = advancing([*twice, *released("a/one", at=100)], {"a/bad"})
    assert ticks == 4
    assert found[WEIGHT] == 4


def test_what_is_of_a_canary_outside_its_steps_only_is_named_and_what_is_of_none_is_not() -> None:
    besides = [
        Sent(90.0, "get canaries", "a/one"),
        Sent(120.0, "list services", "/"),
        Sent(120.0, "list services", "a/"),
        Sent(120.0, "update leases", "canaryd/canaryd"),
    ]
    found, _ = advancing([*released("a/one", at=100), *besides])
    assert dict(found) == {WEIGHT: 4, STATUS: 4, EVENT: 4, "get canaries": 0}


def test_what_is_asked_again_within_a_step_makes_its_tick_dearer() -> None:
    again = [Sent(115.0, f"{STATUS} 409", "a/one"), Sent(116.0, STATUS, "a/one")]
    found, ticks = advancing([*released("a/one", at=100), *again])
    assert ticks == 4
    assert found == {WEIGHT: 4, STATUS: 5, EVENT: 4, f"{STATUS} 409": 1}
