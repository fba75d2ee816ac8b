"""The commands about gateways and certificates against a mesh that runs. One data plane is enough: the control plane answers."""

import json
import subprocess

import pytest

from certificates import Authority, secret
from manifests import ECHO, deployment, namespace, service
from mesh import running, until

pytestmark = pytest.mark.patient

DOORS = """---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: front, namespace: shop}
spec:
  selector: {istio: ingressgateway}
  servers:
  - {port: {number: 443, name: good, protocol: HTTPS}, hosts: [shop.example], tls: {mode: SIMPLE, credentialName: good}}
  - {port: {number: 443, name: mixed, protocol: HTTPS}, hosts: [mixed.example], tls: {mode: SIMPLE, credentialName: mixed}}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, namespace: shop}
spec:
  hosts: [shop.example, mixed.example]
  gateways: [front]
  http: [{route: [{destination: {host: echo, port: {number: 8080}}}]}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: edge, namespace: shop}
spec: {gatewayClassName: weft, listeners: [{name: http, port: 80, protocol: HTTP}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: all, namespace: shop}
spec: {parentRefs: [{name: edge}], rules: [{backendRefs: [{name: echo, port: 8080}]}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: lost, namespace: shop}
spec: {parentRefs: [{name: edge, sectionName: none}], rules: [{backendRefs: [{name: echo, port: 8080}]}]}
"""


@pytest.fixture(scope="module")
def doors(pytestconfig, tmp_path_factory):
    if "weft" not in (pytestconfig.getoption("--dataplane") or ["weft"]):
        pytest.skip("the same on both data planes")
    folder = tmp_path_factory.mktemp("doors")
    authority = Authority(folder)
    good, key = authority.sign("good", "shop.example")
    mixed, _ = authority.sign("mixed", "mixed.example")
    text = namespace("shop") + service("echo", "shop", "{name: http, port: 8080}") + deployment("echo", "shop", ECHO)
    text += DOORS + secret("good", "istio-system", good, key) + secret("mixed", "istio-system", mixed, key)
    with running(folder / "mesh.yaml", text, "weft") as mesh:
        mesh.root, mesh.good = authority.certificate, good
        yield mesh


def get(mesh, host):
    """The answer at the HTTPS door; empty when there is none."""
    done = subprocess.run(
        ["curl", "-sS", "--max-time", "10", "--cacert", str(mesh.root), "-o", "/dev/null", "-w", "%{http_code}",
         "--resolve", f"{host}:{mesh.https}:127.0.0.1", f"https://{host}:{mesh.https}/"],
        capture_output=True, text=True, timeout=30, check=False)
    return done.stdout if done.returncode == 0 else ""


def test_a_mixed_pair_closes_its_server_and_no_other(doors):
    until("the good server answers", lambda: get(doors, "shop.example") == "200")
    assert get(doors, "mixed.example") == "", "no certificate can be shown"
    until("proxies took all", lambda: "STALE" not in doors.weft("proxy-status").stdout)

    def told():
        found = doors.get("gateways.networking.istio.io", "-n", "shop", "front").get("status", {}).get("conditions", [])
        return [one for one in found if "not that of its certificate" in one.get("message", "")]

    until("a condition tells of the pair", told)


def test_a_certificate_is_shown_with_who_uses_it(doors):
    found = json.loads(doors.weft("cert", "inspect", "good.istio-system", "-o", "json").stdout)
    assert found["key"] == "fits" and found["errors"] == [] and found["certificates"][0]["names"] == ["shop.example"]
    assert [(one["gateway"], one["hosts"], one["uncovered"]) for one in found["usedBy"]] == [("shop/front", ["shop.example"], [])]
    bad = doors.weft("cert", "inspect", "mixed", "-n", "istio-system", check=False)
    assert bad.returncode == 1 and "error: the key is not that of the certificate" in bad.stdout, bad
    none = doors.weft("cert", "inspect", "none.shop", check=False)
    assert none.returncode == 1 and "there is no Secret" in none.stderr, none
    assert "Names:    shop.example" in doors.weft("cert", "inspect", "-f", doors.good).stdout


def test_gateways_of_both_apis_are_listed_and_described(doors):
    def listed():
        found = json.loads(doors.weft("gateway", "list", "-n", "shop", "-o", "json").stdout)
        assert [one["gateway"] for one in found] == ["shop/edge", "shop/front"]
        return all(one["pods"] and all(pod["ready"] for pod in one["pods"]) for one in found) and found

    edge, front = until("pods serve both gateways", listed)
    assert edge["state"] == "serves" and front["days_left"]["istio-system/good"] in (0, 1), (edge, front)
    assert "istio=ingressgateway" in doors.weft("gateway", "list").stdout
    text = doors.weft("gateway", "describe", "front.shop").stdout
    assert "shop.example" in text and "echo.shop.svc.cluster.local:8080 [VirtualService shop/web]" in text, text
    text = doors.weft("gateway", "describe", "edge", "-n", "shop").stdout
    assert "[HTTPRoute shop/all]" in text and "Not served: HTTPRoute shop/lost (NoMatchingParent" in text, text


def test_a_url_can_be_explained(doors):
    answer = json.loads(doors.weft("explain", "--gateway", "front.shop", "--to", "https://shop.example/a", "-o", "json").stdout)
    assert "echo.shop" in json.dumps(answer["clusters"]), answer
