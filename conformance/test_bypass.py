"""Attempts to get past the mesh's rules, on both data planes: every row of bypass.py and bypass_peers.py is refused, and each application
counts what reached it all the same."""

import json
import pathlib
import time

import pytest

import bypass
import bypass_peers
from bypass import BASE, DECODE, MARK, MERGE
from certificates import Authority, openssl
from manifests import SLEEP, gate, namespace, python, service, workload
from mesh import PEERS, report, until

pytestmark = pytest.mark.patient

HERE = pathlib.Path(__file__).resolve().parent
APP = f"{python(HERE / 'bypass_app.py', 8080)}, readinessProbe: {{tcpSocket: {{port: 8080}}}}"
SERVERS = ("paths", "barred", "callers", "strict", "users")
CALLERS = {"plain": "outside", "other": "far", "friend": "vault"}
SETTINGS = {
    "pathNormalization": {"normalization": BASE},
    "defaultConfig": {"gatewayTopology": {"numTrustedProxies": 1}},
}
RULES = """---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: strict, namespace: vault}
spec: {selector: {matchLabels: {app: strict}}, mtls: {mode: STRICT}}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: paths, namespace: vault}
spec:
  selector: {matchLabels: {app: paths}}
  rules:
    - to: [{operation: {methods: [GET, POST], paths: [/public, "/public/*"]}}]
    - to: [{operation: {methods: [POST], paths: [/pkg.Reader/Read]}}]
    - {to: [{operation: {paths: [/named]}}], when: [{key: "request.headers[x-role]", values: [admin]}]}
    - {to: [{operation: {paths: [/unless]}}], when: [{key: "request.headers[x-role]", notValues: [blocked]}]}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: barred, namespace: vault}
spec:
  selector: {matchLabels: {app: barred}}
  action: DENY
  rules:
    - to: [{operation: {paths: [/admin, "/admin/*"]}}, {operation: {methods: [DELETE]}}, {operation: {hosts: [evil.example, "evil.example:*"]}}]
    - when: [{key: "request.headers[x-role]", values: [blocked]}]
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: callers, namespace: vault}
spec:
  selector: {matchLabels: {app: callers}}
  rules:
    - {to: [{operation: {paths: [/friend]}}], from: [{source: {principals: [cluster.local/ns/vault/sa/friend]}}]}
    - {to: [{operation: {paths: [/space]}}], from: [{source: {namespaces: [vault]}}]}
    - {to: [{operation: {paths: [/block]}}], from: [{source: {ipBlocks: [203.0.113.0/24]}}]}
    - {to: [{operation: {paths: [/free]}}]}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: users, namespace: vault}
spec:
  selector: {matchLabels: {app: users}}
  rules:
    - {to: [{operation: {paths: [/free]}}]}
    - from: [{source: {requestPrincipals: ["https://one.example/ann"]}}]
---
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: users, namespace: vault}
spec:
  selector: {matchLabels: {app: users}}
  jwtRules:
    - issuer: https://one.example
      audiences: [api]
      jwks: 'KEYS'
      outputPayloadToHeader: x-payload
      outputClaimToHeaders: [{header: x-sub, claim: sub}, {header: x-role, claim: realm.role}]
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: gate, namespace: istio-system}
spec:
  selector: {matchLabels: {istio: ingressgateway}}
  rules: [{from: [{source: {remoteIpBlocks: [203.0.113.0/24]}}]}]
"""


def world():
    operator = {"apiVersion": "install.istio.io/v1alpha1", "kind": "IstioOperator", "spec": {"meshConfig": SETTINGS}}
    text = json.dumps(operator) + "\n" + namespace("vault") + namespace("far") + namespace("outside", "")
    text += "".join(service(name, "vault", "{name: http, port: 8080}") + workload(name, "vault", APP) for name in SERVERS)
    text += "".join(workload(name, place, SLEEP) for name, place in CALLERS.items()) + workload("spare", "vault", SLEEP)
    return text + RULES.replace("KEYS", bypass.TOKENS["keys-one"]) + gate("vault", "{route: [{destination: {host: users, port: {number: 8080}}}]}")


