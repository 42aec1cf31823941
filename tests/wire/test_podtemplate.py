"""Pod templates: their facts outlive their text, and odd ones have few facts instead of errors."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import msgspec
import pytest

from canaryd.wire.podtemplate import read_template
from canaryd.wire.watch import HASH_LABEL, OBJECTS, REPLICASETS, DeploymentObject
from canaryd.wire.workload import ReplicaSet, deployment, kept


def written(image: str = "app:1", **labels: str) -> dict[str, Any]:
    containers = [{"name": "app", "image": image, "env": [{"name": "A", "value": "b"}]}]
    return {"metadata": {"labels": {"app": "a", **labels}}, "spec": {"containers": containers}}


def read(content: object) -> Any:
    return read_template(msgspec.json.encode(content))


def test_a_deployment_and_its_replica_set_have_the_same_facts() -> None:
    own, made = read(written()), read(written(**{HASH_LABEL: "5d9c"}))
    assert own == made
    assert (dict(own.images), dict(own.labels)) == ({"app": "app:1"}, {"app": "a"})
    nulls = {"metadata": {**written()["metadata"], "creationTimestamp": None}}
    assert read({**written(), **nulls}) == own


def test_every_change_makes_another_template() -> None:
    env = written()
    env["spec"]["containers"][0]["env"][0]["value"] = "c"
    others = [env, written("app:2"), written(version="v2")]
    assert len({read(each).digest for each in [written(), *others]}) == 4


@pytest.mark.parametrize(
    ("content", "images", "labels"),
    [
        ({}, {}, {}),
        ([], {}, {}),
        (None, {}, {}),
        ({"metadata": "a", "spec": 7}, {}, {}),
        ({"metadata": {"labels": None}, "spec": {"containers": None}}, {}, {}),
        ({"metadata": {"labels": {"a": "b", "c": 1}}, "spec": None}, {}, {"a": "b"}),
        (
            {
                "spec": {
                    "containers": ["a", {"image": "x"}, {"name": "b"}, {"name": "c", "image": 1}]
                }
            },
            {"b": ""},
            {},
        ),
    ],
)
def test_of_an_odd_template_the_rest_is_read(
    content: object, images: dict[str, str], labels: dict[str, str]
) -> None:
    found = read(content)
    assert (dict(found.images), dict(found.labels)) == (images, labels)


@pytest.mark.parametrize("raw", [b"{", b'"\xff"', b"1e999", b"[" * 200_000])
def test_a_text_that_nobody_can_read_is_a_template_without_facts(raw: bytes) -> None:
    found = read_template(raw)
    assert (dict(found.images), dict(found.labels)) == ({}, {})
    assert found.digest != read({}).digest
    assert read_template(raw) == found


def test_an_object_with_a_template_that_nobody_can_read_is_there_all_the_same() -> None:
    raw = b'{"metadata":{"name":"a"},"spec":{"replicas":2,"template":{"spec":"\xff"}}}'
    found = deployment(msgspec.json.decode(raw, type=DeploymentObject))
    assert (found.replicas, dict(found.template.labels)) == (2, {})


def test_facts_that_nobody_needs_any_more_are_forgotten() -> None:
    found = read(written("app:forgotten"))
    known = weakref.ref(found)
    del found
    gc.collect()
    assert known() is None


def test_what_is_kept_of_a_replica_set_is_no_longer_for_a_longer_template() -> None:
    env = [{"name": "LONG", "value": "x" * 20_000}]
    template = {"spec": {"containers": [{"name": "app", "image": "app:1", "env": env}]}}
    raw = msgspec.json.encode({"metadata": {"name": "a"}, "spec": {"template": template}})
    found = kept(msgspec.json.decode(raw, type=OBJECTS[REPLICASETS]))
    assert isinstance(found, ReplicaSet)
    assert len(msgspec.json.encode(found, enc_hook=dict)) < 1000
