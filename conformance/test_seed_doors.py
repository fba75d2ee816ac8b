"""The seed documents of gateways, as they stand: certificates of a real authority in the Secrets that they name, a request for each prefix,
and each thing that a client may do wrong. On both data planes."""

import contextlib
import json
import subprocess

import pytest

from certificates import Authority, secret
from manifests import ECHO, SLEEP, deployment, namespace, service
from mesh import SEEDS, until

pytestmark = pytest.mark.patient

# Who answers: the destinations of the seeds.
SERVERS = [("payment-service", "payments"), ("order-service", "orders"), ("payment-service", "production"), ("order-service", "production"),
           ("api-service", "default")]
HOST, ADMIN = "api.example.com", "admin.example.com"
# curl's words for a handshake that the server refused, and for a certificate that is not to be believed.
REFUSED, NOT_BELIEVED = 35, 60
# A gateway of the user's own, which `main-gateway` selects.
OWN_GATEWAY = """---
apiVersion: apps/v1
kind: Deployment
metadata: {name: ingress, namespace: istio-ingress}
spec:
  selector: {matchLabels: {istio: ingress}}
  template:
    metadata:
      labels: {istio: ingress, sidecar.istio.io/inject: "true"}
      annotations: {inject.istio.io/templates: gateway}
    spec: {containers: [{name: istio-proxy, image: auto}]}
---
apiVersion: v1
kind: Service
metadata: {name: ingress, namespace: istio-ingress}
spec: {selector: {istio: ingress}, ports: [{name: https, port: 443, targetPort: 8443}]}
"""


def seeds(*prefixes):
    return "".join("---\n" + file.read_text() for prefix in prefixes for file in SEEDS.glob(f"{prefix}-*.yaml"))


@pytest.fixture(scope="module")
def doors(mesh_of, tmp_path_factory):
    folder = tmp_path_factory.mktemp("doors")
    for parent in [folder, *folder.parents][:3]:
        parent.chmod(0o755)
    root = Authority(folder)
    Authority(folder, "other")
    root.sign("client")
    text = "".join(namespace(name) for name in ("payments", "orders", "production", "default"))
    text += namespace("istio-ingress", "") + namespace("outside", "") + deployment("client", "outside", SLEEP) + OWN_GATEWAY
    for name, place in SERVERS:
        text += service(name, place, "{name: http, port: 8080}") + deployment(name, place, ECHO.replace("]", f', "--version", "{name}"]'))
    text += secret("wildcard-tls", "istio-ingress", *root.sign("wildcard", "*.example.com"))
    text += secret("production-tls-cert", "istio-system", *root.sign("production", HOST, ADMIN, kind="rsa"), root.certificate)
    text += secret("api-tls-cert", "istio-system", *root.sign("api", HOST))
    mesh = mesh_of(text)
    mesh.files = folder
    return mesh


class Outside:
    """Calls the ingress of the mesh from the host."""

    def __init__(self, mesh):
        self.mesh = mesh

    def curl(self, url, *args):
        done = subprocess.run(["curl", "-sS", "--max-time", "60", *map(str, args), url], capture_output=True, text=True, timeout=180, check=False)
        return done.returncode, done.stdout

    def https(self, host, path="/", *args, ca="root"):
        port = self.mesh.https
        there = ["--cacert", self.mesh.files / f"{ca}.crt", "--resolve", f"{host}:{port}:127.0.0.1"]
        return told(self.curl(f"https://{host}:{port}{path}", *there, *SHOWN, *args))


class Inside(Outside):
    """Calls the gateway of `istio-ingress` from a pod."""

    def __init__(self, mesh):
        super().__init__(mesh)
        self.address = mesh.get("service", "-n", "istio-ingress", "ingress")["spec"]["clusterIP"]

    def https(self, host, path="/", *args, ca="root"):
        there = ["--cacert", self.mesh.files / f"{ca}.crt", "--resolve", f"{host}:443:{self.address}"]
        done = self.mesh.curl("outside", "deploy/client", *there, *SHOWN, *args, f"https://{host}{path}", check=False)
        return told((done.returncode, done.stdout))


