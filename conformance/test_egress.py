"""Ways out of the mesh, on both data planes: what REGISTRY_ONLY refuses and how that is counted, and the seeds that lead api.stripe.com through an
egress gateway, with mTLS up to it, policies at it, and TLS that begins at it. TLS servers in pods without a proxy stand for the outside."""

import json
import pathlib

import pytest

from certificates import Authority, secret
from manifests import SLEEP, deployment, namespace, python, service
from mesh import SEEDS, until

pytestmark = pytest.mark.patient

HERE = pathlib.Path(__file__).parent
# The addresses of the outside, as its name servers would tell them to the gateway.
STRIPE, PARTNER = "10.96.77.10", "10.96.77.11"
GATE = "istio-egressgateway.istio-system.svc.cluster.local"

OPERATOR = """apiVersion: install.istio.io/v1alpha1
kind: IstioOperator
metadata: {name: mesh}
spec:
  meshConfig:
    accessLogFile: /dev/stdout
    outboundTrafficPolicy: {mode: REGISTRY_ONLY}
  components:
    egressGateways: [{name: istio-egressgateway, enabled: true}]
"""

# What completes s1-16 and s1-17 to the task that Istio documents, with mTLS from sidecars to the gateway; its rule stands in the gateway's
# namespace, so that it is everybody's.
STRIPE_DOOR = f"""---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {{name: way-out, namespace: production}}
spec:
  selector: {{istio: egressgateway}}
  servers:
  - port: {{number: 443, name: tls-stripe, protocol: TLS}}
    hosts: [api.stripe.com]
    tls: {{mode: ISTIO_MUTUAL}}
  - port: {{number: 80, name: https-partner, protocol: HTTPS}}
    hosts: [partner.example]
    tls: {{mode: ISTIO_MUTUAL}}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: stripe-at-the-gateway, namespace: production}}
spec:
  hosts: [api.stripe.com]
  gateways: [way-out]
  tcp:
  - match: [{{port: 443}}]
    route: [{{destination: {{host: api.stripe.com, port: {{number: 443}}}}}}]
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {{name: to-the-gateway, namespace: istio-system}}
spec:
  host: {GATE}
  trafficPolicy:
    portLevelSettings:
    - {{port: {{number: 443}}, tls: {{mode: ISTIO_MUTUAL, sni: api.stripe.com}}}}
    - {{port: {{number: 80}}, tls: {{mode: ISTIO_MUTUAL, sni: partner.example}}}}
"""

# Requests leave in plain text, and become TLS with the client's certificate of a Secret at the gateway.
PARTNER_DOOR = f"""---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {{name: partner, namespace: production}}
spec:
  hosts: [partner.example]
  location: MESH_EXTERNAL
  resolution: DNS
  ports: [{{number: 80, name: http, protocol: HTTP}}, {{number: 443, name: https, protocol: HTTPS}}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: partner, namespace: production}}
spec:
  hosts: [partner.example]
  gateways: [mesh, way-out]
  http:
  - match: [{{gateways: [mesh], port: 80}}]
    route: [{{destination: {{host: {GATE}, port: {{number: 80}}}}}}]
  - match: [{{gateways: [way-out], port: 80}}]
    route: [{{destination: {{host: partner.example, port: {{number: 443}}}}}}]
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {{name: partner, namespace: production}}
spec:
  host: partner.example
  trafficPolicy:
    portLevelSettings:
    - {{port: {{number: 443}}, tls: {{mode: MUTUAL, credentialName: partner-client, sni: partner.example}}}}
"""

POLICY = """---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: ways-out, namespace: istio-system}
spec:
  selector: {matchLabels: {istio: egressgateway}}
  action: ALLOW
  rules:
  - from: [{source: {principals: [cluster.local/ns/production/sa/default]}}]
    when: [{key: connection.sni, values: [api.stripe.com]}]
  - from: [{source: {namespaces: [production]}}]
    to: [{operation: {hosts: [partner.example], methods: [GET], notPaths: [/secret]}}]
"""

WIKIPEDIA = """---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: wikipedia, namespace: production}
spec:
  hosts: ["*.wikipedia.org"]
  location: MESH_EXTERNAL
  resolution: NONE
  ports: [{number: 8443, name: tls, protocol: TLS}]
---
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: open, namespace: production}
spec:
  workloadSelector: {labels: {app: open}}
  outboundTrafficPolicy: {mode: ALLOW_ANY}
"""


