"""The decision table of AuthorizationPolicy on both data planes: what `weft explain` says of every row, a running mesh does.

The rows are those of crates/weft-explain/tests/decisions, whose runner judges the same offline. A set of policies gets a server of its own;
as many sets as there are servers are in the mesh at a time.
"""

import json
import pathlib

import yaml

from manifests import SLEEP, namespace, service
from mesh import PEERS, ROOT, until

TABLE = ROOT / "crates/weft-explain/tests/decisions"
CLIENT = pathlib.Path(__file__).resolve().parent / "decisions_client.py"
SERVERS = 12
# Where the callers are.
CALLERS = {"client": "shop", "other": "far", "plain": "outside"}


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


# A connection keeps the policies that it was opened under for a while on Envoy, so that each request has its own.
FRESH = """---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: fresh, namespace: shop}
spec: {host: "*.shop.svc.cluster.local", trafficPolicy: {connectionPool: {http: {maxRequestsPerConnection: 1}}}}
"""


def world():
    servers = "".join(
        service(name, "shop", "{name: http, port: 8080}, {name: tcp, port: 9000}")
        + workload(name, "shop", 'image: weft/echo, args: ["--port", "8080"]', 'image: weft/echo, args: ["--port", "9000", "--tcp"]')
        for name in (f"web-{number}" for number in range(SERVERS)))
    callers = "".join(workload(name, place, SLEEP) for name, place in CALLERS.items())
    return namespace("shop") + namespace("far") + namespace("outside", "") + FRESH + servers + callers


def placed(thing, names):
    """The same, with `{client}` and the like replaced in every text."""
    text = json.dumps(thing)
    for name, value in names.items():
        text = text.replace(f"{{{name}}}", value)
    return json.loads(text)


def policy(key, spec, number, server):
    place, _, name = key.rpartition("/")
    spec = {"selector": {"matchLabels": {"app": server}}, **spec}
    dry = spec.pop("dryRun", False)
    meta = {"name": f"{name}-{number}", "namespace": place or "shop", "annotations": {"istio.io/dry-run": "true"} if dry else {}}
    return {"apiVersion": "security.istio.io/v1", "kind": "AuthorizationPolicy", "metadata": meta, "spec": spec}


def ask(row, server):
    words = row.split(" ")
    tcp = words[1] == "tcp"
    return {"server": server, "tcp": tcp, "method": words[1], "path": None if tcp else words[2],
            "fields": dict(word.split("=", 1) for word in words[3:])}


class Table:
    def __init__(self, mesh):
        self.mesh = mesh
        pods = mesh.get("pods", "-A")["items"]
        self.addresses = {pod["metadata"].get("labels", {}).get("app"): pod["status"].get("podIP") for pod in pods}

    def names(self, server):
        return {"client": self.addresses["client"], "server": self.addresses[server], "host": f"{server}.shop.svc.cluster.local"}

    def wrong(self, asked):
        """What of the rows differs now: [(number, row, server)] → texts."""
        found = []
        for caller, place in CALLERS.items():
            own = [(set_, row, server) for set_, row, server in asked if row.startswith(f"{caller} ")]
            asks = [ask(row.split(" => ")[0], f"{server}.shop") for _, row, server in own]
            done = self.mesh.run(
                self.mesh.peers / "kubectl", "exec", "-i", "-n", place, f"deploy/{caller}", "-c", "c0", "--", PEERS / "python", CLIENT,
                stdin=json.dumps(asks))
            for (set_, row, _), came in zip(own, json.loads(done.stdout), strict=True):
                if came != row.split(" => ")[1].split(" ")[0]:
                    found.append(f"{set_['title']}: {row}: {came}")
        return found

    def judge(self, sets, first):
        """Puts the policies of some sets in the mesh, asks their rows, and takes them away."""
        objects, asked = [], []
        for number, set_ in enumerate(sets):
            server = f"web-{number}"
            set_ = placed(set_, self.names(server))
            objects += [policy(key, spec, first + number, server) for key, spec in set_["policies"].items()]
            asked += [(set_, row, server) for row in set_["rows"]]
        text = yaml.safe_dump_all(objects)
        self.mesh.apply_text(text)
        places = {one["metadata"]["namespace"] for one in objects}
        for place in places:
            self.mesh.kubectl("wait", "-n", place, "--for=condition=Programmed", "authorizationpolicy", "--all", "--timeout=120s")
        until("every proxy has the policies", lambda: "STALE" not in self.mesh.weft("proxy-status", check=False).stdout)
        last = []

        def right():
            last[:] = self.wrong(asked)
            return not last

        until(lambda: "these differ:\n" + "\n".join(last), right)
        self.mesh.kubectl("delete", "--wait=false", "-f", "-", stdin=text)
        return len(asked)


def test_every_row_is_decided_as_it_says(mesh_of):
    table = Table(mesh_of(world()))
    sets = [one for file in sorted(TABLE.glob("*.yaml")) for one in yaml.safe_load(file.read_text())]
    rows = sum(table.judge(sets[first:first + SERVERS], first) for first in range(0, len(sets), SERVERS))
    assert rows >= 300