class Attacked:
    """A mesh, and what came of every row that was tried on it."""

    def __init__(self, mesh, folder):
        self.mesh, self.folder, self.told, self.marks = mesh, folder, {}, {}
        self.pods = {pod["metadata"]["labels"]["app"]: pod for pod in mesh.get("pods", "-A")["items"] if "app" in pod["metadata"].get("labels", {})}
        self.shown = {"nobody": None, **self.certificates()}

    def certificates(self):
        """Files of what somebody may show, by name."""
        root = self.mesh.state / "ca"
        signer = bypass_peers.Certificates(self.folder, root / "ca-cert.pem", root / "ca-key.pem")
        made = {name: signer.sign(name, names) for name, names in (bypass_peers.NAMES | bypass_peers.TWO | bypass_peers.SPACES).items()}
        friend = bypass_peers.NAMES["friend"]
        foreign, own = Authority(self.folder, "elsewhere"), Authority(self.folder, "itself")
        made["foreign"] = bypass_peers.Certificates(self.folder, foreign.certificate, foreign.key).sign("foreign", friend)
        made["own"] = [str(own.certificate), str(own.key)]
        own.key.chmod(0o644)
        made["expired"] = signer.sign("expired", friend, days=0)
        made["leaf"] = bypass_peers.Certificates(self.folder, *made["friend"]).sign("leaf", friend)
        with open(made["leaf"][0], "a") as chain:
            chain.write(pathlib.Path(made["friend"][0]).read_text())
        return made

    def case(self, row):
        mark = b"~%03d" % len(self.marks)
        self.marks[row.key] = mark.decode()
        host = self.pods[row.to]["status"]["podIP"] if row.address else row.to if "." in row.to else f"{row.to}.vault"
        meshed = row.to in SERVERS
        tls = {"files": self.shown[row.shown], "name": f"outbound_.8080_._.{row.to}.vault.svc.cluster.local" if meshed else row.to,
               "protocols": ["istio-http/1.1", "istio", "http/1.1"] if meshed else ["h2"]} if row.shown else None
        return {"name": row.key, "host": host, "port": row.port, "hex": row.raw.replace(MARK, mark).hex(), "tls": tls,
                "h2": row.raw.startswith(bypass.SETTINGS), "first": 10 if row.refused else 2, "quiet": 1.2}

    def attempt(self, rows):
        for caller in CALLERS:
            cases = [self.case(row) for row in rows if row.by == caller]
            if cases:
                done = self.mesh.run(self.mesh.peers / "kubectl", "exec", "-i", "-n", CALLERS[caller], f"deploy/{caller}", "-c", "c0", "--",
                                     PEERS / "python", HERE / "raw_client.py", stdin=json.dumps(cases))
                self.told |= json.loads(done.stdout)

    def normalise(self, how, path):
        """Has paths in another form of their own from now on, which a path tells."""
        settings = SETTINGS | {"pathNormalization": {"normalization": how}}
        self.mesh.apply_text(json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "istio", "namespace": "istio-system"},
                                         "data": {"mesh": json.dumps(settings)}}))
        for server in ("barred", "paths"):
            url = f"http://{server}.vault:8080{path}"
            until(f"paths are {how}", lambda url=url: self.mesh.code("outside", "deploy/plain", "--path-as-is", url) == "403")

    def token(self, name, *more):
        pod = self.pods[name]["metadata"]
        return self.mesh.kubectl("create", "token", name, "-n", pod["namespace"], "--bound-object-kind", "Pod", "--bound-object-name", pod["name"],
                                 *more).strip()

    def control_plane(self):
        tokens = {name: self.token(pod, "--audience", "istio-ca") for name, pod in (("own", "friend"), ("other", "other"), ("gone", "spare"))}
        tokens |= {"audience": self.token("friend"), "mixed": f"{tokens['own'].rsplit('.', 1)[0]}.{tokens['other'].rsplit('.', 1)[1]}"}
        self.mesh.kubectl("delete", "deployment", "spare", "-n", "vault")
        until("the pod is gone", lambda: "spare" not in self.mesh.kubectl("get", "pods", "-n", "vault"))
        pods = {name: (pod["status"]["podIP"], pod["metadata"]["name"], pod["metadata"]["namespace"]) for name, pod in self.pods.items()}
        return bypass_peers.control_plane(tokens, self.request(), self.request("-addext", "subjectAltName=URI:spiffe://cluster.local/ns/far/sa/other"), pods)

    def request(self, *more):
        """A request for a certificate."""
        out = self.folder / "request.csr"
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/O=x", *more,
                "-keyout", self.folder / "request.key", "-out", out)
        return out.read_text()

    def read_logs(self):
        self.log = "".join(self.mesh.kubectl("logs", "-n", "vault", f"deploy/{name}", "-c", "c0") for name in SERVERS)

    def passed(self, row):
        """Whether it got through."""
        if not row.answers:
            return self.marks[row.key] in self.log
        said = self.told[row.key]["said"]
        return 200 in said and all(one in (200, "grpc 0") for one in said)

    def wrong(self, row):
        """What is wrong with what came of it."""
        said = " ".join(map(str, self.told[row.key]["said"]))
        envoy = self.mesh.dataplane == "envoy"
        if self.passed(row) != (row.control or envoy and bool(row.open)):
            return f"{row.key}: it {'passed' if self.passed(row) else 'did not pass'}: {said!r}"
        if envoy or said == row.refused or (row.refused[:1] == "*" and row.refused[1:] in said):
            return None
        return f"{row.key}: {said!r} instead of {row.refused!r}"


