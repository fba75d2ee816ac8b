"""Settings of the whole mesh: an IstioOperator among the files of `weft up`, changes of it, and the ConfigMap behind it."""

import pytest

from manifests import ECHO, SLEEP, deployment, namespace, service
from mesh import Mesh, started, until

APPS = "".join([
    namespace("shop"), service("echo", "shop", "{name: http, port: 8080}"), deployment("echo", "shop", ECHO), deployment("client", "shop", SLEEP),
])

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


@pytest.fixture
def settled(plane, tmp_path):
    (tmp_path / "apps.yaml").write_text(APPS)
    (tmp_path / "mesh.yaml").write_text(OPERATOR.replace("MODE", "REGISTRY_ONLY"))
    with started(Mesh(plane), tmp_path) as mesh:
        yield mesh


def status(mesh, host):
    """What the client's proxy answers to a request for a host."""
    curl = ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "-H", f"Host: {host}", "http://echo:8080/"]
    return mesh.kubectl("exec", "-n", "shop", "deploy/client", "--", *curl).strip()


def test_an_istio_operator_sets_the_mesh_and_changes_of_it_count_at_once(settled, tmp_path):
    mesh = settled
    assert status(mesh, "echo") == "200"
    assert status(mesh, "unknown.example") == "502"
    pod = mesh.kubectl("get", "pods", "-n", "shop", "-l", "app=client", "-o", "jsonpath={.items[0].spec.initContainers[0].env}")
    assert '"OWN_SETTING","value":"hello"' in pod
    assert '"TRUST_DOMAIN","value":"shop.example"' in pod
    log = ("logs", "-n", "shop", "deploy/client", "-c", "istio-proxy")
    until("the access log has the request", lambda: "unknown.example" in mesh.kubectl(*log))
    (tmp_path / "mesh.yaml").write_text(OPERATOR.replace("MODE", "ALLOW_ANY"))
    until("unknown destinations are let through", lambda: status(mesh, "unknown.example") == "200")
    (tmp_path / "mesh.yaml").write_text(OPERATOR.replace("MODE", "ALLOW_ANY_DYNAMIC_DNS"))
    until("DNS is asked for unknown hosts", lambda: status(mesh, "unknown.example") == "503")
    address = mesh.kubectl("get", "pods", "-n", "shop", "-l", "app=echo", "-o", "jsonpath={.items[0].status.podIP}")
    assert status(mesh, f"{address.replace('.', '-')}.shop.pod.cluster.local:8080") == "200"


def test_wrong_settings_are_refused_and_change_nothing(settled, tmp_path):
    mesh = settled
    (tmp_path / "mesh.yaml").write_text(OPERATOR.replace("MODE", "REGISTRY_ONY"))
    log = mesh.state / "log/changes.log"
    until("the mistake is told", lambda: "did you mean REGISTRY_ONLY?" in log.read_text())
    with pytest.raises(AssertionError, match="connectTimeout"):
        mesh.kubectl("patch", "configmap", "-n", "istio-system", "istio", "--type", "merge",
                     "-p", '{"data": {"mesh": "connectTimeout: 0s"}}')
    assert status(mesh, "unknown.example") == "502"
