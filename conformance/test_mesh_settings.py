"""Settings of the whole mesh: an IstioOperator among the files of `weft up`, changes of it, and the ConfigMap behind it."""

import pytest

from mesh import Mesh, until

APPS = """apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {istio-injection: enabled}}
---
apiVersion: v1
kind: Service
metadata: {name: echo, namespace: shop}
spec:
  selector: {app: echo}
  ports: [{name: http, port: 8080}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: echo, namespace: shop}
spec:
  selector: {matchLabels: {app: echo}}
  template:
    metadata: {labels: {app: echo}}
    spec:
      containers: [{name: echo, image: weft/echo, args: ["--port", "8080"]}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: client, namespace: shop}
spec:
  selector: {matchLabels: {app: client}}
  template:
    metadata: {labels: {app: client}}
    spec:
      containers: [{name: client, image: weft/sleep}]
"""

OPERATOR = """apiVersion: install.istio.io/v1alpha1
kind: IstioOperator
spec:
  meshConfig:
    trustDomain: shop.example
    accessLogFile: /dev/stdout
    outboundTrafficPolicy: {mode: MODE}
    defaultConfig:
      concurrency: 1
      proxyMetadata: {OWN_SETTING: hello}
"""


@pytest.fixture(params=["weft", "envoy"])
def settled(request, tmp_path):
    (tmp_path / "apps.yaml").write_text(APPS)
    (tmp_path / "mesh.yaml").write_text(OPERATOR.replace("MODE", "REGISTRY_ONLY"))
    mesh = Mesh(request.param)
    mesh.up(tmp_path)
    yield mesh
    mesh.down()


def status(mesh, host):
    """What the client's proxy answers to a request for a host."""
    curl = ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "-H", f"Host: {host}", "http://echo:8080/"]
    return mesh.kubectl("exec", "-n", "shop", "deploy/client", "-c", "client", "--", *curl).strip()


def test_an_istio_operator_sets_the_mesh_and_changes_of_it_count_at_once(settled, tmp_path):
    mesh = settled
    assert status(mesh, "echo") == "200"
    assert status(mesh, "unknown.example") == "502"
    pod = mesh.kubectl("get", "pods", "-n", "shop", "-l", "app=client", "-o", "jsonpath={.items[0].spec.initContainers[0].env}")
    assert '"OWN_SETTING","value":"hello"' in pod
    assert '"TRUST_DOMAIN","value":"shop.example"' in pod
    log = ("logs", "-n", "shop", "deploy/client", "-c", "istio-proxy")
    until("the access log has the request", lambda: "unknown.example" in mesh.kubectl(*log), 5)
    (tmp_path / "mesh.yaml").write_text(OPERATOR.replace("MODE", "ALLOW_ANY"))
    until("unknown destinations are let through", lambda: status(mesh, "unknown.example") == "200")


def test_wrong_settings_are_refused_and_change_nothing(settled, tmp_path):
    mesh = settled
    (tmp_path / "mesh.yaml").write_text(OPERATOR.replace("MODE", "REGISTRY_ONY"))
    log = mesh.state / "log/changes.log"
    until("the mistake is told", lambda: "did you mean REGISTRY_ONLY?" in log.read_text())
    with pytest.raises(AssertionError, match="connectTimeout"):
        mesh.kubectl("patch", "configmap", "-n", "istio-system", "istio", "--type", "merge",
                     "-p", '{"data": {"mesh": "connectTimeout: 0s"}}')
    assert status(mesh, "unknown.example") == "502"
