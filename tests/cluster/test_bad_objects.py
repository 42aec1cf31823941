"""What `kubectl apply` says of bad objects: a sentence of the API server that names the field."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from canaryd.wire.status import parse_status, render_status
from tests.wire.bad_objects import BAD_OBJECTS, Bad
from tests.wire.good_objects import GOOD_OBJECTS
from tests.wire.objects import canary, request
from tests.wire.statuses import FULL, bits
from tests.world.world import World

pytestmark = pytest.mark.cluster

COUNTED = {"evidence", "background"}
ANN = ("--as", "ann@example.com", "--as-group", "system:masters")
"""Who asks in the examples; once canaryd is installed, nobody asks in another's name."""
CRDS = Path(__file__).parents[2] / "crds"


@pytest.fixture(scope="module")
def crds(world: World) -> World:
    """A world that knows our kinds."""
    world.kubectl("apply", "--server-side", "--force-conflicts", "-k", str(CRDS))
    world.kubectl("wait", "--for=condition=established", "--all", "crd", "--timeout=60s")
    return world


@pytest.mark.parametrize("bad", BAD_OBJECTS, ids=[bad.id for bad in BAD_OBJECTS])
def test_kubectl_apply_refuses_it_naming_the_field(crds: World, bad: Bad) -> None:
    said = crds.kubectl_fails("apply", "-f", "-", stdin=text(bad.object))

    assert bad.field in said
    assert "validation" not in said.splitlines()[0]


@pytest.mark.parametrize(
    "good", GOOD_OBJECTS, ids=[good["metadata"]["name"] for good in GOOD_OBJECTS]
)
def test_kubectl_apply_accepts_it(crds: World, namespace: str, good: dict[str, Any]) -> None:
    crds.kubectl(*ANN, "-n", namespace, "apply", "-f", "-", stdin=text(good))


def test_a_request_cannot_be_changed(crds: World, namespace: str) -> None:
    crds.kubectl(*ANN, "-n", namespace, "apply", "-f", "-", stdin=text(request("approve")))
    said = crds.kubectl_fails(
        *("-n", namespace, "patch", "canaryrequest", "approve"),
        *("--type=merge", "-p", '{"spec": {"by": "bob@example.com"}}'),
    )

    assert "spec cannot be changed: create another CanaryRequest" in said


def test_a_status_survives_the_api_server(crds: World, namespace: str) -> None:
    crds.kubectl("-n", namespace, "apply", "-f", "-", stdin=text(canary("podinfo")))
    patch = text({"status": render_status(FULL)})
    crds.kubectl(
        *("-n", namespace, "patch", "canary", "podinfo"),
        *("--subresource=status", "--type=merge", "-p", patch),
    )
    status = crds.get("canaries", namespace, "podinfo")["status"]

    assert parse_status(orjson.dumps(status)) == FULL
    assert bits(parse_status(orjson.dumps(status)).evidence) == bits(FULL.evidence)
    written = render_status(FULL)
    # The API server writes great numbers with all their digits.
    assert {name: status[name] for name in status if name not in COUNTED} == {
        name: written[name] for name in written if name not in COUNTED
    }
    columns = crds.kubectl("-n", namespace, "get", "cn", "podinfo", "-o", "wide").splitlines()
    assert columns[0].split() == [
        *("NAME", "PHASE", "WEIGHT", "STEP", "HOLD", "REVISION", "FAILED", "IMAGE", "SINCE", "AGE")
    ]
    assert columns[1].split()[1:7] == ["Progressing", "20", "3/5", "ApprovalNeeded", "7f9c", "1"]


def text(document: object) -> str:
    return orjson.dumps(document).decode()
