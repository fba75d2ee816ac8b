"""Port 15017 asked over real HTTPS, and the webhooks of users called by the API server."""

import base64
import json
import re
import subprocess

import pytest

from mesh import running, until

pytestmark = pytest.mark.patient

PLACE = """apiVersion: v1
kind: Namespace
metadata: {name: hooks}
---
apiVersion: v1
kind: Pod
metadata: {name: asker, namespace: hooks}
spec:
  containers:
  - {name: asker, image: weft/sleep, volumeMounts: [{name: root, mountPath: /var/root}]}
  volumes: [{name: root, configMap: {name: istio-ca-root-cert}}]
"""

WRONG = {
    "apiVersion": "networking.istio.io/v1",
    "kind": "VirtualService",
    "metadata": {"name": "web", "namespace": "hooks"},
    "spec": {"hosts": ["web"], "http": [{"route": [{"destination": {"host": "web"}, "weight": -3}]}]},
}

GOOD = {**WRONG, "spec": {"hosts": ["web"], "http": [{"route": [{"destination": {"host": "web"}}]}]}}


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    with running(tmp_path_factory.mktemp("hooks") / "mesh.yaml", PLACE) as mesh:
        yield mesh


def review(item, group, kind, plural, operation="CREATE"):
    return {
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {
            "uid": "0e5c", "operation": operation, "namespace": "hooks", "name": item["metadata"]["name"],
            "kind": {"group": group, "version": "v1", "kind": kind},
            "resource": {"group": group, "version": "v1", "resource": plural},
            "object": item,
        },
    }


def ask(mesh, path, body, *more):
    """curl inside a pod, which trusts nothing but the mesh's root; the code and the body."""
    done = mesh.curl(
        "hooks", "asker", "--cacert", "/var/root/root-cert.pem", "-H", "content-type: application/json",
        "-w", "\n%{http_code}", "-d", body, *more, f"https://istiod.istio-system.svc{path}",
    )
    text, code = done.stdout.rsplit("\n", 1)
    return int(code), text


@pytest.mark.parametrize("protocol", ["--http1.1", "--http2"])
def test_the_webhook_says_what_the_api_server_says(small, protocol):
    route = ("networking.istio.io", "VirtualService", "virtualservices")
    code, text = ask(small, "/validate", json.dumps(review(WRONG, *route)), protocol)
    response = json.loads(text)["response"]
    assert (code, response["uid"], response["allowed"]) == (200, "0e5c", False)
    refused = small.run(small.peers / "kubectl", "apply", "-f", "-", stdin=json.dumps(WRONG), check=False)
    assert response["status"]["message"] in refused.stderr, (refused.stderr, response)
    code, text = ask(small, "/validate", json.dumps(review(GOOD, *route)), protocol)
    assert json.loads(text)["response"] == {"uid": "0e5c", "allowed": True}
    code, text = ask(small, "/validate", "[1", protocol)
    assert code == 400 and "not JSON" in text


def test_the_webhook_injects_as_a_patch(small):
    pod = {"metadata": {"name": "a", "labels": {"sidecar.istio.io/inject": "true"}},
           "spec": {"containers": [{"name": "app", "image": "weft/echo"}]}}
    code, text = ask(small, "/inject/cluster/a/net/b", json.dumps(review(pod, "", "Pod", "pods")))
    response = json.loads(text)["response"]
    assert code == 200 and response["patchType"] == "JSONPatch"
    assert "istio-proxy" in base64.b64decode(response["patch"]).decode()


def test_printed_configurations_can_be_applied_and_trust_the_root_of_the_mesh(small):
    printed = small.weft("webhooks").stdout
    assert printed.count("caBundle") == 5
    small.apply_text(re.sub('"caBundle": "[^"]*"', '"caBundle": "Cg=="', printed))
    root = base64.b64encode((small.state / "ca/root-cert.pem").read_bytes()).decode()

    def mended():
        found = small.get("validatingwebhookconfigurations,mutatingwebhookconfigurations")["items"]
        hooks = [hook for item in found for hook in item["webhooks"]]
        return len(hooks) == 5 and all(hook["clientConfig"]["caBundle"] == root for hook in hooks)

    until("the configurations trust the mesh's root", mended)


