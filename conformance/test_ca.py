"""The certificate authority changes under load: a new root by one command, and an authority of the user's own."""

import base64
import json
import os
import signal

import pytest

from certificates import openssl
from manifests import ECHO, SLEEP, deployment, namespace, service
from mesh import finish, report, until

pytestmark = pytest.mark.patient

RATE, SECONDS = 500, 200

# Connections between proxies end after a few requests, so that certificates are shown and judged all the time.
# Mutual TLS only, and a new connection every few requests, so that certificates are judged.
RULES = """---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: pki}
spec: {mtls: {mode: STRICT}}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: echo, namespace: pki}
spec: {host: echo, trafficPolicy: {connectionPool: {http: {maxRequestsPerConnection: 5}}}}
"""
MESH = "".join([
    namespace("pki"), namespace("outside", ""), service("echo", "pki", "{name: http, port: 8080}"),
    deployment("echo", "pki", ECHO, replicas=2), deployment("caller", "pki", SLEEP), deployment("stranger", "outside", SLEEP),
    RULES])
KINDS = {"weft": ["-newkey", "rsa:2048"], "envoy": ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-384"]}


def status(mesh):
    """What `weft ca status` says; nothing while the control plane is away."""
    out = mesh.weft("ca", "status", "-o", "json", check=False)
    return json.loads(out.stdout) if out.stdout.startswith("{") else None


def alone(mesh, source):
    """Waits until nobody but the authority from there signs and is trusted; answers its report."""
    def there(now):
        return now and now["phase"] == "steady" and now["source"] == source and now["behind"] == 0 and len(now["roots"]) == 1 and not now["problem"]
    return until(f"{source} signs alone", lambda: (now := status(mesh)) and there(now) and now)


def roots(mesh, namespace):
    return mesh.get("-n", namespace, "configmap/istio-ca-root-cert")["data"]["root-cert.pem"]


def made(folder, kind):
    """A root, and an authority under it, in the names of `cacerts`."""
    root, key, request, extensions = (folder / name for name in ("root-cert.pem", "root.key", "ca.csr", "ca.ext"))
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "3000",
            "-subj", "/O=user/CN=root of the user", "-keyout", key, "-out", root)
    openssl("req", *kind, "-nodes", "-subj", "/O=user/CN=mesh authority", "-keyout", folder / "ca-key.pem", "-out", request)
    extensions.write_text("basicConstraints=critical,CA:TRUE,pathlen:0\nkeyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash\n")
    openssl("x509", "-req", "-in", request, "-CA", root, "-CAkey", key, "-CAcreateserial", "-days", "1000",
            "-extfile", extensions, "-out", folder / "ca-cert.pem")
    (folder / "cert-chain.pem").write_text((folder / "ca-cert.pem").read_text() + root.read_text())
    return folder


def cacerts(folder, **instead):
    names = ("root-cert.pem", "ca-cert.pem", "ca-key.pem", "cert-chain.pem")
    data = {name: base64.b64encode((instead.get("key", folder) if name == "ca-key.pem" else folder).joinpath(name).read_bytes()).decode()
            for name in names}
    return json.dumps({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "cacerts", "namespace": "istio-system"}, "data": data})


def shown(mesh, address):
    """What openssl says of the certificates that a proxy shows; only the root of the user counts."""
    return mesh.exec("outside", "deploy/stranger", "sh", "-c",
                     f"openssl s_client -connect {address}:8080 -alpn istio -showcerts -CAfile {mesh.folder}/root-cert.pem </dev/null 2>&1",
                     check=False).stdout


@pytest.fixture(scope="module")
def pki(mesh_of):
    return mesh_of(MESH)


