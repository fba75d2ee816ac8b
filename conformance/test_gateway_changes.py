"""Certificates of a gateway are replaced and its pods are rolled while HTTPS requests are served, on both data planes: no request fails."""

import os
import ssl

import pytest

from certificates import Authority, secret
from manifests import ECHO, deployment, namespace, service
from mesh import report, until
from steady_https import Connection, Steady

pytestmark = pytest.mark.patient

# How many of each, and how many requests a second; bench/gateways/changes runs more.
REPLACED = int(os.environ.get("WEFT_GATEWAY_REPLACED", "20"))
ROLLED = int(os.environ.get("WEFT_GATEWAY_ROLLED", "3"))
RATE = int(os.environ.get("WEFT_GATEWAY_RATE", "100"))
HOST, SPACE = "api.example", "istio-system"
GATE = f"""---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {{name: api, namespace: front}}
spec:
  selector: {{istio: ingressgateway}}
  servers:
  - port: {{number: 443, name: https, protocol: HTTPS}}
    hosts: [{HOST}]
    tls: {{mode: SIMPLE, credentialName: api}}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: api, namespace: front}}
spec:
  hosts: [{HOST}]
  gateways: [api]
  http: [{{route: [{{destination: {{host: echo, port: {{number: 8080}}}}}}]}}]
"""


@pytest.fixture(scope="module")
def gateway(mesh_of, tmp_path_factory):
    authority = Authority(tmp_path_factory.mktemp("changes"))
    text = namespace("front") + service("echo", "front", "{name: http, port: 8080}") + deployment("echo", "front", ECHO) + GATE
    mesh = mesh_of(text + secret("api", SPACE, *authority.sign("first", HOST)))
    mesh.authority = authority
    until("the gateway serves", lambda: shown(mesh))
    return mesh


def shown(mesh):
    """Number of the certificate that a new connection is shown; nothing when it is refused."""
    try:
        connection = Connection(mesh.https, HOST, mesh.authority.certificate)
    except (OSError, ssl.SSLError):
        return None
    connection.close()
    return connection.serial


def held(mesh, load, what):
    """No request failed. Envoy's failures are told, and not judged."""
    report(f"{mesh.name}: {what} at {RATE}/s of HTTPS: {load.served} requests, {len(load.failed)} failed, "
           f"{load.gone} sent again as their kept connection had ended")
    assert load.served > load.reused > 0, "both on new connections and on kept ones"
    if mesh.dataplane == "weft":
        assert not load.failed, load.failed[:10]


def test_certificates_are_replaced_without_a_failed_request(gateway):
    with Steady(gateway.https, HOST, gateway.authority.certificate, RATE) as load:
        before = shown(gateway)
        for number in range(REPLACED):
            gateway.apply_text(secret("api", SPACE, *gateway.authority.sign(f"next-{number}", HOST)))
            before = until("the new certificate is shown", lambda: (now := shown(gateway)) not in (None, before) and now)
        served = load.served
        until("requests go on with the last certificate", lambda: load.served > served + 8 and before in load.serials)
    held(gateway, load, f"{REPLACED} certificates replaced")


def pods(mesh):
    return {pod["metadata"]["name"] for pod in mesh.get("pods", "-n", SPACE, "-l", "istio=ingressgateway")["items"]}


def test_a_gateway_is_rolled_without_a_failed_request(gateway):
    with Steady(gateway.https, HOST, gateway.authority.certificate, RATE) as load:
        for _ in range(ROLLED):
            old = pods(gateway)
            gateway.kubectl("rollout", "restart", "-n", SPACE, "deployment/istio-ingressgateway")
            gateway.kubectl("rollout", "status", "-n", SPACE, "deployment/istio-ingressgateway", "--timeout=180s", timeout=240)
            until("the old pod has ended", lambda: not old & pods(gateway), 180)
        served = load.served
        until("requests go on", lambda: load.served > served + 8)
    held(gateway, load, f"{ROLLED} rollouts")
