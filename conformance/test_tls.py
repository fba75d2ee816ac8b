"""TLS with other certificates than the mesh's, on both data planes: towards destinations, and at the gateway."""

import json
import pathlib
import socket
import ssl
import subprocess

import pytest

from certificates import Authority, secret
from manifests import ECHO, SLEEP, deployment, namespace, python, service
from mesh import until

SERVER = pathlib.Path(__file__).resolve().parent / "tls_server.py"

PLACES = "".join([
    namespace("shop"), namespace("outside", ""), deployment("client", "shop", SLEEP),
    service("echo", "shop", "{name: http, port: 8080}"), deployment("echo", "shop", ECHO),
])
TUNNEL = """---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: behind, namespace: shop}
spec:
  hosts: [behind.example]
  location: MESH_EXTERNAL
  resolution: NONE
  ports: [{number: 443, name: tls, protocol: TLS}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: behind, namespace: shop}
spec:
  hosts: [behind.example]
  tls:
    - match: [{sniHosts: [behind.example]}]
      route: [{destination: {host: forward.outside.svc.cluster.local, port: {number: 8443}}}]
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: behind, namespace: shop}
spec:
  host: forward.outside.svc.cluster.local
  trafficPolicy: {tunnel: {protocol: CONNECT, targetHost: plain.outside.svc.cluster.local, targetPort: 8443}}
"""


def server(name, *files, script=SERVER):
    """A program without a sidecar, and its Service."""
    container = f"{python(script, 8443, *files)}, readinessProbe: {{tcpSocket: {{port: 8443}}}}"
    return service(name, "outside", "{name: tcp, port: 8443}") + deployment(name, "outside", container)


def destination(name, to, tls, more=""):
    """A host of HTTP outside of the mesh, whose requests go to a TLS server."""
    return f"""---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {{name: {name}, namespace: shop}}
spec:
  hosts: [{name}.example]
  location: MESH_EXTERNAL
  resolution: DNS
  ports: [{{number: 80, name: http, protocol: HTTP, targetPort: 8443}}]
  endpoints: [{{address: {to}.outside.svc.cluster.local}}]
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {{name: {name}, namespace: shop}}
spec:
  host: {name}.example
  trafficPolicy: {{tls: {{{tls}}}{more}}}
"""


