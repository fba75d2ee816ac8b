"""Sidecars that answer name questions: hosts without an address of their own become reachable, on both data planes."""

import json

import pytest

from mesh import until

pytestmark = pytest.mark.patient

MESH = """apiVersion: install.istio.io/v1alpha1
kind: IstioOperator
metadata: {name: mesh, namespace: istio-system}
spec: {meshConfig: {defaultConfig: {proxyMetadata: {ISTIO_META_DNS_CAPTURE: "true"}}}}
---
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {istio-injection: enabled}}
"""

WORKLOAD = """---
apiVersion: apps/v1
kind: Deployment
metadata: {name: NAME, namespace: shop, labels: {app: NAME}}
spec:
  selector: {matchLabels: {app: NAME}}
  template:
    metadata: {labels: {app: NAME}}
    spec: {containers: [{name: app, image: weft/echo, args: ["--version", NAME], ports: [{containerPort: 8080}]}]}
"""

SERVICE = """---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {selector: {app: red}, ports: [{name: http, port: 80, targetPort: 8080}]}
---
apiVersion: v1
kind: Service
metadata: {name: pods, namespace: shop}
spec: {clusterIP: None, selector: {app: blue}, ports: [{name: http, port: 8080}]}
"""

# Two hosts with bytes on one port and no address: only an address of its own tells each from the other.
ENTRY = """---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: NAME, namespace: shop}
spec:
  hosts: [NAME.example.com]
  location: MESH_INTERNAL
  resolution: STATIC
  ports: [{number: 7000, name: tcp, protocol: TCP, targetPort: 8080}]
  workloadSelector: {labels: {app: NAME}}
"""

COLOURS = ["red", "blue"]

# A question of RFC 1035 over TCP, as a resolver asks after a truncated answer.
OVER_TCP = """
import socket, struct, sys
name = b"".join(bytes([len(part)]) + part.encode() for part in sys.argv[1].split(".")) + b"\\0"
asked = struct.pack(">6H", 7, 256, 1, 0, 0, 0) + name + struct.pack(">2H", 1, 1)
with socket.create_connection(("127.0.0.1", 53), timeout=60) as s:
    s.sendall(struct.pack(">H", len(asked)) + asked)
    told = s.makefile("rb").read(struct.unpack(">H", s.recv(2, socket.MSG_WAITALL))[0])
print(socket.inet_ntoa(told[-4:]) if told[7] else "none")
"""


@pytest.fixture(scope="module")
def shop(mesh_of):
    text = MESH + SERVICE + "".join(WORKLOAD.replace("NAME", name) for name in ["client", *COLOURS])
    mesh = mesh_of(text + "".join(ENTRY.replace("NAME", name) for name in COLOURS))
    for name in COLOURS:
        mesh.programmed(f"serviceentry/{name}", "shop")
    return mesh


def addresses(mesh, name):
    told = mesh.exec("shop", "deploy/client", "getent", "ahostsv4", name, check=False).stdout
    return sorted({line.split()[0] for line in told.splitlines()})


def pods(mesh, app):
    found = mesh.get("pods", "-n", "shop", "-l", f"app={app}")["items"]
    return sorted(pod["status"].get("podIP", "none yet") for pod in found)


def test_hosts_without_an_address_are_told_apart_by_the_one_they_were_given(shop):
    given = {name: addresses(shop, f"{name}.example.com") for name in COLOURS}
    assert all(len(found) == 1 and found[0].startswith("240.240.") for found in given.values()), given
    assert given["red"] != given["blue"], given
    for name in COLOURS:
        body = shop.curl("shop", "deploy/client", f"http://{name}.example.com:7000/").stdout
        assert json.loads(body)["version"] == name, body


def test_services_keep_the_names_that_kubernetes_gives_them(shop):
    (address,) = [shop.get("service", "web", "-n", "shop")["spec"]["clusterIP"]]
    for name in ["web", "web.shop", "web.shop.svc", "web.shop.svc.cluster.local"]:
        assert addresses(shop, name) == [address], name
        assert shop.code("shop", "deploy/client", f"http://{name}/") == "200", name
    assert addresses(shop, "pods.shop") == pods(shop, "blue")


def test_pods_of_a_headless_service_come_and_go_in_the_names(shop):
    shop.kubectl("scale", "-n", "shop", "deploy/blue", "--replicas=2")
    until("both pods have a name", lambda: len(pods(shop, "blue")) == 2 and addresses(shop, "pods") == pods(shop, "blue"))


def test_what_the_mesh_does_not_know_is_asked_of_the_pods_own_name_server(shop):
    assert addresses(shop, "nobody.example.org") == []
    # Known to the node's DNS only.
    (pod,) = pods(shop, "red")
    assert addresses(shop, f"{pod.replace('.', '-')}.shop.pod.cluster.local") == [pod]


def test_questions_over_tcp_are_answered_too(shop):
    def ask(name):
        return shop.exec("shop", "deploy/client", "python3", "-c", OVER_TCP, name).stdout.strip()

    assert [ask("red.example.com")] == addresses(shop, "red.example.com")
    (pod,) = pods(shop, "red")
    assert ask(f"{pod.replace('.', '-')}.shop.pod.cluster.local") == pod


def test_the_proxy_itself_asks_the_real_name_server(shop):
    """A host that proxies look up must not lead them to the address that only they can serve."""
    shop.apply_text(
        ENTRY.replace("NAME", "green")
        .replace("STATIC", "DNS")
        .replace("  workloadSelector: {labels: {app: green}}\n", "  endpoints: [{address: pods.shop.svc.cluster.local}]\n")
    )
    shop.programmed("serviceentry/green", "shop")
    (given,) = until("green has an address", lambda: addresses(shop, "green.example.com"))
    assert given.startswith("240.240.")
    body = shop.curl("shop", "deploy/client", "http://green.example.com:7000/").stdout
    assert json.loads(body)["version"] == "blue", body