# -- webhooks of users

SERVER = '''
import base64, http.server, json, ssl

class Hook(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))["request"]
        item = asked["object"] or asked["oldObject"]
        response = {"uid": asked["uid"], "allowed": True}
        if self.path == "/validate":
            response["warnings"] = [f"{asked['operation']} by {asked['userInfo']['username']}, dry run {asked['dryRun']}"]
            if (item["metadata"].get("labels") or {}).get("deny") == "yes":
                response.update(allowed=False, status={"code": 403, "message": "labels say no"})
        if self.path == "/mutate":
            patch = [{"op": "add", "path": "/data/seen", "value": asked["kind"]["kind"]}]
            response.update(patchType="JSONPatch", patch=base64.b64encode(json.dumps(patch).encode()).decode())
        body = json.dumps({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response}).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

server = http.server.ThreadingHTTPServer(("0.0.0.0", 8443), Hook)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("/var/tls/tls.crt", "/var/tls/tls.key")
server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()
'''


def certified(folder):
    """A root and a certificate for the Service of the webhook, made with openssl."""
    def openssl(*words):
        subprocess.run(["openssl", *words], check=True, cwd=folder, capture_output=True)

    new = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    openssl("req", "-x509", *new, "-keyout", "ca.key", "-out", "ca.crt", "-subj", "/CN=root", "-days", "2")
    openssl("req", *new, "-keyout", "tls.key", "-out", "tls.csr", "-subj", "/CN=policy")
    (folder / "san").write_text("subjectAltName=DNS:policy.hooks.svc")
    openssl("x509", "-req", "-in", "tls.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial",
            "-out", "tls.crt", "-days", "2", "-extfile", "san")
    return {name: base64.b64encode((folder / name).read_bytes()).decode() for name in ("ca.crt", "tls.crt", "tls.key")}


def configuration(kind, called, path, bundle, **more):
    """One webhook that is asked about ConfigMaps of namespaces with the label `policy`."""
    hook = {
        "name": f"{called}.example.com", "sideEffects": "None", "admissionReviewVersions": ["v1"],
        "clientConfig": {"caBundle": bundle, "service": {"namespace": "hooks", "name": "policy", "path": path}},
        "rules": [{"operations": ["*"], "apiGroups": [""], "apiVersions": ["*"], "resources": ["configmaps"]}],
        "namespaceSelector": {"matchExpressions": [{"key": "policy", "operator": "Exists"}]},
        "matchConditions": [{"name": "ours", "expression": "!(request.name.startsWith('istio-'))"}],
        **more,
    }
    item = {"apiVersion": "admissionregistration.k8s.io/v1", "kind": f"{kind}WebhookConfiguration",
            "metadata": {"name": called}, "webhooks": [hook]}
    return json.dumps(item)


@pytest.fixture(scope="module")
def policy(small, tmp_path_factory):
    """A webhook server in a pod; answers the bundle of its root."""
    made = certified(tmp_path_factory.mktemp("tls"))
    small.apply_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": [
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "tls", "namespace": "hooks"},
         "data": {"tls.crt": made["tls.crt"], "tls.key": made["tls.key"]}},
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "server", "namespace": "hooks"},
         "data": {"server.py": SERVER}},
        {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "policy", "namespace": "hooks"},
         "spec": {"selector": {"app": "policy"}, "ports": [{"port": 443, "targetPort": 8443}]}},
        {"apiVersion": "v1", "kind": "Pod",
         "metadata": {"name": "policy", "namespace": "hooks", "labels": {"app": "policy"}},
         "spec": {
             "containers": [{
                 "name": "server", "image": "python", "command": ["python3", "/var/code/server.py"],
                 "readinessProbe": {"tcpSocket": {"port": 8443}, "periodSeconds": 1},
                 "volumeMounts": [{"name": "tls", "mountPath": "/var/tls"}, {"name": "code", "mountPath": "/var/code"}],
             }],
             "volumes": [{"name": "tls", "secret": {"secretName": "tls"}},
                         {"name": "code", "configMap": {"name": "server"}}]}},
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "ruled", "labels": {"policy": "on"}}},
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "free"}},
    ]}))
    small.kubectl("wait", "-n", "hooks", "--for=condition=Ready", "pod/policy", "--timeout=180s")
    return made["ca.crt"]


