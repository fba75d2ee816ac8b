"""Machines that register themselves: their proxies name a WorkloadGroup, and are called for as long as they are connected."""

import json

import pytest

from manifests import SLEEP, deployment, namespace
from mesh import until

pytestmark = pytest.mark.patient

OBJECTS = namespace("machines", "") + namespace("shop") + deployment("client", "shop", SLEEP) + """---
apiVersion: networking.istio.io/v1
kind: WorkloadGroup
metadata: {name: ledger, namespace: machines}
spec:
  metadata: {labels: {app: ledger}, annotations: {kept: by-hand}}
  template: {labels: {tier: old}, ports: {http: 8080}}
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: ledger, namespace: machines}
spec:
  hosts: [ledger.internal]
  addresses: [240.9.0.1]
  location: MESH_INTERNAL
  resolution: STATIC
  ports: [{number: 80, name: http, protocol: HTTP, targetPort: 8080}]
  workloadSelector: {labels: {app: ledger}}
"""

# Nothing is injected and nothing captured: the proxy is started as it is on a machine, by its environment alone.
MACHINE = """apiVersion: v1
kind: Pod
metadata: {name: machine, namespace: machines}
spec:
  terminationGracePeriodSeconds: 1
  containers:
  - {name: app, image: weft/echo, args: ["--port", "8080"]}
  - name: proxy
    image: weft/proxy
    args: ARGS
    env:
    - {name: POD_NAME, value: machine}
    - {name: POD_NAMESPACE, value: machines}
    - {name: INSTANCE_IP, valueFrom: {fieldRef: {fieldPath: status.podIP}}}
    - {name: CA_ADDR, value: "istiod.istio-system.svc:15012"}
    - {name: PROXY_CONFIG, value: "{}"}
    - {name: ISTIO_META_AUTO_REGISTER_GROUP, value: NAMED}
    - {name: ISTIO_METAJSON_LABELS, value: '{"made": "by-proxy"}'}
    volumeMounts:
    - {name: istio-token, mountPath: /var/run/secrets/tokens}
    - {name: istiod-ca-cert, mountPath: /var/run/secrets/istio}
    - {name: workload-socket, mountPath: /var/run/secrets/workload-spiffe-uds}
  volumes:
  - {name: istio-token, projected: {sources: [{serviceAccountToken: {audience: istio-ca, expirationSeconds: 43200, path: istio-token}}]}}
  - {name: istiod-ca-cert, configMap: {name: istio-ca-root-cert}}
  - {name: workload-socket, emptyDir: {}}
"""


def entries(mesh):
    return mesh.get("workloadentries", "-n", "machines")["items"]


def status(mesh):
    curl = ["curl", "-s", "-m", "5", "-o", "/dev/null", "-w", "%{http_code}", "http://240.9.0.1/"]
    return mesh.kubectl("exec", "-n", "shop", "deploy/client", "--", *curl).strip()


def test_a_machine_is_called_while_its_proxy_is_connected(plane, mesh_of):
    mesh = mesh_of(OBJECTS)
    machine = MACHINE.replace("ARGS", '["agent", "sidecar"]' if plane == "envoy" else '["sidecar"]')
    assert entries(mesh) == []
    mesh.kubectl("apply", "-f", "-", stdin=machine.replace("NAMED", "nobody"))
    log = mesh.state / "log/control-plane.log"
    until("the missing group is told of", lambda: "no WorkloadGroup machines/nobody" in log.read_text())
    assert entries(mesh) == []
    mesh.kubectl("delete", "pod", "-n", "machines", "machine")
    mesh.kubectl("apply", "-f", "-", stdin=machine.replace("NAMED", "ledger"))
    entry = until("the machine has registered", lambda: entries(mesh))[0]
    address = mesh.get("pod", "-n", "machines", "machine")["status"]["podIP"]
    assert entry["metadata"]["name"] == f"ledger-{address}"
    assert entry["spec"] == {"address": address, "ports": {"http": 8080},
                             "labels": {"app": "ledger", "tier": "old", "made": "by-proxy"}}, json.dumps(entry)
    annotations = entry["metadata"]["annotations"]
    assert (annotations["istio.io/autoRegistrationGroup"], annotations["kept"]) == ("ledger", "by-hand")
    assert "istio.io/connectedAt" in annotations and "istio.io/workloadController" in annotations
    until("the machine is called", lambda: status(mesh) == "200")
    mesh.kubectl("delete", "pod", "-n", "machines", "machine")
    gone = until("the end of the connection is noted", lambda: [
        e for e in entries(mesh) if "istio.io/disconnectedAt" in e["metadata"]["annotations"]])[0]
    assert "istio.io/connectedAt" not in gone["metadata"]["annotations"]
    until("the entry is gone", lambda: entries(mesh) == [])
    until("nobody is called", lambda: status(mesh) == "503")
