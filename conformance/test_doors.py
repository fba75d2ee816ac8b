"""Ways in and out of a proxy that no capture leads to: ports that a Sidecar opens, an HTTP proxy for applications, a load balancer before a gateway
that tells of its clients in PROXY headers, and one that brings WebSockets over HTTP/2. On both data planes, with HAProxy as the load balancer."""

import json
import pathlib

import pytest

from manifests import SLEEP, deployment, gate, namespace, python, service
from mesh import PEERS, until

pytestmark = pytest.mark.patient

HERE = pathlib.Path(__file__).parent

MESH = """apiVersion: install.istio.io/v1alpha1
kind: IstioOperator
metadata: {name: mesh, namespace: istio-system}
spec: {meshConfig: {accessLogFile: /dev/stdout}}
---
# Whoever comes past the proxies is refused.
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: doors}
spec: {mtls: {mode: STRICT}}
---
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: opened, namespace: doors}
spec:
  workloadSelector: {labels: {app: opened}}
  outboundTrafficPolicy: {mode: REGISTRY_ONLY}
  ingress:
  - {port: {number: 9080, protocol: HTTP, name: http}, captureMode: NONE, defaultEndpoint: "127.0.0.1:8080"}
  - {port: {number: 9081, protocol: TCP, name: tcp}, bind: 0.0.0.0, captureMode: NONE, defaultEndpoint: "127.0.0.1:8080"}
  egress:
  - {port: {number: 9090, protocol: HTTP, name: http}, bind: 127.0.0.1, captureMode: NONE, hosts: ["./web.doors.svc.cluster.local"]}
  - {port: {number: 9091, protocol: TCP, name: tcp}, bind: 127.0.0.1, captureMode: NONE, hosts: ["./bytes.doors.svc.cluster.local"]}
  - {port: {number: 3128, protocol: HTTP_PROXY, name: proxy}, bind: 127.0.0.1, captureMode: NONE, hosts: ["./web.doors.svc.cluster.local"]}
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: told, namespace: doors}
spec:
  selector: {app: told}
  servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ["*"]}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: told, namespace: doors}
spec:
  selector: {matchLabels: {app: told}}
  template:
    metadata:
      labels: {app: told, sidecar.istio.io/inject: "true"}
      annotations: {inject.istio.io/templates: gateway, proxy.istio.io/config: "{gatewayTopology: {proxyProtocol: {}}}"}
    spec: {containers: [{name: istio-proxy, image: auto}]}
"""
# Nothing that this pod sends or is sent is captured.
UNCAPTURED = 'traffic.sidecar.istio.io/includeInboundPorts: "", traffic.sidecar.istio.io/includeOutboundIPRanges: ""'
# Before the gateway that is told of its clients, and before the one that is asked for WebSockets in HTTP/2.
BALANCER = """
defaults
  mode tcp
  timeout connect 5s
  timeout client 30s
  timeout server 30s
listen v1
  bind :8001
  server gate told.doors.svc.cluster.local:80 send-proxy
listen v2
  bind :8002
  server gate told.doors.svc.cluster.local:80 send-proxy-v2
listen websockets
  mode http
  bind :8003
  server gate istio-ingressgateway.istio-system.svc.cluster.local:80 proto h2 ws h2
"""


ROUTES = """
  {match: [{uri: {prefix: /chat}}], route: [{destination: {host: chat, port: {number: 8080}}}]},
  {route: [{destination: {host: web, port: {number: 8080}}}]}
"""


def app(name, container, ports, place="doors", annotations=""):
    return service(name, place, ports) + deployment(name, place, container, annotations)


@pytest.fixture(scope="module")
def doors(mesh_of, tmp_path_factory):
    balancer = tmp_path_factory.mktemp("balancer") / "haproxy.cfg"
    balancer.write_text(BALANCER)
    web, chat = python(HERE / "http_app.py", "8080"), python(HERE / "ws_app.py", "serve", "8080")
    text = MESH + namespace("doors") + namespace("street", "") + gate("doors", ROUTES, "door, told")
    text += service("told", "doors", "{name: http, port: 80, targetPort: 8080}")
    text += app("web", web, "{name: http, port: 8080}, {name: http-bound, port: 9090, targetPort: 8080}")
    text += app("chat", chat, "{name: http, port: 8080}")
    text += app("bytes", 'image: weft/echo, args: ["--tcp", "--port", "7000"]', "{name: tcp, port: 9091, targetPort: 7000}")
    text += app("opened", web, "{name: http, port: 80, targetPort: 9080}, {name: tcp, port: 9081}", annotations=UNCAPTURED)
    text += deployment("client", "doors", SLEEP) + deployment("walker", "street", SLEEP)
    ports = ", ".join(f"{{name: tcp-{port}, port: {port}}}" for port in (8001, 8002, 8003))
    text += app("balancer", f"image: host/haproxy, command: [haproxy, -db, -f, '{balancer}']", ports, "street")
    return mesh_of(text)


