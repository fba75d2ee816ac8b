"""What users read of their objects: conditions and Events, with the real kubectl."""

import os
import signal

import pytest
import yaml

from mesh import Mesh, started, until

pytestmark = pytest.mark.patient

NAMESPACE = "payments"


@pytest.fixture(scope="module")
def shop():
    """A mesh of its own, because these tests write objects that do not act."""
    with started(Mesh()) as mesh:
        yield mesh


def virtual_service(name, host="payment-service", to="payment-service", extra=()):
    routes = [{"route": [{"destination": {"host": to}}]}, *extra]
    return {
        "apiVersion": "networking.istio.io/v1", "kind": "VirtualService",
        "metadata": {"name": name, "namespace": NAMESPACE}, "spec": {"hosts": [host], "http": routes},
    }


def apply(mesh, *objects):
    return mesh.apply_text(yaml.safe_dump_all(objects))


def conditions(mesh, *what):
    status = mesh.get("-n", NAMESPACE, *what).get("status", {})
    return {c["type"]: c for c in status.get("conditions", [])}


def condition(mesh, kind, *what):
    found = conditions(mesh, *what).get(kind)
    return found and (found["status"], found["reason"])


def events(mesh, name, reason=None):
    selector = f"involvedObject.name={name}" + (f",reason={reason}" if reason else "")
    return mesh.get("-n", NAMESPACE, "events", "--field-selector", selector)["items"]


def test_describe_shows_conditions_and_events(shop):
    apply(shop, virtual_service("told"))
    shop.programmed("virtualservice/told", NAMESPACE)
    until("the event is there", lambda: events(shop, "told", "Programmed"))
    text = shop.kubectl("describe", "-n", NAMESPACE, "virtualservice", "told")
    assert "Conditions:" in text and "Type:                  Programmed" in text, text
    tail = text[text.index("Events:"):]
    assert "Normal" in tail and "Programmed" in tail and "weft-control-plane" in tail, text
    assert "acknowledged by" in tail, text
    listed = shop.kubectl("get", "-n", NAMESPACE, "events")
    assert "virtualservice/told" in listed, listed
    assert "Programmed" in shop.kubectl("events", "-n", NAMESPACE, "--for", "virtualservice/told")


def test_the_same_sentence_is_counted(shop):
    """A change and its opposite, told by the same words, make one Event whose count rises."""
    def last():
        return max(events(shop, "counted", "Programmed"), key=lambda e: e["count"], default={"count": 0})

    for timeout in ("1s", "2s", "3s"):
        before = last()["count"]
        service = virtual_service("counted", host="counted.example.com")
        service["spec"]["http"][0]["timeout"] = timeout
        apply(shop, service)
        until("one more", lambda: last()["count"] > before)
    assert last()["count"] == 3 and len(events(shop, "counted", "Programmed")) == 1


def test_what_does_not_act_says_so_and_names_its_parts(shop):
    lost = [{"match": [{"uri": {"prefix": "/x"}}], "route": [{"destination": {"host": "nobody.nowhere"}}]}]
    whole = virtual_service("lost", host="lost.example.com", to="nobody.nowhere")
    part = virtual_service("partly", host="partly.example.com")
    part["spec"]["http"] = lost + part["spec"]["http"]
    apply(shop, whole, part)
    until("analyzed", lambda: condition(shop, "Effective", "virtualservice/lost") == ("False", "NoEffectBecause"))
    until("analyzed", lambda: condition(shop, "Effective", "virtualservice/partly") == ("True", "Partly"))
    assert "spec.http[0].route[0]" in conditions(shop, "virtualservice/partly")["Effective"]["message"]
    (event,) = until("told", lambda: events(shop, "lost", "NoEffect"))
    assert event["type"] == "Warning" and "nobody.nowhere" in event["message"]
    shop.programmed("virtualservice/partly", NAMESPACE)


def test_a_younger_rival_is_shadowed_and_the_older_is_not(shop):
    apply(shop, virtual_service("older", host="rival.payments.svc.cluster.local"))
    shop.programmed("virtualservice/older", NAMESPACE)
    until("a second later", lambda: shop.run("sleep", "1.1"))
    apply(shop, virtual_service("younger", host="rival"))
    until("shadowed", lambda: condition(shop, "Effective", "virtualservice/younger") == ("False", "ShadowedBy"))
    until("told", lambda: events(shop, "younger", "ShadowedBy"))
    assert condition(shop, "Effective", "virtualservice/older")[0] == "True"
    assert not events(shop, "older", "ShadowedBy")


GATEWAYS = """
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: other}
spec: {controllerName: example.com/controller}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: front, namespace: payments}
spec:
  gatewayClassName: istio
  listeners: [{name: web, port: 80, protocol: HTTP}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: theirs, namespace: payments}
spec:
  gatewayClassName: other
  listeners: [{name: web, port: 80, protocol: HTTP}]
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: front, namespace: payments}
spec:
  selector: {istio: ingressgateway}
  servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: [front.example.com]}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: front, namespace: payments}
spec:
  parentRefs: [{name: front}, {name: theirs}]
  rules: [{backendRefs: [{name: nobody, port: 80}]}]
"""


