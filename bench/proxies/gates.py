"""The objects that only Weft's own candidates need: gateways that differ in one feature, sidecars without capture, many services.

In: nothing, or a number. Out: YAML. Holds: every gateway of GATES is a proxy of its own, so that one feature is the whole
difference to the gate `plain`.
"""

GATES = ["plain", "rbac-1", "rbac-100", "routes-1000", "logged", "idle"]
# Inside of a gateway's pod.
PORTS = {"http": 8080, "h2": 8080, "grpc": 8081, "tcp": 9000}
EDGE = 8443
CREDENTIAL = "bench-certificate"
GATE = """---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: {name}, namespace: gates}}
spec:
  selector: {{matchLabels: {{app: {name}}}}}
  template:
    metadata: {{labels: {{app: {name}, "sidecar.istio.io/inject": "true"}}, annotations: {{inject.istio.io/templates: gateway}}}}
    spec: {{containers: [{{name: istio-proxy, image: auto}}]}}
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {{name: {name}, namespace: gates}}
spec:
  selector: {{app: {name}}}
  servers:
  - {{port: {{number: 8080, name: http, protocol: HTTP}}, hosts: ["*"]}}
  - {{port: {{number: 8081, name: grpc, protocol: GRPC}}, hosts: ["*"]}}
  - {{port: {{number: 8443, name: https, protocol: HTTPS}}, hosts: ["*"], tls: {{mode: SIMPLE, credentialName: {credential}}}}}
  - {{port: {{number: 9000, name: tcp, protocol: TCP}}, hosts: ["*"]}}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: {name}, namespace: gates}}
spec:
  hosts: ["*"]
  gateways: [{name}]
  http:
{routes}  - {{match: [{{port: 8081}}], route: [{{destination: {{host: server.plain.svc.cluster.local, port: {{number: 81}}}}}}]}}
  - {{route: [{{destination: {{host: server.plain.svc.cluster.local, port: {{number: 80}}}}}}]}}
  tcp: [{{match: [{{port: 9000}}], route: [{{destination: {{host: server.plain.svc.cluster.local, port: {{number: 9000}}}}}}]}}]
"""
ROUTE = """  - {{match: [{{uri: {{prefix: /never/{n}/}}}}], route: [{{destination: {{host: server.plain.svc.cluster.local, port: {{number: 80}}}}}}]}}
"""
LOGGED = """---
apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata: {name: logged, namespace: gates}
spec: {selector: {matchLabels: {app: logged}}, accessLogging: [{providers: [{name: envoy}]}]}
"""
POLICY = """---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {{name: {name}, namespace: gates}}
spec: {{selector: {{matchLabels: {{app: {name}}}}}, action: ALLOW, rules: [{rules}]}}
"""
DIRECT = """---
apiVersion: v1
kind: Namespace
metadata: {name: direct, labels: {istio-injection: enabled}}
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: direct}
spec: {mtls: {mode: STRICT}}
---
apiVersion: v1
kind: Service
metadata: {name: server, namespace: direct}
spec:
  selector: {app: server}
  ports:
  - {name: http, port: 15080, targetPort: 18080}
  - {name: grpc, port: 15081, targetPort: 18081}
  - {name: tcp, port: 15079, targetPort: 18090}
---
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: client, namespace: direct}
spec:
  workloadSelector: {labels: {app: client}}
  egress:
  - {port: {number: 15080, name: http, protocol: HTTP}, bind: 127.0.0.1, captureMode: NONE, hosts: ["direct/*"]}
  - {port: {number: 15081, name: grpc, protocol: GRPC}, bind: 127.0.0.1, captureMode: NONE, hosts: ["direct/*"]}
  - {port: {number: 15079, name: tcp, protocol: TCP}, bind: 127.0.0.1, captureMode: NONE, hosts: ["direct/*"]}
---
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: server, namespace: direct}
spec:
  workloadSelector: {labels: {app: server}}
  ingress:
  - {port: {number: 18080, name: http, protocol: HTTP}, bind: 0.0.0.0, captureMode: NONE, defaultEndpoint: "127.0.0.1:8080"}
  - {port: {number: 18081, name: grpc, protocol: GRPC}, bind: 0.0.0.0, captureMode: NONE, defaultEndpoint: "127.0.0.1:8081"}
  - {port: {number: 18090, name: tcp, protocol: TCP}, bind: 0.0.0.0, captureMode: NONE, defaultEndpoint: "127.0.0.1:8080"}
  egress: [{hosts: ["direct/*"]}]
"""
DIRECT_POD = """---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: {name}, namespace: direct}}
spec:
  selector: {{matchLabels: {{app: {name}}}}}
  template:
    metadata: {{labels: {{app: {name}}}, annotations: {{sidecar.istio.io/interceptionMode: NONE}}}}
    spec: {{containers: [{{name: main, image: weft/sleep}}]}}
"""
SERVICE = """---
apiVersion: v1
kind: Service
metadata: {{name: s{n}, namespace: {crowd}}}
spec: {{selector: {{app: s{n}}}, ports: [{{name: http, port: 80, targetPort: 8080}}]}}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {{name: s{n}-1, namespace: {crowd}, labels: {{kubernetes.io/service-name: s{n}}}}}
addressType: IPv4
ports: [{{name: http, port: 8080, protocol: TCP}}]
endpoints: [{endpoints}]
"""
ENDPOINTS, CROWD = 10, "many"


def objects():
    text = "apiVersion: v1\nkind: Namespace\nmetadata: {name: gates}\n"
    for name in GATES:
        routes = "".join(ROUTE.format(n=n) for n in range(999)) if name == "routes-1000" else ""
        text += GATE.format(name=name, credential=CREDENTIAL, routes=routes)
    return text + policy("rbac-1", 1) + policy("rbac-100", 100) + LOGGED + DIRECT + "".join(
        DIRECT_POD.format(name=name) for name in ("client", "server"))


def policy(name, rules):
    """Rules of which the last one allows: each of the others names a path and a host that nobody asks for."""
    never = [f'{{to: [{{operation: {{paths: ["/never/{n}/*"], hosts: ["never-{n}.example"]}}}}]}}' for n in range(rules - 1)]
    return POLICY.format(name=name, rules=", ".join([*never, '{to: [{operation: {methods: ["GET", "POST"]}}]}']))


def services(first, last):
    """Services with ten endpoints each, in the scope of every sidecar."""
    made = []
    for n in range(first, last):
        block, k = n % 250, n // 250
        endpoints = ", ".join(f"{{addresses: [10.200.{block}.{10 * k % 240 + e + 1}], conditions: {{ready: true}}}}" for e in range(ENDPOINTS))
        made.append(SERVICE.format(n=n, crowd=CROWD, endpoints=endpoints))
    return "".join(made)