def create(mesh, namespace, name, *more, labels=""):
    text = f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}, labels: {{{labels}}}}}\ndata: {{a: b}}\n"
    return mesh.run(mesh.peers / "kubectl", "create", "-n", namespace, *more, "-f", "-", stdin=text, check=False)


def test_a_users_webhook_judges_what_it_selects_and_nothing_else(small, policy):
    create(small, "ruled", "kept", labels="deny: 'yes'")
    small.apply_text(configuration("Validating", "judge", "/validate", policy))
    done = create(small, "ruled", "good")
    assert done.returncode == 0 and "Warning: CREATE by weft-admin" in done.stderr, done.stderr
    done = create(small, "ruled", "bad", labels="deny: 'yes'")
    assert 'admission webhook "judge.example.com" denied the request: labels say no' in done.stderr
    assert create(small, "ruled", "tried", "--dry-run=server").stderr.count("dry run True") == 1
    for place, name in (("free", "bad"), ("ruled", "istio-bad")):
        done = create(small, place, name, labels="deny: 'yes'")
        assert done.returncode == 0 and "Warning" not in done.stderr, done.stderr
    small.kubectl("label", "configmap", "-n", "free", "bad", "x=y")
    done = small.run(small.peers / "kubectl", "label", "configmap", "-n", "ruled", "good", "deny=yes", check=False)
    assert "labels say no" in done.stderr
    done = small.run(small.peers / "kubectl", "delete", "configmap", "-n", "ruled", "kept", check=False)
    assert "labels say no" in done.stderr
    small.kubectl("delete", "configmap", "-n", "ruled", "good")
    small.kubectl("delete", "validatingwebhookconfiguration", "judge")


def test_a_users_webhook_changes_what_is_stored(small, policy):
    small.apply_text(configuration("Mutating", "change", "/mutate", policy))
    assert create(small, "ruled", "changed").returncode == 0
    assert small.get("configmap", "-n", "ruled", "changed")["data"] == {"a": "b", "seen": "ConfigMap"}
    small.kubectl("delete", "mutatingwebhookconfiguration", "change")


def test_a_webhook_that_cannot_be_asked_refuses_unless_it_may_be_ignored(small, policy):
    nobody = {"clientConfig": {"caBundle": policy, "url": "https://10.244.0.1:9/"}}
    small.apply_text(configuration("Validating", "gone", "/validate", policy, **nobody))
    done = create(small, "ruled", "stopped")
    assert done.returncode != 0
    for word in ("gone.example.com", "10.244.0.1:9", "failurePolicy"):
        assert word in done.stderr, done.stderr
    small.apply_text(configuration("Validating", "gone", "/validate", policy, failurePolicy="Ignore", **nobody))
    assert create(small, "ruled", "stopped").returncode == 0
    small.kubectl("delete", "validatingwebhookconfiguration", "gone")


WRONG_HOOKS = {
    "name of three parts": {"name": "short"},
    "webhooks[0].sideEffects": {"sideEffects": "Some"},
    "webhooks[0].timeoutSeconds": {"timeoutSeconds": 31},
    "webhooks[0].clientConfig.url": {"clientConfig": {"url": "http://a"}},
    "webhooks[0].matchConditions[0].expression": {"matchConditions": [{"name": "a", "expression": "self.x"}]},
    "webhooks[0].rules[0].operations": {"rules": [
        {"operations": ["MAKE"], "apiGroups": ["*"], "apiVersions": ["*"], "resources": ["*"]}]},
}


@pytest.mark.parametrize("words", WRONG_HOOKS)
def test_a_wrong_configuration_is_refused_by_its_field(small, policy, words):
    text = configuration("Validating", "wrong", "/validate", policy, **WRONG_HOOKS[words])
    done = small.run(small.peers / "kubectl", "create", "-f", "-", stdin=text, check=False)
    assert done.returncode != 0 and words in done.stderr, done.stderr