SHOWN = ("-w", "\n%{http_code}")


def told(answer):
    """Which service answered, or else the status; where there is none, curl's own code."""
    code, text = answer
    if code:
        return code
    body, status = text.rsplit("\n", 1)
    return json.loads(body)["version"] if status == "200" else status


@contextlib.contextmanager
def serves(door, routes, prefixes):
    """With these seeds in force every prefix ends at its own service, and whoever knocks wrongly is refused as TLS and HTTP have it."""
    mesh = door.mesh
    mesh.apply_text(routes)
    try:
        for path, server in prefixes.items():
            until(lambda: f"{path} ends at {server}: {door.https(HOST, path)}", lambda: door.https(HOST, path) == server)
        yield
        first = next(iter(prefixes))
        assert door.https(HOST, "/elsewhere") == "404", "no route has the path"
        assert door.https(HOST, first, ca="other") == NOT_BELIEVED
        assert door.https("api.example.org", first) == REFUSED, "no server has the name"
        assert door.https("192.0.2.1", first) == REFUSED, "no server name at all"
        for old in ("1.0", "1.1"):
            assert door.https(HOST, first, f"--tlsv{old}", "--tls-max", old, "--ciphers", "DEFAULT:@SECLEVEL=0") == REFUSED, old
        for version in ("1.2", "1.3"):
            assert door.https(HOST, first, f"--tlsv{version}", "--tls-max", version) == prefixes[first], version
        assert door.https(HOST, first, "-H", "Host: nobody.example.org") == "404", "a server name of ours, another host inside"
    finally:
        mesh.kubectl("delete", "--ignore-not-found", "-f", "-", stdin=routes)


def test_a_wildcard_certificate_and_a_gateway_of_a_namespace_of_its_own(doors):
    door = Inside(doors)
    with serves(door, seeds("s0-09", "s0-10"), {"/api/payments/7": "payment-service", "/api/orders": "order-service"}):
        assert door.https("web.example.com") == "404", "the certificate has the name, no route the host"


def test_two_hosts_of_one_certificate_and_plain_requests_sent_to_https(doors):
    door = Outside(doors)
    with serves(door, seeds("s1-05", "s1-06"), {"/payment/7": "payment-service", "/orders": "order-service"}):
        def plain(host, path):
            return door.curl(f"http://127.0.0.1:{doors.http}{path}", "-H", f"Host: {host}", "-o", "/dev/null", "-w", "%{http_code} %{redirect_url}")

        for host in (HOST, ADMIN):
            until(lambda: f"{host}: {plain(host, '/payment')}", lambda: plain(host, "/payment?a=b") == (0, f"301 https://{host}/payment?a=b"))
        assert plain("nobody.example.org", "/") == (0, "404 ")
        assert door.https(ADMIN) == "404", "no route has the host"


def test_one_host_of_the_default_namespace(doors):
    with serves(Outside(doors), seeds("s3-09"), {"/v1/orders": "api-service"}):
        pass


def test_clients_of_the_same_gateway_may_be_asked_for_certificates(doors):
    door = Outside(doors)
    text = seeds("s1-05", "s1-06").replace("mode: SIMPLE", "mode: MUTUAL")
    pair = ["--cert", doors.files / "client.crt", "--key", doors.files / "client.key"]
    Authority(doors.files, "elsewhere").sign("stranger")
    stranger = ["--cert", doors.files / "stranger.crt", "--key", doors.files / "stranger.key"]
    doors.apply_text(text)
    try:
        until("it serves", lambda: door.https(HOST, "/orders", *pair) == "order-service")
        assert isinstance(door.https(HOST, "/orders"), int), "no certificate"
        assert isinstance(door.https(HOST, "/orders", *stranger), int), "of another authority"
    finally:
        doors.kubectl("delete", "--ignore-not-found", "-f", "-", stdin=text)