GATEWAY = """---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: front, namespace: shop}
spec:
  selector: {istio: ingressgateway}
  servers:
    - port: {number: 443, name: one, protocol: HTTPS}
      hosts: [one.example]
      tls: {mode: SIMPLE, credentialName: one}
    - port: {number: 443, name: two, protocol: HTTPS}
      hosts: [two.example]
      tls: {mode: MUTUAL, credentialName: two}
    - port: {number: 443, name: maybe, protocol: HTTPS}
      hosts: [maybe.example]
      tls: {mode: OPTIONAL_MUTUAL, credentialName: two}
    - port: {number: 443, name: late, protocol: HTTPS}
      hosts: [late.example]
      tls: {mode: SIMPLE, credentialName: late}
    - port: {number: 443, name: modern, protocol: HTTPS}
      hosts: [modern.example]
      tls: {mode: SIMPLE, credentialName: one, minProtocolVersion: TLSV1_3}
    - port: {number: 443, name: picky, protocol: HTTPS}
      hosts: [picky.example]
      tls: {mode: SIMPLE, credentialName: one, maxProtocolVersion: TLSV1_2, cipherSuites: [ECDHE-ECDSA-AES256-GCM-SHA384]}
    - port: {number: 443, name: passed, protocol: TLS}
      hosts: [plain.example]
      tls: {mode: PASSTHROUGH}
    - port: {number: 443, name: bytes, protocol: TLS}
      hosts: [bytes.example]
      tls: {mode: SIMPLE, credentialName: one}
    - port: {number: 80, name: http, protocol: HTTP}
      hosts: [one.example]
      tls: {httpsRedirect: true}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: front, namespace: shop}
spec:
  hosts: [one.example, two.example, maybe.example, late.example, modern.example, picky.example]
  gateways: [front]
  http: [{route: [{destination: {host: echo, port: {number: 8080}}}]}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: passed, namespace: shop}
spec:
  hosts: [plain.example, bytes.example]
  gateways: [front]
  tls:
    - match: [{port: 443, sniHosts: [plain.example]}]
      route: [{destination: {host: plain.outside.svc.cluster.local, port: {number: 8443}}}]
  tcp:
    - match: [{port: 443}]
      route: [{destination: {host: echo, port: {number: 8080}}}]
"""


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Certificates that everybody may read, and a folder for the objects."""
    folder = tmp_path_factory.mktemp("tls")
    for parent in [folder, *folder.parents][:3]:
        parent.chmod(0o755)
    return folder


@pytest.fixture(scope="module")
def tls_mesh(mesh_of, files):
    root, other = Authority(files), Authority(files, "other")
    plain = root.sign("plain", "plain.example", "named.example", "behind.example")
    client = root.sign("client")
    client[1].chmod(0o644)
    text = PLACES + server("plain", *plain) + server("mutual", *root.sign("mutual", "mutual.example"), root.certificate)
    ca = f"caCertificates: {root.certificate}"
    text += destination("plain", "plain", f"mode: SIMPLE, {ca}")
    text += destination("wrong", "plain", f"mode: SIMPLE, {ca}")
    text += destination("foreign", "plain", f"mode: SIMPLE, sni: plain.example, caCertificates: {other.certificate}")
    text += destination("system", "plain", "mode: SIMPLE, sni: plain.example")
    text += destination("named", "plain", f"mode: SIMPLE, {ca}, sni: plain.example, subjectAltNames: [named.example]")
    text += destination("misnamed", "plain", f"mode: SIMPLE, {ca}, sni: plain.example, subjectAltNames: [x.example]")
    text += destination("trusting", "plain", "mode: SIMPLE, insecureSkipVerify: true")
    text += destination("mutual", "mutual", f"mode: MUTUAL, {ca}, clientCertificate: {client[0]}, privateKey: {client[1]}")
    text += destination("bare", "mutual", f"mode: SIMPLE, {ca}, sni: mutual.example")
    text += server("open") + server("forward", script=SERVER.with_name("connect_proxy.py")) + TUNNEL
    text += destination("told", "open", "mode: DISABLE", ", proxyProtocol: {version: V1}")
    text += destination("secret", "plain", f"mode: SIMPLE, sni: plain.example, {ca}", ", proxyProtocol: {version: V2}")
    text += GATEWAY
    served = root.sign("one", "one.example", "two.example", "modern.example", "picky.example", "bytes.example")
    text += secret("one", "istio-system", *served)
    text += secret("two", "istio-system", *root.sign("two", "two.example", "maybe.example", kind="rsa"), root.certificate)
    mesh = mesh_of(text)
    mesh.root, mesh.files = root, files
    return mesh


def call(mesh, host):
    """What the client gets from a host: a status, and what the server saw."""
    done = mesh.curl("shop", "deploy/client", "-w", "\n%{http_code}", "--resolve", f"{host}:80:192.0.2.1", f"http://{host}/")
    body, status = done.stdout.rsplit("\n", 1)
    return status, json.loads(body) if status == "200" else body


def test_a_destination_rule_originates_tls_and_verifies_the_server(tls_mesh):
    mesh = tls_mesh
    status, seen = call(mesh, "plain.example")
    assert status == "200", seen
    assert (seen["sni"], seen["host"], seen["client"]) == ("plain.example", "plain.example", "")
    assert not seen["meshed"], "nothing of the mesh is told to strangers"
    for refused in ("wrong", "foreign", "system", "misnamed", "bare"):
        status, body = call(mesh, f"{refused}.example")
        assert status == "503", (refused, body)
    assert call(mesh, "named.example")[1]["sni"] == "plain.example"
    assert call(mesh, "trusting.example")[0] == "200"


def test_mutual_tls_shows_the_certificate_of_the_files(tls_mesh):
    mesh = tls_mesh
    status, seen = call(mesh, "mutual.example")
    assert status == "200", seen
    assert (seen["client"], seen["sni"]) == ("client", "mutual.example")


def test_servers_are_told_of_the_client_by_a_proxy_header(tls_mesh):
    mesh = tls_mesh
    pod = mesh.get("pods", "-n", "shop", "-l", "app=client")["items"][0]["status"]["podIP"]
    status, seen = call(mesh, "told.example")
    assert status == "200", seen
    assert seen["proxy"].startswith(f"PROXY TCP4 {pod} 192.0.2.1 "), seen
    assert call(mesh, "secret.example")[1]["proxy"] == f"v2 {pod}"


def test_connections_go_on_through_a_forward_proxy(tls_mesh):
    mesh = tls_mesh
    done = mesh.curl("shop", "deploy/client", "--cacert", mesh.files / "root.crt", "--resolve", "behind.example:443:192.0.2.9",
                     "https://behind.example/", check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["sni"] == "behind.example"
    asked = mesh.kubectl("logs", "-n", "outside", "deploy/forward")
    assert "CONNECT plain.outside.svc.cluster.local:8443 HTTP/1.1" in asked


def ask(mesh, host, *args, path="/", name=None, ca="root"):
    """curl from outside to the ingress' port of TLS: its exit code, and the status with the version of HTTP."""
    url = f"https://{name or host}:{mesh.https}{path}"
    done = subprocess.run(
        ["curl", "-sS", "--max-time", "60", "-o", "/dev/null", "-w", "%{http_code} %{http_version}",
         "--cacert", mesh.files / f"{ca}.crt", "--resolve", f"{name or host}:{mesh.https}:127.0.0.1", *args, url],
        capture_output=True, text=True, timeout=180, check=False)
    return done.returncode, done.stdout, done.stderr


