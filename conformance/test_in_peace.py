"""What stays open for long (a WebSocket, a gRPC stream, a TCP connection) outlives every change, and ends when it wants to."""

import contextlib
import json
import pathlib
import subprocess
import time

import pytest

from mesh import PEERS, report, until

pytestmark = pytest.mark.patient

APP = pathlib.Path(__file__).parent / "peace_app.py"
PORTS = [("http", 8080), ("grpc", 9000), ("tcp", 9001)]
# Longer than a proxy waits by itself (Istio's 5 s), shorter than the grace of the pods.
LONG = 9

# A connection of a listener that is taken away has two seconds: what a change does not touch does not notice.
SETTINGS = """apiVersion: install.istio.io/v1alpha1
kind: IstioOperator
metadata: {name: mesh, namespace: istio-system}
spec: {meshConfig: {defaultConfig: {drainDuration: DRAIN}}}
---
apiVersion: v1
kind: Namespace
metadata: {name: peace, labels: {istio-injection: enabled}}
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: door, namespace: peace}
spec: {selector: {istio: ingressgateway}, servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ["*"]}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: door, namespace: peace}
spec:
  hosts: ["*"]
  gateways: [door]
  http:
  - {match: [{headers: {content-type: {prefix: application/grpc}}}], route: [{destination: {host: native, port: {number: 9000}}}]}
  - {route: [{destination: {host: native, port: {number: 8080}}}]}
"""
WORKLOAD = """---
apiVersion: v1
kind: Service
metadata: {name: NAME, namespace: peace}
spec: {selector: {app: NAME}, ports: SERVED}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: NAME, namespace: peace}
spec:
  selector: {matchLabels: {app: NAME}}
  template:
    metadata: {labels: {app: NAME}, annotations: {sidecar.istio.io/nativeSidecar: "NATIVE"}}
    spec:
      terminationGracePeriodSeconds: 120
      containers: [{name: app, image: host/python, command: COMMAND, readinessProbe: {tcpSocket: {port: 9001}, periodSeconds: 1}}]
"""
# What is changed while they are open: policies, rules, the order of rules, how servers are reached, logs.
RULE = "{{name: {0}, match: [{{port: 8080, uri: {{prefix: /{0}}}}}], route: [{{destination: {{host: native, port: {{number: 8080}}}}}}]}}"
REST = ("{name: rpc, match: [{port: 9000}], route: [{destination: {host: native, port: {number: 9000}}}]}, "
        "{name: rest, route: [{destination: {host: native, port: {number: 8080}}}]}")
ROUTES = "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: native, namespace: peace}}\nspec: {{hosts: [native], http: [{}]}}"
CHANGES = [
    "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: some, namespace: peace}\n"
    "spec: {action: DENY, rules: [{to: [{operation: {ports: ['8080'], paths: [/forbidden]}}]}]}",
    "apiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: {name: default, namespace: peace}\nspec: {mtls: {mode: STRICT}}",
    ROUTES.format(", ".join([RULE.format("a"), RULE.format("b"), REST])),
    ROUTES.format(", ".join([RULE.format("b"), RULE.format("c"), RULE.format("a"), REST])),
    "apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: native, namespace: peace}\n"
    "spec: {host: native, trafficPolicy: {loadBalancer: {simple: RANDOM}, outlierDetection: {consecutive5xxErrors: 3}}}",
    "apiVersion: telemetry.istio.io/v1\nkind: Telemetry\nmetadata: {name: logs, namespace: peace}\n"
    "spec: {accessLogging: [{providers: [{name: envoy}]}]}",
    "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: istio, namespace: istio-system}\n"
    "data: {mesh: 'accessLogFile: /dev/stdout'}",
]


def manifests(plane):
    command = json.dumps([str(PEERS / "python"), str(APP), "serve"])
    served = json.dumps([{"name": name, "port": port} for name, port in PORTS])
    text = SETTINGS.replace("DRAIN", "2s" if plane == "weft" else "45s")
    for name, native in (("native", "true"), ("classic", "false"), ("client", "true")):
        words = WORKLOAD.replace("NAME", name).replace("SERVED", served).replace("NATIVE", native)
        text += words.replace("COMMAND", command)
    return text


@pytest.fixture(scope="module")
def calm(plane, mesh_of):
    return mesh_of(manifests(plane))


