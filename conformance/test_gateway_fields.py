"""Fields of an Istio Gateway one by one: which certificate is shown, whose is believed, and what passes through without being looked at; and gRPC
as browsers speak it, by a client that is not ours. On both data planes."""

import base64
import hashlib
import json
import pathlib
import subprocess

import pytest

from certificates import Authority, openssl, secret
from manifests import SLEEP, deployment, namespace, python, service
from mesh import until

pytestmark = pytest.mark.patient

HERE = pathlib.Path(__file__).parent
GATEWAY = """---
apiVersion: apps/v1
kind: Deployment
metadata: {name: edge, namespace: front}
spec:
  selector: {matchLabels: {app: edge}}
  template:
    metadata:
      labels: {app: edge, sidecar.istio.io/inject: "true"}
      annotations: {inject.istio.io/templates: gateway}
    spec: {containers: [{name: istio-proxy, image: auto}]}
"""
PORTS = ", ".join(f"{{name: p{port}, port: {port}, targetPort: {target}}}" for port, target in ((80, 8080), (443, 8443), (15443, 15443), (27017, 27017)))
ROUTES = """---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: edge, namespace: front}
spec:
  hosts: ["*"]
  gateways: [edge]
  http:
  - {match: [{uri: {prefix: /t.App/}}], route: [{destination: {host: rpc, port: {number: 9000}}}]}
  - {directResponse: {status: 204}}
  tcp: [{match: [{port: 27017}], route: [{destination: {host: bytes, port: {number: 7000}}}]}]
"""


def server(name, tls):
    return (f"  - {{port: {{number: 443, name: {name}, protocol: HTTPS}}, hosts: [{name}.edge.example], tls: {{{tls}}}}}\n")


def gateway(pins):
    mutual = "mode: MUTUAL, credentialName: "
    servers = "".join([
        server("spki", f'{mutual}trusting, verifyCertificateSpki: ["{pins["spki"]}"]'),
        server("hash", f'{mutual}trusting, verifyCertificateHash: ["{pins["hash"]}"]'),
        server("named", f"{mutual}trusting, subjectAltNames: [right.client]"),
        server("revoking", f"{mutual}revoking"),
        server("either", "mode: OPTIONAL_MUTUAL, credentialName: trusting"),
        server("two", "mode: SIMPLE, credentialNames: [of-rsa, of-ec]"),
        server("curve", "mode: SIMPLE, credentialName: of-ec, ecdhCurves: [P-384]"),
        server("suite", "mode: SIMPLE, credentialName: of-ec, maxProtocolVersion: TLSV1_2, cipherSuites: [ECDHE-ECDSA-AES256-GCM-SHA384]"),
        server("newest", "mode: SIMPLE, credentialName: of-ec, minProtocolVersion: TLSV1_3"),
    ])
    return f"""---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {{name: edge, namespace: front}}
spec:
  selector: {{app: edge}}
  servers:
  - {{port: {{number: 80, name: browsers, protocol: GRPC-WEB}}, hosts: ["*"]}}
  - {{port: {{number: 15443, name: through, protocol: TLS}}, hosts: ["*.local"], tls: {{mode: AUTO_PASSTHROUGH}}}}
  - {{port: {{number: 27017, name: mongo, protocol: MONGO}}, hosts: ["*"]}}
{servers}"""


def revoked(root, certificate):
    """What the authority has revoked: this certificate."""
    folder = root.folder
    (folder / "index").write_text("")
    (folder / "number").write_text("01\n")
    (folder / "crl.cnf").write_text(f"[ca]\ndefault_ca = own\n[own]\ndatabase = {folder}/index\ncrlnumber = {folder}/number\ndefault_md = sha256\n"
                                    "default_crl_days = 2\ncrl_extensions = more\n[more]\nauthorityKeyIdentifier = keyid:always\n")
    whole = ("-config", folder / "crl.cnf", "-keyfile", root.key, "-cert", root.certificate)
    openssl("ca", *whole, "-revoke", certificate)
    openssl("ca", *whole, "-gencrl", "-out", folder / "root.crl")
    return folder / "root.crl"


def pinned(certificate):
    """Hashes of a certificate and of its public key, as the API wants them."""
    der = subprocess.run(["openssl", "x509", "-in", certificate, "-outform", "DER"], capture_output=True, timeout=30, check=True).stdout
    key = subprocess.run(["openssl", "x509", "-in", certificate, "-noout", "-pubkey"], capture_output=True, timeout=30, check=True).stdout
    key = subprocess.run(["openssl", "pkey", "-pubin", "-outform", "DER"], input=key, capture_output=True, timeout=30, check=True).stdout
    return {"hash": hashlib.sha256(der).hexdigest(), "spki": base64.b64encode(hashlib.sha256(key).digest()).decode()}