def test_roots_change_under_load_without_a_failed_request(pki, plane, tmp_path):
    mesh = pki
    until("the caller reaches echo", lambda: mesh.code("pki", "deploy/caller", "http://echo:8080/") == "200")
    before, first = status(mesh), roots(mesh, "pki")
    assert before["phase"] == "steady" and len(before["roots"]) == 1 and before["roots"][0]["live"] >= 3, before
    rehearsed = mesh.weft("ca", "rotate", "--rehearse").stdout
    assert "Nothing is changed" in rehearsed and f"{before['holders']} holders" in rehearsed, rehearsed
    assert status(mesh)["trust_version"] == before["trust_version"]

    load = mesh.load("pki", "deploy/caller", "http://echo:8080/", RATE, SECONDS)
    told = mesh.weft("ca", "rotate").stdout
    assert [line.split(":")[0] for line in told.splitlines()] == ["trusting", "renewing", "steady"], told
    after = status(mesh)
    assert len(after["roots"]) == 1 and after["roots"][0]["fingerprint"] != before["roots"][0]["fingerprint"], after
    assert after["roots"][0]["live"] == after["holders"] and after["waits_for"] == 0, after
    second = until("the old root is gone from what pods get", lambda: (roots(mesh, "pki") != first) and roots(mesh, "pki"))
    assert second.count("BEGIN CERTIFICATE") == 1
    until("everybody has forgotten the old root", lambda: status(mesh)["behind"] == 0)

    user, other = made(tmp_path, KINDS[plane]), tmp_path / "other"
    other.mkdir()
    mesh.apply_text(cacerts(user, key=made(other, KINDS[plane])))
    refused = until("a wrong key is told", lambda: (status(mesh) or {}).get("problem"))
    assert "Secret istio-system/cacerts: ca-key.pem: is not the key of ca-cert.pem" in refused, refused
    assert "REFUSED" in mesh.weft("ca", "status", check=False).stdout
    assert status(mesh)["roots"] == until("still", lambda: status(mesh))["roots"] and roots(mesh, "pki") == second

    mesh.apply_text(cacerts(user))
    until("the authority of the user is taken over", lambda: "root of the user" in str(status(mesh)))
    ended = alone(mesh, "Secret istio-system/cacerts")
    assert "root of the user" in ended["roots"][0]["subject"], ended
    assert "cannot rotate" in mesh.weft("ca", "rotate", check=False).stderr

    (mesh.folder / "root-cert.pem").write_text((user / "root-cert.pem").read_text())
    pods = mesh.get("-n", "pki", "pods", "-l", "app=echo")["items"]
    for pod in pods:
        seen = shown(mesh, pod["status"]["podIP"])
        assert "Verify return code: 0 (ok)" in seen and "mesh authority" in seen, seen
    mesh.end_loads()
    result = finish(load, SECONDS)
    assert result["failed"] == 0 and result["requests"] > 1000, result
    report(f"{mesh.name}: {result['requests']} requests at {result['rate']:.0f} a second while the root changed twice: {result['failed']} failed, p99 {result['latency_ms']['p99']} ms")


def test_a_control_plane_that_ends_in_a_phase_goes_on_there(pki):
    """The Secret is gone, so the authority in the folder counts again; `kubectl exec` would not outlive the kill, so there is no load."""
    pki.kubectl("delete", "secret", "-n", "istio-system", "cacerts")
    until("the own root is handed out", lambda: (status(pki) or {}).get("phase") == "trusting")
    os.kill(pki.control_plane_pid(), signal.SIGKILL)
    until("it goes on", lambda: "weft mesh root" in str(status(pki)))
    assert "weft mesh root" in alone(pki, "self-made")["roots"][0]["subject"]
    assert pki.code("pki", "deploy/caller", "http://echo:8080/") == "200"


def test_metrics_tell_the_ends_and_every_refusal_by_its_reason(pki):
    def metrics():
        return pki.exec("outside", "deploy/stranger", "curl", "-sS", "http://istiod.istio-system.svc:15014/metrics").stdout

    text = metrics()
    for name in ("citadel_server_root_cert_expiry_timestamp", "citadel_server_cert_chain_expiry_timestamp"):
        assert f"\n{name} 1" in text or f"\n{name} 2" in text, text
    assert 'weft_ca_refusals_total{reason="expired_token"}' in text
