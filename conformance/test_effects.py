"""Fields whose effect no answer shows: keep-alive of sockets, and the warm-up of a new pod. On both data planes."""

import re
import subprocess
import time
from collections import Counter

import pytest

from manifests import SLEEP, deployment, namespace, service
from mesh import report, until

pytestmark = pytest.mark.patient

WARM = 40
PODS = """---
apiVersion: apps/v1
kind: Deployment
metadata: {name: NAME-VERSION, namespace: effects}
spec:
  replicas: REPLICAS
  selector: {matchLabels: {app: NAME, version: VERSION}}
  template:
    metadata: {labels: {app: NAME, version: VERSION}}
    spec:
      containers: [{name: echo, image: weft/echo, args: [MODE"--port", "8080", "--version", VERSION], readinessProbe: {tcpSocket: {port: 8080}, periodSeconds: 1}}]
"""
RULE = """---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: NAME, namespace: effects}
spec: {host: NAME, trafficPolicy: POLICY}
"""
KEPT = "{connectionPool: {tcp: {tcpKeepalive: {probes: 3, time: 30s, interval: 10s}}}}"
WARMED = f"{{loadBalancer: {{simple: ROUND_ROBIN, warmup: {{duration: {WARM}s}}}}}}"


def fill(text, **words):
    for word, value in words.items():
        text = text.replace(word.upper(), value)
    return text


def manifests():
    text = namespace("effects") + deployment("caller", "effects", SLEEP)
    for name in ("kept", "usual"):
        text += service(name, "effects", "{name: tcp, port: 8080}") + fill(PODS, name=name, version="v1", replicas="1", mode='"--tcp", ')
    text += service("warm", "effects", "{name: http, port: 8080}")
    for version, replicas in (("v1", "1"), ("v2", "0")):
        text += fill(PODS, name="warm", version=version, replicas=replicas, mode="")
    return text + fill(RULE, name="kept", policy=KEPT) + fill(RULE, name="warm", policy=WARMED)


@pytest.fixture(scope="module")
def seen(mesh_of):
    return mesh_of(manifests())


HOLD = "import socket,sys; s=socket.create_connection(('{}', 8080)); s.sendall(b'x'); s.recv(1); print('held', flush=True); sys.stdin.read()"


def timers(mesh, name):
    """What the kernel says of the connections of the caller's proxy to that application's pod, while one is open."""
    (pod,) = mesh.get("pods", "-n", "effects", "-l", f"app={name}")["items"]
    held = subprocess.Popen([str(mesh.peers / "kubectl"), "exec", "-i", "-n", "effects", "deploy/caller", "--", "python3", "-c",
                             HOLD.format(name)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=mesh.environment())
    try:
        assert held.stdout.readline().strip() == "held"
        # The timer of what was just sent goes before that of keep-alive, until it was taken.
        own = lambda: [line for line in mesh.exec("effects", "deploy/caller", "ss", "-tnoH").stdout.splitlines()
                       if f"{pod['status']['podIP']}:8080" in line]
        return until("nothing is on its way", lambda: (found := own()) and not any("timer:(on" in line for line in found) and found)
    finally:
        held.communicate("")


def test_connections_are_kept_alive_as_often_as_is_said(seen):
    kept, usual = timers(seen, "kept"), timers(seen, "usual")
    left = [re.search(r"timer:\(keepalive,(\d+)(?:\.\d+)?sec,", line) for line in kept]
    assert all(found and int(found[1]) <= 30 for found in left), kept
    assert not any("keepalive," in line for line in usual), usual


def share(mesh):
    """What the new pod got of two hundred requests."""
    told = mesh.curl("effects", "deploy/caller", "http://warm:8080/[1-200]").stdout
    counts = Counter(re.findall(r'"version": ?"(v\d)"', told))
    assert sum(counts.values()) == 200, told[-500:]
    return counts["v2"] / 200


def test_a_new_pod_is_given_more_and_more(seen):
    # The first pod is warm by then.
    time.sleep(WARM)
    seen.kubectl("scale", "-n", "effects", "deployment/warm-v2", "--replicas=1")
    seen.kubectl("rollout", "status", "-n", "effects", "deployment/warm-v2", "--timeout=180s")
    until("the new pod is asked", lambda: "v2" in seen.curl("effects", "deploy/caller", "http://warm:8080/version").stdout)
    early = share(seen)
    time.sleep(WARM)
    late = share(seen)
    report(f"warm-up, {seen.dataplane}: {early:.2f} of the requests at first, {late:.2f} when warm")
    assert early < 0.42 < 0.45 < late < 0.55, (early, late)
