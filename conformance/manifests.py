"""Objects that many meshes of the tests begin with, as texts that may stand one behind another: namespaces, programs, and their Services."""

from mesh import PEERS

# Containers; each is the inside of a flow mapping.
SLEEP = "image: weft/sleep"
ECHO = 'image: weft/echo, args: ["--port", "8080"]'


def python(script, *words):
    """A container with a Python program."""
    command = ", ".join(f"'{word}'" for word in (PEERS / "python", script, *words))
    return f"image: host/python, command: [{command}]"


def namespace(name, labels="istio-injection: enabled"):
    """A namespace whose pods get sidecars, unless other labels are given."""
    return f"""---
apiVersion: v1
kind: Namespace
metadata: {{name: {name}, labels: {{{labels}}}}}
"""


def service(name, place, ports, more=""):
    """A Service of the pods that have its name; `ports` are the inside of a list, `more` is more of its spec."""
    return f"""---
apiVersion: v1
kind: Service
metadata: {{name: {name}, namespace: {place}}}
spec: {{selector: {{app: {name}}}, ports: [{ports}]{more and f", {more}"}}}
"""


def deployment(name, place, container, annotations="", replicas=1):
    """Pods of one container."""
    return f"""---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: {name}, namespace: {place}}}
spec:
  replicas: {replicas}
  selector: {{matchLabels: {{app: {name}}}}}
  template:
    metadata: {{labels: {{app: {name}}}, annotations: {{{annotations}}}}}
    spec: {{containers: [{{name: app, {container}}}]}}
"""


def workload(name, place, *containers):
    """A pod with an account of its own name."""
    containers = ", ".join(f"{{name: c{number}, {container}}}" for number, container in enumerate(containers))
    return f"""---
apiVersion: v1
kind: ServiceAccount
metadata: {{name: {name}, namespace: {place}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: {name}, namespace: {place}}}
spec:
  selector: {{matchLabels: {{app: {name}}}}}
  template:
    metadata: {{labels: {{app: {name}}}}}
    spec: {{serviceAccountName: {name}, containers: [{containers}]}}
"""


def gate(place, routes, gateways="door"):
    """What comes in at the ingress gateway for any host, and where it goes."""
    return f"""---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {{name: door, namespace: {place}}}
spec:
  selector: {{istio: ingressgateway}}
  servers: [{{port: {{number: 80, name: http, protocol: HTTP}}, hosts: ["*"]}}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: door, namespace: {place}}}
spec: {{hosts: ["*"], gateways: [{gateways}], http: [{routes}]}}
"""