def client_pair(mesh, name):
    return ["--cert", mesh.files / f"{name}.crt", "--key", mesh.files / f"{name}.key"]


def test_a_gateway_ends_tls_with_the_certificate_of_its_secret(tls_mesh):
    mesh = tls_mesh
    until("the gateway serves", lambda: ask(mesh, "one.example")[0] == 0)
    assert ask(mesh, "one.example")[1] == "200 2"
    assert ask(mesh, "one.example", "--http1.1")[1] == "200 1.1"
    assert ask(mesh, "one.example", ca="other")[0] == 60, "another authority"
    assert ask(mesh, "unknown.example")[0] == 35, "a name that no server has"
    assert ask(mesh, "modern.example", "--tls-max", "1.2")[0] == 35
    assert ask(mesh, "modern.example")[1] == "200 2"
    assert ask(mesh, "picky.example", "--ciphers", "ECDHE-ECDSA-AES128-GCM-SHA256", "--tls-max", "1.2")[0] == 35
    assert ask(mesh, "picky.example", "--ciphers", "ECDHE-ECDSA-AES256-GCM-SHA384")[1] == "200 2"
    assert ask(mesh, "bytes.example", "--http1.1")[1] == "200 1.1"


def test_clients_of_a_mutual_server_prove_themselves(tls_mesh):
    mesh = tls_mesh
    pair = client_pair(mesh, "client")
    stranger = client_pair(mesh, "stranger")
    Authority(mesh.files, "elsewhere").sign("stranger")
    assert ask(mesh, "two.example", *pair)[1] == "200 2"
    assert ask(mesh, "two.example")[0] != 0, "no certificate"
    assert ask(mesh, "two.example", *stranger)[0] != 0, "of another authority"
    assert ask(mesh, "maybe.example")[1] == "200 2"
    assert ask(mesh, "maybe.example", *pair)[1] == "200 2"
    assert ask(mesh, "maybe.example", *stranger)[0] != 0


def test_tls_passes_through_by_its_server_name(tls_mesh):
    mesh = tls_mesh
    code, status, why = ask(mesh, "plain.example", "--http1.1")
    assert (code, status) == (0, "200 1.1"), why


def test_plain_requests_are_sent_to_https(tls_mesh):
    mesh = tls_mesh
    done = subprocess.run(
        ["curl", "-sS", "-o", "/dev/null", "-w", "%{http_code} %{redirect_url}", "-H", "Host: one.example",
         f"http://127.0.0.1:{mesh.http}/a?b=c"], capture_output=True, text=True, timeout=180, check=False)
    assert done.stdout == "301 https://one.example/a?b=c"


def test_a_request_on_the_connection_of_another_server_is_told_so(tls_mesh):
    mesh = tls_mesh
    assert ask(mesh, "one.example", "-H", "Host: two.example")[1] == "421 2"
    assert ask(mesh, "one.example", "-H", "Host: nobody.example")[1] == "404 2"


def test_a_secret_that_is_missing_closes_its_server_alone_and_one_that_changes_cuts_nothing(tls_mesh):
    mesh = tls_mesh
    assert ask(mesh, "late.example")[0] == 35, "there is no Secret yet"
    assert ask(mesh, "one.example")[1] == "200 2"
    mesh.apply_text(secret("late", "istio-system", *mesh.root.sign("late", "late.example")))
    until("the Secret is there", lambda: ask(mesh, "late.example")[1] == "200 2")
    before = subject_serial(mesh)
    with socket.create_connection(("127.0.0.1", mesh.https), timeout=60) as plain:
        context = ssl.create_default_context(cafile=mesh.files / "root.crt")
        with context.wrap_socket(plain, server_hostname="late.example") as kept:
            assert request(kept) == "200"
            mesh.apply_text(secret("late", "istio-system", *mesh.root.sign("late", "late.example")))
            until("the new certificate is shown", lambda: subject_serial(mesh) != before)
            assert request(kept) == "200", "the connection lives on"


def subject_serial(mesh):
    """Number of the certificate that is shown for late.example."""
    context = ssl.create_default_context(cafile=mesh.files / "root.crt")
    with socket.create_connection(("127.0.0.1", mesh.https), timeout=60) as plain:
        with context.wrap_socket(plain, server_hostname="late.example") as secure:
            return secure.getpeercert()["serialNumber"]


def request(connection):
    """The status of one more request on a connection of HTTP/1.1."""
    connection.sendall(b"GET / HTTP/1.1\r\nhost: late.example\r\n\r\n")
    head = b""
    while b"\r\n\r\n" not in head:
        head += connection.recv(65536)
    head, rest = head.split(b"\r\n\r\n", 1)
    lines = head.decode().lower().split("\r\n")
    (length,) = [int(line.split(":")[1]) for line in lines if line.startswith("content-length:")]
    while len(rest) < length:
        rest += connection.recv(65536)
    return lines[0].split()[1]