class Held:
    """Open connections of each kind; `told` says how far each has come, or why it ended."""

    def __init__(self, process):
        self.process = process

    def told(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def go_on(self):
        """Each is asked and answered now as well."""
        before = until("each has begun", lambda: all(told := self.told()) and told)
        assert all(isinstance(one, int) for one in before), before
        until("each goes on", lambda: self.came_on(before))

    def came_on(self, before):
        now = self.told()
        assert all(isinstance(one, int) for one in now), f"{before}, then {now}"
        return all(one > then + 5 for one, then in zip(now, before))

    def end(self):
        out, err = self.process.communicate(timeout=180)
        assert self.process.returncode == 0, err
        counts = json.loads(out.splitlines()[-1])
        assert all(isinstance(one, int) for one in counts), counts
        return counts


@contextlib.contextmanager
def holding(mesh, *command):
    process = subprocess.Popen([str(word) for word in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True, env=mesh.environment())
    try:
        yield Held(process)
    finally:
        process.kill()
        process.wait()


def inside(mesh, host):
    """Held open by a pod with a sidecar."""
    targets = [f"ws://{host}:8080/", f"{host}:9000", f"{host}:9001"]
    return holding(mesh, mesh.peers / "kubectl", "exec", "-i", "-n", "peace", "deploy/client", "-c", "app", "--",
                   PEERS / "python", APP, "hold", *targets)


def outside(mesh):
    """Held open by a program of the host, through the gateway."""
    return holding(mesh, PEERS / "python", APP, "hold", f"ws://127.0.0.1:{mesh.http}/", f"127.0.0.1:{mesh.http}")


def everywhere(mesh):
    return "STALE" not in mesh.weft("proxy-status", check=False).stdout


def replaced(mesh, namespace, name):
    """Rolls it; answers the names of the pods that are to end."""
    old = [pod["metadata"]["name"] for pod in mesh.get("pods", "-n", namespace, "-l", f"app={name}")["items"]]
    assert old, f"{name} has no pods"
    mesh.kubectl("rollout", "restart", "-n", namespace, f"deployment/{name}")
    mesh.kubectl("rollout", "status", "-n", namespace, f"deployment/{name}", "--timeout=180s")
    return old


def end_in_peace(mesh, held, old, namespace):
    """They go on where they are for long, and the old pods end soon after they did."""
    began = time.monotonic()
    until("they went on for long", lambda: held.go_on() or time.monotonic() - began > LONG, LONG + 30)
    still = [pod["metadata"]["name"] for pod in mesh.get("pods", "-n", namespace)["items"]]
    assert set(old) <= set(still), f"{old} ended below its connections: {still}"
    counts = held.end()
    ended = time.monotonic()
    gone = lambda: not set(old) & {pod["metadata"]["name"] for pod in mesh.get("pods", "-n", namespace)["items"]}
    # Half of the grace that they would have.
    until("the old pods end with their connections", gone, 60)
    return counts, time.monotonic() - ended


def test_changes_of_policies_rules_and_logs_cut_nothing(calm):
    with inside(calm, "native") as held, outside(calm) as through:
        for change in CHANGES:
            held.go_on()
            calm.apply_text(change)
            until("the change is everywhere", lambda: everywhere(calm))
        until("the new policy counts", lambda: calm.code("peace", "deploy/client", "http://native:8080/forbidden") == "403")
        for _ in range(3):
            held.go_on()
            through.go_on()
        report(f"in peace, {calm.dataplane}: {held.end()} + {through.end()} words through {len(CHANGES)} changes")


@pytest.mark.parametrize("server", ["native", "classic"])
def test_a_rolling_update_lets_what_is_open_end_in_peace(calm, server):
    with inside(calm, server) as held:
        held.go_on()
        counts, seconds = end_in_peace(calm, held, replaced(calm, "peace", server), "peace")
        report(f"in peace, {calm.dataplane}: {counts} words while {server} was replaced, which then ended in {seconds:.1f} s")


def test_a_rolling_update_of_a_gateway_lets_what_is_open_end_in_peace(calm):
    with outside(calm) as held:
        held.go_on()
        counts, seconds = end_in_peace(calm, held, replaced(calm, "istio-system", "istio-ingressgateway"), "istio-system")
        report(f"in peace, {calm.dataplane}: {counts} words while the gateway was replaced, which then ended in {seconds:.1f} s")
