"""Templates of queries: read, refused with a sentence, and told whether they can be used."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from msgspec import Raw

from canaryd.model.gates import MetricsServer
from canaryd.model.names import Key
from canaryd.model.query import own_variables, render
from canaryd.model.template import QueryTemplate, TemplateKind, TemplateRef
from canaryd.wire.template import parse_template, render_acceptance
from canaryd.wire.watch import Meta, TemplateObject
from tests.wire.bad_objects import BAD_OBJECTS, Bad
from tests.wire.objects import GONE, TEMPLATE, changed, cluster_template

NOW = datetime(2026, 11, 21, 4, 10, tzinfo=UTC)
LATER = NOW + timedelta(minutes=1)
BAD_TEMPLATES = [bad for bad in BAD_OBJECTS if bad.object["kind"].endswith("AnalysisTemplate")]


def watched(spec: object, namespace: str = "monitoring", **changes: Any) -> TemplateObject:
    metadata = Meta(
        name="queue-depth", namespace=namespace, generation=changes.get("generation", 1)
    )
    status = changes.get("status") or {}
    return TemplateObject(metadata, Raw(orjson.dumps(spec)), Raw(orjson.dumps(status)))


def test_a_template_is_read() -> None:
    ref = TemplateRef(TemplateKind.NAMESPACED, "monitoring", "queue-depth")

    assert parse_template(watched(TEMPLATE), ref.kind) == QueryTemplate(
        ref=ref,
        query=TEMPLATE["query"],
        unit="messages",
        description="Messages waiting in the canary's queue",
        arguments={"queue": None, "vhost": "/"},
        server=MetricsServer("http://prometheus:9090", Key("monitoring", "prometheus-login")),
    )


def test_a_cluster_template_names_the_namespace_of_its_login() -> None:
    spec = cluster_template("x", provider__secretRef__namespace="vault")["spec"]
    found = parse_template(watched(spec, namespace=""), TemplateKind.CLUSTER)

    assert found.ref == TemplateRef(TemplateKind.CLUSTER, "", "queue-depth")
    assert found.server is not None
    assert found.server.secret == Key("vault", "prometheus-login")


def test_a_template_without_a_provider_asks_whom_the_canary_asks() -> None:
    spec = changed(TEMPLATE, provider=GONE)

    assert parse_template(watched(spec), TemplateKind.NAMESPACED).server is None


@pytest.mark.parametrize("bad", BAD_TEMPLATES, ids=[bad.id for bad in BAD_TEMPLATES])
def test_a_template_that_cannot_be_used_says_why(bad: Bad) -> None:
    with pytest.raises(ValueError, match="spec") as refused:
        parse_template(watched(bad.object["spec"]), TemplateKind(bad.object["kind"]))
    assert bad.field in str(refused.value)


@pytest.mark.parametrize("raw", [b"", b"{", b"null", b"7", b"\xff"])
def test_an_unreadable_template_is_refused_and_nothing_else(raw: bytes) -> None:
    obj = TemplateObject(Meta(name="a", namespace="b"), Raw(raw))

    with pytest.raises(ValueError, match="spec"):
        parse_template(obj, TemplateKind.NAMESPACED)


def test_a_querys_own_variables_are_found_and_filled_in() -> None:
    query = 'x{a="{{variables.queue}}", b="{{ variables.vhost }}", c="{{ name }}"}'

    assert own_variables(query) == {"queue", "vhost"}
    values = {"variables.queue": 'o"r', "variables.vhost": "/", "name": "n"}
    assert render(query, values) == 'x{a="o\\x22r", b="/", c="n"}'


def test_a_template_that_can_be_used_is_accepted_once() -> None:
    obj = watched(TEMPLATE)
    status = render_acceptance(obj, None, NOW)

    assert status == {
        "observedGeneration": 1,
        "conditions": [
            {
                "type": "Accepted",
                "status": "True",
                "reason": "Usable",
                "message": "Canaries can use it.",
                "lastTransitionTime": "2026-11-21T04:10:00.000000Z",
                "observedGeneration": 1,
            }
        ],
    }
    assert render_acceptance(watched(TEMPLATE, status=status), None, LATER) is None


def test_a_template_that_became_unusable_says_since_when_and_why() -> None:
    before = render_acceptance(watched(TEMPLATE), None, NOW)
    after = render_acceptance(watched({}, status=before, generation=2), "spec.query …", LATER)

    assert after is not None
    (condition,) = after["conditions"]
    assert (condition["status"], condition["message"]) == ("False", "spec.query …")
    assert condition["lastTransitionTime"] == "2026-11-21T04:11:00.000000Z"
    still = render_acceptance(
        watched({}, status=after, generation=3), "other", LATER + timedelta(1)
    )
    assert still is not None
    assert still["conditions"][0]["lastTransitionTime"] == condition["lastTransitionTime"]
    assert still["observedGeneration"] == 3


@pytest.mark.parametrize("status", [7, [], {"conditions": "x"}])
def test_a_status_that_somebody_else_broke_is_written_anew(status: object) -> None:
    assert render_acceptance(watched(TEMPLATE, status=status), None, NOW) is not None
