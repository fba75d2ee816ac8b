"""A hundred weight changes, policy changes and rolling updates while a thousand requests a second are served."""

import concurrent.futures
import itertools
import json
import os
import time

import pytest
from kubernetes import config, dynamic

from mesh import finish, report, until

# How many of each, and how many requests a second in all: from before the first event until all are over.
EVENTS = int(os.environ.get("WEFT_FLOW_EVENTS", "100"))
RATE = int(os.environ.get("WEFT_FLOW_RATE", "1000"))
# A load that nobody ended; the events of the slowest machine are over by then.
SECONDS = 900
# Deployments that are rolled side by side, and what of the load each of them gets.
ROLLED = [f"rolled-{n}" for n in range(8)]
SHARE = 0.05
NAMESPACE = "flow"

DEPLOYMENT = """
---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: {name}, namespace: flow, labels: {{part: {part}}}}}
spec:
  replicas: 1
  selector: {{matchLabels: {{app: {app}, version: {version}}}}}
  template:
    metadata: {{labels: {{app: {app}, version: {version}}}}}
    spec:
      containers:
      - name: echo
        image: weft/echo
        args: ["--port", "8080", "--version", "{version}"]
        ports: [{{containerPort: 8080}}]
        readinessProbe: {{httpGet: {{path: /, port: 8080}}, periodSeconds: 1}}
"""

SERVICE = """
---
apiVersion: v1
kind: Service
metadata: {{name: {name}, namespace: flow}}
spec:
  selector: {{app: {name}}}
  ports: [{{name: http, port: 80, targetPort: 8080}}]
"""

AROUND = """
apiVersion: v1
kind: Namespace
metadata: {name: flow, labels: {istio-injection: enabled}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: caller, namespace: flow}
spec:
  selector: {matchLabels: {app: caller}}
  template:
    metadata: {labels: {app: caller}}
    spec: {containers: [{name: caller, image: weft/sleep}]}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: front, namespace: flow}
spec:
  host: front
  subsets:
  - {name: v1, labels: {version: v1}}
  - {name: v2, labels: {version: v2}}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: front, namespace: flow}
spec:
  hosts: [front]
  http:
  - route:
    - {destination: {host: front, subset: v1}, weight: 50}
    - {destination: {host: front, subset: v2}, weight: 50}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: ruled, namespace: flow}
spec:
  hosts: [ruled]
  http:
  - {name: only, route: [{destination: {host: ruled}}]}
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: flow}
spec: {mtls: {mode: STRICT}}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: ruled, namespace: flow}
spec:
  selector: {matchLabels: {app: ruled}}
  rules: [{to: [{operation: {methods: [GET]}}]}]
"""


def manifests():
    """Everything of the mesh as one text."""
    text = AROUND + SERVICE.format(name="front") + SERVICE.format(name="ruled")
    for version in ("v1", "v2"):
        text += DEPLOYMENT.format(name=f"front-{version}", app="front", version=version, part="front")
    text += DEPLOYMENT.format(name="ruled", app="ruled", version="v1", part="ruled")
    for name in ROLLED:
        text += SERVICE.format(name=name) + DEPLOYMENT.format(name=name, app=name, version="v1", part="rolled")
    return text


class Changes:
    """Writes through Python's client of Kubernetes, and waits until the writing is said to be in force."""

    def __init__(self, mesh):
        api = config.new_client_from_config(str(mesh.state / "kubeconfig"))
        self.kinds = dynamic.DynamicClient(api)
        self.mesh = mesh

    def of(self, version, kind):
        return self.kinds.resources.get(api_version=version, kind=kind)

    def patch(self, version, kind, name, spec):
        """Merges `spec` into an object and returns once its newest content is `Programmed`."""
        resource = self.of(version, kind)
        written = resource.patch(name=name, namespace=NAMESPACE, body={"spec": spec},
                                 content_type="application/merge-patch+json")
        wanted, end = written.metadata.generation, time.monotonic() + 120
        while True:
            status = resource.get(name=name, namespace=NAMESPACE).to_dict().get("status") or {}
            told = [c for c in status.get("conditions", []) if c["type"] == "Programmed"]
            if any(c["status"] == "True" and c.get("observedGeneration", 0) >= wanted for c in told):
                return
            assert time.monotonic() < end, (kind, name, status)
            time.sleep(0.02)

    def settings(self, version, kind, name, text):
        """Writes the settings of the whole mesh and returns once no proxy has older ones."""
        settings = {"apiVersion": version, "kind": kind, "metadata": {"name": name, "namespace": "istio-system"}, "data": {"mesh": text}}
        self.mesh.apply_text(json.dumps(settings))
        until("every proxy has the settings", lambda: "STALE" not in self.mesh.weft("proxy-status", check=False).stdout)