def outside(name, address, *files):
    """A TLS server that has no proxy, at a known address."""
    container = f"{python(HERE / 'tls_server.py', 8443, *files)}, readinessProbe: {{tcpSocket: {{port: 8443}}}}"
    ports = "{name: tls, port: 443, targetPort: 8443}"
    return service(name, "outside", ports, f"clusterIP: {address}") + deployment(name, "outside", container)


@pytest.fixture(scope="module")
def egress(mesh_of, tmp_path_factory):
    folder = tmp_path_factory.mktemp("egress")
    for parent in [folder, *folder.parents][:3]:
        parent.chmod(0o755)
    root = Authority(folder)
    stripe = root.sign("stripe", "api.stripe.com", "*.wikipedia.org")
    text = OPERATOR + namespace("production") + namespace("other") + namespace("outside", "")
    text += outside("stripe", STRIPE, *stripe) + outside("partner", PARTNER, *root.sign("partner", "partner.example"), root.certificate)
    text += service("plain", "outside", "{name: http, port: 81, targetPort: 8080}")
    text += deployment("plain", "outside", 'image: weft/echo, args: ["--port", "8080"]')
    text += "".join(deployment(name, "production", SLEEP) for name in ("client", "open")) + deployment("client", "other", SLEEP)
    for seed in ("s1-16", "s1-17"):
        (found,) = SEEDS.glob(f"{seed}-*.yaml")
        text += "---\n" + found.read_text()
    text += STRIPE_DOOR + PARTNER_DOOR + POLICY + WIKIPEDIA
    text += secret("partner-client", "istio-system", *root.sign("billing"), root.certificate)
    mesh = mesh_of(text)
    mesh.authority = root.certificate
    aliases = [{"ip": STRIPE, "hostnames": ["api.stripe.com"]}, {"ip": PARTNER, "hostnames": ["partner.example"]}]
    patch = json.dumps({"spec": {"template": {"spec": {"hostAliases": aliases}}}})
    mesh.kubectl("patch", "-n", "istio-system", "deploy/istio-egressgateway", "-p", patch)
    # The gateway that has the names comes up; the tests wait for it to be the one that is asked.
    mesh.kubectl("rollout", "status", "-n", "istio-system", "deploy/istio-egressgateway", "--timeout=120s")
    return mesh


def tls(mesh, space, host, port=443, to="192.0.2.10", sender="client"):
    """What a server of TLS saw of a call to an address that only the mesh makes sense of; the exit code of curl when there was none."""
    done = mesh.curl(space, f"deploy/{sender}", "--cacert", mesh.authority, "--resolve", f"{host}:{port}:{to}", f"https://{host}:{port}/", check=False)
    return json.loads(done.stdout) if done.returncode == 0 else done.returncode


def http(mesh, space, host, path="/", *args, to="192.0.2.10", sender="client"):
    """The status of a request, and the body of its answer."""
    done = mesh.curl(space, f"deploy/{sender}", "-w", "\n%{http_code}", "--resolve", f"{host}:80:{to}", *args, f"http://{host}{path}", check=False)
    body, _, status = done.stdout.rpartition("\n")
    return status, body


def log(mesh, target, space="production"):
    return mesh.kubectl("logs", "-n", space, target, "-c", "istio-proxy")


def line_with(mesh, target, *words, space="production"):
    """The first line of a proxy's log with all of these words, which comes when what it tells of is over."""
    def found():
        return next((line for line in log(mesh, target, space).splitlines() if all(word in line for word in words)), None)
    return until(f"{target} tells of {words}", found)


def counted(mesh, target, metric, *labels):
    """Whether a metric of a proxy has a series with these labels."""
    told = mesh.curl("production", target, "http://127.0.0.1:15090/stats/prometheus").stdout.splitlines()
    return any(line.startswith(metric) and all(label in line for label in labels) for line in told)


def address(mesh, space, name):
    (pod,) = mesh.get("pods", "-n", space, "-l", f"app={name}")["items"]
    return pod["status"]["podIP"]