@pytest.fixture(scope="module")
def attacked(mesh_of, tmp_path_factory):
    folder = tmp_path_factory.mktemp("bypass")
    for parent in [folder, *folder.parents][:3]:
        parent.chmod(0o755)
    tried = Attacked(mesh_of(world()), folder)
    until("the gateway serves", lambda: tried.mesh.code("outside", "deploy/plain", "-H", "X-Forwarded-For: 203.0.113.9", f"http://{bypass_peers.GATE}/free") == "200")
    for path in ("/admin", "/public/../admin"):
        until("rules are in force", lambda path=path: tried.mesh.code("outside", "deploy/plain", "--path-as-is", f"http://paths.vault:8080{path}") == "403")
    time.sleep(1)
    tried.rows = [*bypass.ALL, *bypass_peers.ALL, *tried.control_plane()]
    assert len({row.key for row in tried.rows}) == len(tried.rows)
    tried.attempt([row for row in tried.rows if row.normal == BASE])
    for how, path in ((MERGE, "//admin"), (DECODE, "/%2Fadmin")):
        tried.normalise(how, path)
        tried.attempt([row for row in tried.rows if row.normal == how])
    tried.read_logs()
    return tried


def test_every_attempt_is_refused(attacked):
    wrong = [found for row in attacked.rows if not row.control and (found := attacked.wrong(row))]
    assert not wrong, "\n".join(wrong)
    tried = [row for row in attacked.rows if not row.control]
    assert len(tried) >= 150
    report(f"bypass, {attacked.mesh.dataplane}: {len(tried)} attempts, {sum(bool(row.open) for row in tried)} of which an Envoy lets pass")


def test_what_may_pass_passes(attacked):
    wrong = [found for row in attacked.rows if row.control and (found := attacked.wrong(row))]
    assert not wrong, "\n".join(wrong)
    assert {row.to for row in attacked.rows} == {row.to for row in attacked.rows if row.control}, "somebody who refuses everything proves nothing"