def change_weights(changes):
    """Moves the traffic of one host to and fro."""
    for n in range(EVENTS):
        weight = (n * 37) % 101
        changes.patch("networking.istio.io/v1", "VirtualService", "front", {"http": [{"route": [
            {"destination": {"host": "front", "subset": "v1"}, "weight": 100 - weight},
            {"destination": {"host": "front", "subset": "v2"}, "weight": weight},
        ]}]})


def policies():
    """Ways to change what is allowed, how it is routed and in which order, how servers are reached, and what is logged, each with a new content."""
    for n in itertools.count():
        methods = ["GET", *(["POST"] if n % 2 else ["HEAD", "PUT"])]
        yield ("security.istio.io/v1", "AuthorizationPolicy", "ruled",
               {"rules": [{"to": [{"operation": {"methods": methods, "paths": ["/*", f"/only-{n}"]}}]}]})
        only = {"name": "only", "timeout": f"{10 + n}s", "route": [{"destination": {"host": "ruled"}}]}
        others = [{"name": name, "match": [{"uri": {"prefix": f"/{name}"}}], "route": [{"destination": {"host": "ruled"}}]}
                  for name in (f"other-{n}", f"more-{n - n % 2}")]
        yield ("networking.istio.io/v1", "VirtualService", "ruled",
               {"http": [*reversed(others), only] if n % 2 else [*others, only]})
        yield ("security.istio.io/v1", "PeerAuthentication", "default",
               {"mtls": {"mode": "STRICT" if n % 2 else "PERMISSIVE"}})
        yield ("networking.istio.io/v1", "DestinationRule", "front",
               {"trafficPolicy": {"loadBalancer": {"simple": "RANDOM" if n % 2 else "LEAST_REQUEST"},
                                  "outlierDetection": {"consecutive5xxErrors": 5 + n}}})
        yield ("v1", "ConfigMap", "istio", "" if n % 2 else "accessLogFile: /dev/stdout")


def change_policies(changes):
    for version, kind, name, spec in itertools.islice(policies(), EVENTS):
        if kind == "ConfigMap":
            changes.settings(version, kind, name, spec)
        else:
            changes.patch(version, kind, name, spec)


def roll(mesh):
    """Restarts deployments side by side, and waits for each, until enough were rolled."""
    left = EVENTS
    while left > 0:
        names = [f"deployment/{name}" for name in ROLLED[:left]]
        if left % 16 < 8:
            mesh.kubectl("rollout", "restart", "-n", NAMESPACE, *names)
        else:
            mesh.kubectl("set", "env", "-n", NAMESPACE, *names, f"LEFT={left}")
        for name in names:
            mesh.kubectl("rollout", "status", "-n", NAMESPACE, name, "--timeout=180s")
        left -= len(names)


def loads(mesh):
    """One generator for each host that something happens to; all of them together make the rate, until they are ended."""
    rest = (1 - SHARE * len(ROLLED)) / 2
    shares = {"front": rest, "ruled": rest, **{name: SHARE for name in ROLLED}}
    # A machine that stands still makes requests late, which is not what is judged here.
    patience = ("--timeout", "60s")
    return {name: mesh.load(NAMESPACE, "deploy/caller", f"http://{name}/", round(RATE * share), SECONDS, *patience)
            for name, share in shares.items()}


@pytest.fixture(scope="module")
def flow(mesh_of):
    return mesh_of(manifests())


def test_weights_policies_and_pods_change_under_load_without_a_failed_request(flow):
    running, began = loads(flow), time.monotonic()
    changes = Changes(flow)
    with concurrent.futures.ThreadPoolExecutor() as people:
        tasks = {"weight changes": people.submit(change_weights, changes),
                 "policy changes": people.submit(change_policies, changes),
                 "rolling updates": people.submit(roll, flow)}
        took = {}
        for what, task in tasks.items():
            task.add_done_callback(lambda _, what=what: took.setdefault(what, time.monotonic() - began))
        for task in tasks.values():
            task.result()
    early = [name for name, load in running.items() if load.poll() is not None]
    assert not early, f"the load of {early} was over before the events were"
    flow.end_loads()
    told = {name: finish(load, 10) for name, load in running.items()}
    requests = sum(result["requests"] for result in told.values())
    failed = {name: result for name, result in told.items() if result["failed"]}
    spent = ", ".join(f"{what} {seconds:.0f} s" for what, seconds in took.items())
    report(f"{flow.name}: {EVENTS} each of {spent}; {requests} requests at {RATE}/s, "
           f"{sum(result['failed'] for result in failed.values())} failed")
    if flow.dataplane == "weft":
        # Envoy's figure is told, not judged.
        assert not failed, json.dumps(failed)