def address(mesh, space, name):
    (pod,) = mesh.get("pods", "-n", space, "-l", f"app={name}")["items"]
    return pod["status"]["podIP"]


def asked(mesh, space, sender, *curl):
    """The status of an answer (000 for none), and what the server saw of the request."""
    done = mesh.curl(space, f"deploy/{sender}", "-w", "\n%{http_code}", *curl, check=False)
    body, _, status = done.stdout.rpartition("\n")
    seen = json.loads(body) if status == "200" else {}
    return status, {name.lower(): value for name, value in seen.get("fields", [])}


def test_ports_that_a_sidecar_binds_are_served_where_nothing_is_captured(doors):
    opened = address(doors, "doors", "opened")
    assert asked(doors, "street", "walker", f"http://{opened}:8080/")[0] == "200", "the application itself is not behind the proxy"
    status, fields = asked(doors, "doors", "client", "http://opened/")
    assert status == "200" and "/ns/doors/sa/default" in fields["x-forwarded-client-cert"], fields
    assert asked(doors, "doors", "client", "http://opened:9081/")[0] == "200"
    for port in (9080, 9081):
        assert asked(doors, "street", "walker", f"http://{opened}:{port}/")[0] == "000", "strict mTLS holds at a bound port"


def test_applications_that_are_not_captured_call_through_the_ports_that_a_sidecar_binds(doors):
    assert asked(doors, "doors", "opened", "http://web:8080/")[0] == "000", "past the proxy nobody is let in"
    status, fields = asked(doors, "doors", "opened", "-H", "Host: web.doors.svc.cluster.local", "http://127.0.0.1:9090/")
    assert status == "200" and "/ns/doors/sa/default" in fields["x-forwarded-client-cert"], fields
    assert asked(doors, "doors", "opened", "-H", "Host: chat.doors.svc.cluster.local", "http://127.0.0.1:9090/")[0] == "502"
    talk = "exec 3<>/dev/tcp/127.0.0.1/9091; echo hello >&3; head -1 <&3"
    assert doors.exec("doors", "deploy/opened", "timeout", "10", "bash", "-c", talk).stdout == "hello\n"


@pytest.mark.parametrize("host", ["web", "web.doors", "web.doors.svc.cluster.local"])
def test_applications_use_a_sidecar_as_their_http_proxy(doors, host):
    status, fields = asked(doors, "doors", "opened", "-x", "http://127.0.0.1:3128", f"http://{host}:8080/a")
    assert status == "200" and fields["host"].startswith(host), fields
    assert "/ns/doors/sa/default" in fields["x-forwarded-client-cert"], fields


def test_an_http_proxy_calls_only_the_hosts_that_it_may(doors):
    assert asked(doors, "doors", "opened", "-x", "http://127.0.0.1:3128", "http://chat.doors.svc.cluster.local:8080/")[0] == "502"


@pytest.mark.parametrize("port", [8001, 8002], ids=["v1", "v2"])
def test_a_gateway_believes_the_proxy_header_of_a_load_balancer(doors, port):
    walker = address(doors, "street", "walker")
    status, fields = asked(doors, "street", "walker", f"http://balancer:{port}/")
    assert (status, fields.get("x-forwarded-for")) == ("200", walker), fields


def test_a_gateway_that_expects_a_proxy_header_serves_nobody_without_one(doors):
    assert asked(doors, "street", "walker", "http://told.doors/")[0] == "000"


def test_a_websocket_of_http_2_passes_a_gateway(doors):
    told = doors.exec("street", "deploy/walker", PEERS / "python", HERE / "ws_app.py", "talk", "ws://balancer:8003/chat")
    assert json.loads(told.stdout.splitlines()[-1]) == {"said": "hello", "same": True, "ponged": True, "closed": 1000}
    log = ("logs", "-n", "istio-system", "deploy/istio-ingressgateway")
    until("the gateway tells of the WebSocket", lambda: "/chat HTTP/2" in doors.kubectl(*log))