@pytest.fixture(scope="module")
def edge(mesh_of, tmp_path_factory):
    folder = tmp_path_factory.mktemp("edge")
    for parent in [folder, *folder.parents][:3]:
        parent.chmod(0o755)
    root = Authority(folder)
    right, _ = root.sign("right")
    wrong, _ = root.sign("wrong")
    hosts = ["*.edge.example"]
    rsa, ec = root.sign("rsa", *hosts, kind="rsa"), root.sign("ec", *hosts)
    text = namespace("front") + namespace("street", "") + GATEWAY + ROUTES + gateway(pinned(right)) + service("edge", "front", PORTS)
    text += secret("trusting", "front", *ec, root.certificate)
    text += secret("revoking", "front", *ec, root.certificate, more={"ca.crl": revoked(root, wrong)})
    text += secret("of-rsa", "front", *rsa) + secret("of-ec", "front", *ec)
    rpc = python(HERE / "grpc_app.py", "serve", "9000")
    text += service("rpc", "front", "{name: grpc, port: 9000}") + deployment("rpc", "front", rpc)
    text += service("browsed", "front", "{name: grpc-web, port: 9000}") + deployment("browsed", "front", rpc)
    text += service("bytes", "front", "{name: tcp, port: 7000}") + deployment("bytes", "front", 'image: weft/echo, args: ["--tcp", "--port", "7000"]')
    text += deployment("client", "street", SLEEP)
    mesh = mesh_of(text)
    mesh.files = folder
    mesh.edge = mesh.get("service", "-n", "front", "edge")["spec"]["clusterIP"]
    def first():
        return {name: https(mesh, name, *client("right", mesh)) for name in ("spki", "revoking", "two", "newest")}

    until(lambda: f"every server answers: {first()}", lambda: set(first().values()) == {"204"})
    return mesh


def client(name, mesh):
    return ("--cert", mesh.files / f"{name}.crt", "--key", mesh.files / f"{name}.key")


def https(mesh, name, *args):
    """The status, or curl's word that there was none."""
    host = f"{name}.edge.example"
    there = ("--cacert", mesh.files / "root.crt", "--resolve", f"{host}:443:{mesh.edge}")
    return mesh.code("street", "deploy/client", *there, *args, f"https://{host}/")


def shown(mesh, port, name, *args):
    """The certificate that a server shows for a name, in openssl's words; nothing when there is none."""
    command = " ".join(map(str, ("openssl s_client -connect", f"{mesh.edge}:{port} -servername", name, *args)))
    read = "openssl x509 -noout -text -certopt no_sigdump,no_pubkey 2>/dev/null"
    return mesh.exec("street", "deploy/client", "sh", "-c", f"{command} </dev/null 2>/dev/null | {read}", check=False).stdout


def test_whose_certificate_is_believed(edge):
    """Some know the client by a hash, some by its name or by what was revoked; one takes whoever shows none or the right one."""
    for name, others in {"spki": "000", "hash": "000", "named": "000", "revoking": "000", "either": "204"}.items():
        found = [https(edge, name, *client("right", edge)), https(edge, name, *client("wrong", edge)), https(edge, name)]
        assert found == ["204", others, others], name


def test_of_two_certificates_the_client_gets_the_one_that_it_can_verify(edge):
    assert "CN=rsa" in shown(edge, 443, "two.edge.example", "-sigalgs", "rsa_pss_rsae_sha256").replace(" ", "")
    assert "CN=ec" in shown(edge, 443, "two.edge.example", "-sigalgs", "ecdsa_secp256r1_sha256").replace(" ", "")


def test_curves_suites_and_versions_are_those_that_are_named(edge):
    assert https(edge, "curve", "--curves", "P-384") == "204"
    assert https(edge, "curve", "--curves", "P-256") == "000"
    assert https(edge, "suite", "--tls-max", "1.2", "--ciphers", "ECDHE-ECDSA-AES256-GCM-SHA384") == "204"
    assert https(edge, "suite", "--tls-max", "1.2", "--ciphers", "ECDHE-ECDSA-AES128-GCM-SHA256") == "000"
    assert https(edge, "suite", "--tlsv1.3") == "000"
    assert https(edge, "newest", "--tls-max", "1.2") == "000"


def test_a_service_of_the_mesh_is_reached_by_the_name_of_its_cluster(edge):
    """TLS ends at the pod behind it, whose identity of the mesh is seen through the gateway."""
    name = "outbound_.9000_._.rpc.front.svc.cluster.local"
    until("rpc is reached", lambda: "URI:spiffe://cluster.local/ns/front/sa/default" in shown(edge, 15443, name, "-alpn", "istio"))
    assert shown(edge, 15443, "outbound_.9000_._.nobody.front.svc.cluster.local", "-alpn", "istio") == ""
    assert shown(edge, 15443, "rpc.front.svc.cluster.local", "-alpn", "istio") == ""


def test_bytes_of_a_database_go_through(edge):
    asked = f"exec 3<>/dev/tcp/{edge.edge}/27017; echo hello >&3; head -n 1 <&3"
    until("bytes come back", lambda: "hello" in edge.exec("street", "deploy/client", "bash", "-c", asked, check=False).stdout)


def test_browsers_call_grpc_servers(edge):
    """Through a gateway whose server says so, and past none to a sidecar whose port does."""
    for who in ("edge.front", "browsed.front:9000"):
        called = ("street", "deploy/client", edge.peers / "python", HERE / "grpc_web_call.py", who)
        until(f"{who} answers", lambda: edge.exec(*called, check=False).returncode == 0)
        told = json.loads(edge.exec(*called).stdout)
        assert told["echo"] == "hello" and told["count"] == ["0", "1", "2"], told
        assert told["fail"].startswith("NOT_FOUND: as asked: 5") and told["none"].startswith("UNIMPLEMENTED"), told


def test_browsers_may_write_base64(edge):
    message = base64.b64encode(b"\0\0\0\0\x05hello").decode()
    kind = "application/grpc-web-text"
    done = edge.curl("street", "deploy/client", "-H", f"content-type: {kind}", "-H", f"accept: {kind}", "-d", message, "http://edge.front/t.App/Echo")
    body, rest = b"", done.stdout.strip()
    # Every part is padded by itself.
    for group in (rest[at:at + 4] for at in range(0, len(rest), 4)):
        body += base64.b64decode(group)
    assert body.startswith(b"\0\0\0\0\x05hello\x80") and b"grpc-status:0\r\n" in body, body