def test_what_the_registry_does_not_know_is_refused_and_counted_against_the_black_hole(egress):
    mesh = egress
    assert http(mesh, "production", "unknown.example")[0] == "502"
    assert tls(mesh, "production", "unknown.example") in (35, 52, 56), "TLS is closed"
    bytes_of = mesh.curl("production", "deploy/client", "http://192.0.2.10:7777/", check=False)
    assert bytes_of.returncode in (52, 56), "bytes are closed"
    line_with(mesh, "deploy/client", "unknown.example", " 502 ", "block_all")
    line_with(mesh, "deploy/client", "192.0.2.10:443", "BlackHoleCluster", " UH ")
    line_with(mesh, "deploy/client", "192.0.2.10:7777", "BlackHoleCluster", " UH ")
    if mesh.dataplane == "weft":
        name = 'destination_service_name="BlackHoleCluster"'
        until("the request is counted", lambda: counted(mesh, "deploy/client", "istio_requests_total", name, 'response_code="502"', 'reporter="source"'))
        for metric in ("istio_tcp_connections_opened_total", "istio_tcp_connections_closed_total"):
            until("connections are counted", lambda metric=metric: counted(mesh, "deploy/client", metric, name))


def test_a_sidecar_that_allows_any_lets_the_unknown_through_and_counts_it_so(egress):
    mesh = egress
    # Port 80 is one that services have, 8080 of the pod is one that none has.
    pod = address(mesh, "outside", "plain")
    done = mesh.curl("production", "deploy/open", "-o", "/dev/null", "-w", "%{http_code}", f"http://{pod}:8080/")
    assert done.stdout == "200"
    line_with(mesh, "deploy/open", "PassthroughCluster", f"{pod}:8080")
    if mesh.dataplane == "weft":
        name = 'destination_service_name="PassthroughCluster"'
        until("the connection is counted", lambda: counted(mesh, "deploy/open", "istio_tcp_connections_closed_total", name))
    assert mesh.code("production", "deploy/client", f"http://{pod}:8080/") == "000", "others may not"


def test_the_seeds_lead_stripe_through_the_egress_gateway_by_its_server_name(egress):
    mesh = egress
    seen = until("stripe is reached", lambda: reached(tls(mesh, "production", "api.stripe.com")))
    assert (seen["sni"], seen["host"], seen["meshed"]) == ("api.stripe.com", "api.stripe.com", False)
    out = line_with(mesh, "deploy/istio-egressgateway", "outbound|443||api.stripe.com", f"{STRIPE}:443", space="istio-system")
    assert " api.stripe.com " in out, out
    line_with(mesh, "deploy/client", f"outbound|443||{GATE}", "192.0.2.10:443")


def reached(answer):
    return answer if isinstance(answer, dict) else None


def test_the_egress_gateway_knows_who_goes_out_and_refuses_others(egress):
    mesh = egress
    until("stripe is reached", lambda: reached(tls(mesh, "production", "api.stripe.com")))
    assert not reached(tls(mesh, "other", "api.stripe.com")), "of another namespace"
    until("partner is reached", lambda: http(mesh, "production", "partner.example")[0] == "200")
    # A gateway that is about to end may still be asked, and cannot look partner up: hence not at once.
    until("a path is refused", lambda: http(mesh, "production", "partner.example", "/secret")[0] == "403")
    until("a method is refused", lambda: http(mesh, "production", "partner.example", "/", "-X", "DELETE")[0] == "403")
    until("a namespace is refused", lambda: http(mesh, "other", "partner.example")[0] == "403")
    line_with(mesh, "deploy/istio-egressgateway", "rbac_access_denied", space="istio-system")


def test_the_egress_gateway_begins_mutual_tls_with_the_certificate_of_a_secret(egress):
    mesh = egress
    status, body = until("partner is reached", lambda: ok(http(mesh, "production", "partner.example")))
    seen = json.loads(body)
    assert (status, seen["sni"], seen["client"], seen["host"]) == ("200", "partner.example", "billing", "partner.example"), seen


def ok(answer):
    return answer if answer[0] == "200" else None


def test_hosts_of_a_wildcard_are_passed_to_where_the_client_meant_them_to_go(egress):
    mesh = egress
    pod = address(mesh, "outside", "stripe")
    seen = tls(mesh, "production", "en.wikipedia.org", 8443, pod)
    assert reached(seen) and seen["sni"] == "en.wikipedia.org", seen
    line_with(mesh, "deploy/client", "outbound|8443||*.wikipedia.org", f"{pod}:8443")


# Last: it takes the gateway away.
def test_without_the_gateway_there_is_no_way_out(egress):
    mesh = egress
    until("stripe is reached", lambda: reached(tls(mesh, "production", "api.stripe.com")))
    mesh.kubectl("scale", "-n", "istio-system", "deploy/istio-egressgateway", "--replicas=0")
    until("stripe is out of reach", lambda: not reached(tls(mesh, "production", "api.stripe.com")))
    until("partner is out of reach", lambda: http(mesh, "production", "partner.example")[0] == "503")