def test_the_gateway_api_is_told_in_its_own_words(shop):
    shop.apply_text(GATEWAYS)
    gateway = "gateways.gateway.networking.k8s.io/front"
    until("accepted", lambda: condition(shop, "Accepted", gateway) == ("True", "Accepted"))
    until("its proxy is ready", lambda: condition(shop, "Programmed", gateway) == ("True", "Programmed"))
    (listener,) = shop.get("-n", NAMESPACE, gateway)["status"]["listeners"]
    assert listener["attachedRoutes"] == 1
    route = shop.get("-n", NAMESPACE, "httproute/front")
    (parent,) = route["status"]["parents"]
    assert parent["controllerName"] == "istio.io/gateway-controller"
    said = {c["type"]: (c["status"], c["reason"]) for c in parent["conditions"]}
    assert said["Accepted"] == ("True", "Accepted") and said["ResolvedRefs"] == ("False", "BackendNotFound")
    assert conditions(shop, "gateways.gateway.networking.k8s.io/theirs") == {}
    # Istio's Gateway of the same name is another object, with conditions of its own.
    istio = "gateways.networking.istio.io/front"
    until("programmed", lambda: condition(shop, "Programmed", istio) == ("True", "Programmed"))


ROLLOUT = """
apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata: {name: roll, namespace: payments}
spec:
  selector: {matchLabels: {app: roll}}
  template:
    metadata: {labels: {app: roll}}
    spec: {containers: [{name: roll, image: weft/echo}]}
  strategy: {canary: {steps: [{setWeight: 20}]}}
"""


def test_a_rollout_that_another_controller_has_touched_is_left_alone(shop):
    shop.apply_text(ROLLOUT)
    until("told", lambda: events(shop, "roll", "NoEffect"))
    assert conditions(shop, "rollout/roll") == {}
    theirs = '{"status": {"phase": "Healthy", "conditions": [{"type": "Healthy", "status": "True"}]}}'
    shop.kubectl("patch", "-n", NAMESPACE, "rollout", "roll", "--subresource=status", "--type=merge", "-p", theirs)
    shop.kubectl("annotate", "-n", NAMESPACE, "rollout", "roll", "seen=yes")
    apply(shop, virtual_service("after", host="after.example.com"))
    shop.programmed("virtualservice/after", NAMESPACE)
    assert list(conditions(shop, "rollout/roll")) == ["Healthy"]


def test_events_are_served_in_both_groups_and_go_with_their_namespace(shop):
    shop.kubectl("create", "namespace", "brief")
    event = {
        "apiVersion": "events.k8s.io/v1", "kind": "Event", "metadata": {"name": "one", "namespace": "brief"},
        "regarding": {"kind": "Pod", "name": "p", "namespace": "brief"}, "note": "hello", "reason": "Said",
        "type": "Normal", "eventTime": "2026-01-01T00:00:00.000000Z", "action": "Say",
        "reportingController": "example.com/me", "reportingInstance": "me-1",
    }
    shop.apply_text(yaml.safe_dump(event))
    core = shop.get("-n", "brief", "events", "--field-selector", "involvedObject.name=p")["items"][0]
    assert (core["apiVersion"], core["message"]) == ("v1", "hello")
    newer = shop.get("-n", "brief", "events.events.k8s.io", "--field-selector", "regarding.name=p")["items"][0]
    assert (newer["apiVersion"], newer["note"]) == ("events.k8s.io/v1", "hello")
    assert newer["reportingController"] == "example.com/me"
    shop.kubectl("delete", "namespace", "brief", "--timeout=180s")
    assert shop.get("-n", "brief", "events")["items"] == []


def test_a_mesh_at_rest_writes_nothing_and_a_restart_tells_nothing_again(shop):
    apply(shop, virtual_service("resting", host="resting.example.com", to="nobody.nowhere"))
    until("told", lambda: events(shop, "resting", "NoEffect") and events(shop, "resting", "Programmed"))

    def written():
        """Everything that we tell, by its version; pods and leases go on."""
        kinds = "virtualservices,gateways.gateway.networking.k8s.io,httproutes,rollouts,destinationrules"
        found = shop.get("-A", kinds)["items"] + shop.get("-A", "events")["items"]
        ours = [i for i in found if i["kind"] != "Event" or i["source"].get("component") == "weft-control-plane"]
        return sorted((i["metadata"]["uid"], i["metadata"]["resourceVersion"]) for i in ours)

    def rests():
        before = written()
        shop.run("sleep", "3")
        return before == written() and before

    before = until("it rests", rests)
    os.kill(shop.control_plane_pid(), signal.SIGKILL)
    until("it is back", lambda: shop.run(shop.peers / "kubectl", "get", "ns", check=False).returncode == 0)
    apply(shop, virtual_service("back", host="back.example.com"))
    shop.programmed("virtualservice/back", NAMESPACE)
    until("told", lambda: events(shop, "back", "Programmed"))
    until("it rests", rests)
    assert set(before) <= set(written())
