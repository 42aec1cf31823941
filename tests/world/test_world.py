"""The world does what tests on real parts rely on: traffic, metrics, readiness, parts, accounts."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from itertools import count

import pytest

from tests.world.api import Api, ApiError, path_of
from tests.world.load import Answer
from tests.world.world import World

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(180)]
APEX = "podinfo.{}.svc.cluster.local"
# Two-sided 1 - 10^-6 of a normal distribution: one false alarm in a million runs.
SIGMAS = 4.9
_numbers = count(1)


def allowed(requests: int, share: float) -> range:
    """The counts that a fair split gives, but for one run in a million."""
    spread = SIGMAS * math.sqrt(requests * share * (1 - share)) + 1
    return range(math.floor(requests * share - spread), math.ceil(requests * share + spread) + 1)


@pytest.fixture
def host(world: World, namespace: str) -> str:
    """The podinfo case for one test, under a host of its own."""
    name = f"podinfo-{next(_numbers)}.example"
    world.podinfo(namespace, host=name)
    return name


def set_weights(world: World, namespace: str, host: str, first: int, second: int) -> None:
    path = path_of("virtualservices", namespace, "podinfo")
    route = world.api.get(path)["spec"]["http"][0]["route"]
    changes = [
        {"op": "replace", "path": f"/spec/http/0/route/{place}/weight", "value": weight}
        for place, weight in enumerate((first, second))
    ]
    assert [one["destination"]["subset"] for one in route] == ["v1", "v2"]
    world.api.patch(path, changes, "json")
    world.wait_weights({"v1": first, "v2": second}, host=host)


def wait_for_value(world: World, query: str, good: Callable[[float], bool]) -> None:
    world.wait_for(lambda: good(world.prometheus_query(query)[0].value), query)


def test_a_thousand_requests_are_split_90_to_10(world: World, host: str) -> None:
    counts = world.send(1000, host=host)
    assert counts.total() == 1000
    assert counts.failures == 0
    assert counts.of("podinfo-v2") in allowed(1000, 0.1)
    assert counts.of_image(":6.7.0") == counts.of("podinfo-v2")


def test_changed_weights_are_what_envoy_says_and_does(
    world: World, namespace: str, host: str
) -> None:
    set_weights(world, namespace, host, 50, 50)
    assert world.send(1000, host=host).of("podinfo-v2") in allowed(1000, 0.5)
    set_weights(world, namespace, host, 100, 0)
    assert world.send(300, host=host).of("podinfo-v1") == 300
    set_weights(world, namespace, host, 0, 100)
    assert world.send(300, host=host).of("podinfo-v2") == 300


def test_a_route_with_one_destination_reads_as_100(world: World, namespace: str, host: str) -> None:
    path = path_of("virtualservices", namespace, "podinfo")
    route = world.api.get(path)["spec"]["http"][0]
    by_header = {
        "name": "forced",
        "match": [{"headers": {"x-canary": {"exact": "true"}}}],
        "route": [{"destination": route["route"][1]["destination"]}],
    }
    world.api.patch(path, {"spec": {"http": [by_header, route]}})
    world.wait_weights({"v1": 0, "v2": 100}, host=host, route="forced")
    assert world.envoy_weights(host) == {"v1": 90, "v2": 10}
    assert world.send(100, host=host, headers={"x-canary": "true"}).of("podinfo-v2") == 100


def test_errors_and_delays_of_a_pod_are_seen_by_callers_and_in_prometheus(
    world: World, namespace: str, host: str
) -> None:
    set_weights(world, namespace, host, 50, 50)
    before = world.get("deployments", namespace, "podinfo-v2")["metadata"]["generation"]
    world.behave(namespace, "podinfo-v2", error_rate=0.5, delay_ms=40)
    of_it = f'destination_workload="podinfo-v2",destination_workload_namespace="{namespace}"'
    errors = f'sum(rate(istio_requests_total{{{of_it},reporter="%s",response_code="500"}}[10s]))'
    bucket = f'istio_request_duration_milliseconds_bucket{{{of_it},reporter="destination"}}'
    p99 = f"histogram_quantile(0.99, sum(rate({bucket}[10s])) by (le))"

    with world.load(rate=100, host=host) as load:
        for reporter in ("destination", "source"):
            wait_for_value(world, errors % reporter, lambda value: value > 0)
        wait_for_value(world, p99, lambda value: 25 < value <= 50)
        world.wait_for(lambda: load.last("podinfo-v2"), "an answer of podinfo-v2")
        slow = load.last("podinfo-v2")
        assert slow is not None
        assert slow.answered - slow.sent >= 0.04

    image = "ghcr.io/stefanprodan/podinfo:6.7.0"
    assert load.counts[Answer("podinfo-v2", image, "500")] > 0
    assert load.counts.failures == load.counts[Answer("podinfo-v2", image, "500")]
    after = world.get("deployments", namespace, "podinfo-v2")["metadata"]["generation"]
    assert after == before


def test_both_reporters_count_every_request(world: World, namespace: str, host: str) -> None:
    world.send(500, host=host)
    for reporter in ("source", "destination"):
        about = f'destination_workload_namespace="{namespace}",reporter="{reporter}"'
        query = f"sum(istio_requests_total{{{about}}})"
        wait_for_value(world, query, lambda value: value == 500)


def test_an_unready_pod_gets_no_requests_until_it_is_ready_again(
    world: World, namespace: str, host: str
) -> None:
    apex = APEX.format(namespace)
    (pod,) = world.pods(namespace, "podinfo-v2")
    assert world.endpoints(apex, "v2") == {pod["status"]["podIP"]}
    world.pod_unready(namespace, pod["metadata"]["name"])
    world.wait_for(lambda: not world.endpoints(apex, "v2"), "Envoy to lose the pod")
    deployment = world.get("deployments", namespace, "podinfo-v2")
    assert deployment["status"].get("readyReplicas", 0) == 0
    assert world.send(200, host=host).of("podinfo-v2") == 0

    world.pod_ready(namespace, pod["metadata"]["name"])
    world.wait_for(lambda: world.endpoints(apex, "v2"), "Envoy to have the pod again")
    world.wait_available(namespace, "podinfo-v2")


def test_a_push_replaces_the_pods_without_a_failed_request(
    world: World, namespace: str, host: str
) -> None:
    with world.load(rate=200, host=host) as load:
        world.set_image(namespace, "podinfo-v1", "ghcr.io/stefanprodan/podinfo:6.8.0")
        world.wait_available(namespace, "podinfo-v1")
        world.wait_for(lambda: load.counts.of_image(":6.8.0"), "answers of the new image")
        world.wait_for(lambda: len(world.pods(namespace)) == 2, "the old pod to be gone")
    assert load.counts.failures == 0


def test_a_broken_image_never_gets_ready(world: World, namespace: str, host: str) -> None:
    world.set_image(namespace, "podinfo-v2", "ghcr.io/stefanprodan/podinfo:broken")
    # maxUnavailable of one replica is 0: the old pod stays.
    world.wait_for(lambda: len(world.pods(namespace, "podinfo-v2")) == 2, "a second pod")
    world.send(200, host=host)
    ready = world.get("deployments", namespace, "podinfo-v2")["status"]["readyReplicas"]
    assert ready == 1
    assert world.send(100, host=host).of_image(":broken") == 0


def test_the_split_stays_while_the_api_server_is_down_and_works_again_behind_it(
    world: World, namespace: str, host: str
) -> None:
    world.parts["apiserver"].stop()
    with pytest.raises(OSError, match="refused"):
        world.api.get("/readyz")
    assert world.send(200, host=host).failures == 0
    world.parts["apiserver"].start()
    set_weights(world, namespace, host, 30, 70)


def test_a_suspended_prometheus_answers_when_it_is_resumed(world: World) -> None:
    world.parts["prometheus"].suspend()
    try:
        with pytest.raises(TimeoutError):
            world.prometheus_query("vector(1)")
    finally:
        world.parts["prometheus"].resume()
    world.wait_for(lambda: world.prometheus_query("vector(1)")[0].value == 1, "an answer")


def test_a_part_that_dies_is_told_with_its_log(world: World) -> None:
    os.kill(world.parts["prometheus"].pid, signal.SIGKILL)
    with pytest.raises(Exception, match="prometheus ended by itself with -9"):
        world.wait_for(lambda: False, "nothing")
    world.parts["prometheus"].start()


def test_kubectl_fails_with_the_words_of_the_api_server(world: World, namespace: str) -> None:
    said = world.kubectl_fails("-n", namespace, "get", "pod", "nobody")
    assert 'pods "nobody" not found' in said


def test_an_account_may_only_do_what_its_role_says(world: World, namespace: str) -> None:
    world.kubectl("-n", namespace, "create", "serviceaccount", "robot")
    world.kubectl("-n", namespace, "create", "role", "r", "--verb=list", "--resource=pods")
    binding = ("--role=r", f"--serviceaccount={namespace}:robot")
    world.kubectl("-n", namespace, "create", "rolebinding", "r", *binding)
    robot = world.service_account_kubeconfig(namespace, "robot")
    world.kubectl("get", "pods", kubeconfig=robot)
    said = world.kubectl_fails("get", "services", kubeconfig=robot)
    assert f"system:serviceaccount:{namespace}:robot" in said


IN_POD = """
import json, os, ssl, urllib.request
folder = "/var/run/secrets/kubernetes.io/serviceaccount"
where = "https://{KUBERNETES_SERVICE_HOST}:{KUBERNETES_SERVICE_PORT}".format(**os.environ)
path = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
asked = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
request = urllib.request.Request(
    where + path,
    data=json.dumps(asked).encode(),
    headers={
        "Authorization": "Bearer " + open(folder + "/token").read(),
        "Content-Type": "application/json",
        "User-Agent": "in-pod/1",
    },
)
tls = ssl.create_default_context(cafile=folder + "/ca.crt")
print(json.load(urllib.request.urlopen(request, context=tls))["status"]["userInfo"]["username"])
print(open(folder + "/namespace").read())
"""


def test_a_program_finds_its_account_as_in_a_pod_and_the_audit_log_names_it(
    world: World, namespace: str
) -> None:
    mark = world.audit_mark()
    account = world.service_account(namespace, "default")
    said = subprocess.run(
        account.in_pod(sys.executable, "-c", IN_POD),
        env=os.environ | dict(account.environment),
        text=True,
        stdout=subprocess.PIPE,
        check=True,
    ).stdout
    name = f"system:serviceaccount:{namespace}:default"
    assert said.split() == [name, namespace]
    (event,) = world.audit("in-pod/", since=mark)
    assert (event.verb, event.resource, event.user) == ("create", "selfsubjectreviews", name)
    assert event.code == 201


def test_a_missing_permission_is_refused_with_403(world: World, namespace: str) -> None:
    account = world.service_account(namespace, "default")
    api = Api(world.api_url, token=account.token, ca=account.ca_file)
    try:
        with pytest.raises(ApiError, match="403"):
            api.list(path_of("pods", namespace))
    finally:
        api.close()
    assert json.loads(account.kubeconfig.read_text())["contexts"][0]["context"]["namespace"]
