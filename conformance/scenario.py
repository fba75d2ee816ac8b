"""The scenario table: reads it, and turns a scenario into objects and into what its senders are told to ask.

A scenario of a file `scenarios/SUBJECT.yaml` is called SUBJECT-NN and has a Service of that name of its own, so that many
live in one mesh at a time. scenarios/README.md says what may stand in it.
"""

import pathlib
import re

import yaml

from mesh import SEEDS

HERE = pathlib.Path(__file__).resolve().parent / "scenarios"
ISTIO = {kind: f"{plural}.networking.istio.io" for kind, plural in (
    ("VirtualService", "virtualservices"), ("DestinationRule", "destinationrules"), ("ServiceEntry", "serviceentries"),
    ("WorkloadEntry", "workloadentries"), ("Sidecar", "sidecars"), ("Gateway", "gateways"))}
SECURITY = {"PeerAuthentication", "AuthorizationPolicy"}
PORTS = [{"name": "http", "port": 80, "targetPort": 8080}]
SUBSETS = [{"name": v, "labels": {"version": v}} for v in ("v1", "v2", "v3")]
ASK = {
    "from": "client", "to": "$host", "port": 80, "path": "/", "method": "GET", "headers": {}, "host": None, "body": None,
    "do": None, "http2": False, "edge": False, "curl": [], "times": 1, "parallel": 4, "pause": 0, "wait": 0, "fresh": False,
    "tcp": None, "want": {}, "envoy": {}, "todo": None,
}
TCP = {"text": "", "sni": None, "alpn": [], "then": None, "listen_first": False, "half_close": True, "silence": 3.0}


class Scenario:
    """One row of the table, with its names filled in."""

    def __init__(self, subject, number, row):
        self.key = f"{subject}-{number:02}"
        self.title = row.pop("name")
        service = row.pop("service", {})
        self.namespace = row.get("namespace", "scen")
        self.host = f"{self.key}.{self.namespace}.svc.cluster.local"
        self.row = fill({"service": service, **row}, {"name": self.key, "host": self.host, "ns": self.namespace})
        known = {"service", "vs", "dr", "objects", "ask", "because", "namespace", "batch", "seeds"}
        assert not set(row) - known, f"{self.key}: unknown keys {set(row) - known}"
        self.batch = row.get("batch", subject)
        self.asks = [self.ask(ask) for ask in self.row["ask"]]

    def ask(self, given):
        assert not set(given) - set(ASK), f"{self.key}: unknown keys in an ask: {set(given) - set(ASK)}"
        ask = {**ASK, **given}
        ask["to"] = fill(ask["to"], {"host": self.host})
        if ask["tcp"] is None and not set(ask["want"]) & {"status", "exit", "statuses"}:
            ask["want"] = {"status": 200, **ask["want"]}
        assert not ask["envoy"] or "because" in self.row, f"{self.key}: say `because` of what Envoy differs"
        return ask

    def objects(self):
        """Everything to apply, complete."""
        made = [self.service()] if self.row["service"] != "none" else []
        made += [self.destination_rule()] if self.row.get("dr") != "none" and made else []
        made += [self.virtual_service()] if "vs" in self.row else []
        given = [*self.seeds(), *self.row.get("objects", [])]
        return made + [self.complete(number, thing) for number, thing in enumerate(given)]

    def seeds(self):
        """The objects of the seed files that the scenario is about, as they stand there."""
        files = [file for prefix in self.row.get("seeds", []) for file in SEEDS.glob(f"{prefix}-*.yaml")]
        return [thing for file in files for thing in yaml.safe_load_all(file.read_text())]

    def service(self):
        given = dict(self.row["service"])
        version = given.pop("version", None)
        selector = given.pop("selector", {"app": "echo", **({"version": version} if version else {})})
        spec = {"ports": PORTS, "selector": selector, **given}
        return {"apiVersion": "v1", "kind": "Service", "metadata": self.named(self.key), "spec": spec}

    def named(self, name):
        return {"name": name, "namespace": self.namespace}

    def destination_rule(self):
        spec = {"host": self.host, "subsets": SUBSETS, **self.row.get("dr", {})}
        return self.istio("DestinationRule", spec)

    def virtual_service(self):
        spec = {"hosts": [self.host], **self.row["vs"]}
        return self.istio("VirtualService", self.routed(spec))

    def istio(self, kind, spec):
        return {"apiVersion": "networking.istio.io/v1", "kind": kind, "metadata": self.named(self.key), "spec": spec}

    def routed(self, spec):
        """`route: v1` stands for the subset v1 of the scenario's own host."""
        for rule in spec.get("http", []) + spec.get("tls", []) + spec.get("tcp", []):
            if isinstance(rule.get("route"), str):
                rule["route"] = [{"destination": {"host": self.host, "subset": rule["route"]}}]
        return spec

    def complete(self, number, thing):
        kind = thing["kind"]
        group = "networking.istio.io/v1" if kind in ISTIO else "security.istio.io/v1" if kind in SECURITY else "v1"
        meta = {**self.named(f"{self.key}-{number}"), **thing.get("metadata", {})}
        thing = {"apiVersion": group, **thing, "metadata": meta}
        return {**thing, "spec": self.routed(thing["spec"])} if kind == "VirtualService" else thing


def fill(value, names):
    """Puts names where `$name` stands, in every text of a structure."""
    if isinstance(value, dict):
        return {fill(key, names): fill(inner, names) for key, inner in value.items()}
    if isinstance(value, list):
        return [fill(inner, names) for inner in value]
    if not isinstance(value, str):
        return value
    return re.sub(r"\$([a-z_0-9]+)", lambda found: names.get(found[1], found[0]), value)


def table():
    """Every scenario, in the order of files and rows."""
    rows = []
    for file in sorted(HERE.glob("*.yaml")):
        if file.name != "world.yaml":
            found = yaml.safe_load(file.read_text())
            rows += [Scenario(file.stem, number, row) for number, row in enumerate(found, 1)]
    return rows


def wire(scenario, number, ask, names):
    """What the sender is told: plain words for client.py."""
    ask = fill({key: ask[key] for key in ASK if key not in ("want", "envoy", "todo")}, names)
    plain = {key: ask[key] for key in ("times", "wait", "port")}
    if ask["tcp"] is not None:
        host = "edge.scen.svc.cluster.local" if ask["edge"] else ask["to"]
        return {"kind": "tcp", "host": host, **plain, **TCP, **ask["tcp"]}
    headers = [*pairs(ask["headers"]), ("x-id", identity(scenario, number))]
    headers += [("x-do", ask["do"])] if ask["do"] else []
    to = ask["to"]
    host = ask["host"] or (to if ask["edge"] else None)
    if ask["edge"]:
        to = "edge.scen.svc.cluster.local"
    headers += [("host", host)] if host else []
    more = (["--http2-prior-knowledge"] if ask["http2"] else []) + [str(word) for word in ask["curl"]]
    url = ask["path"] if "://" in ask["path"] else f"http://{to}:{ask['port']}{ask['path']}".replace(":80/", "/")
    return {"kind": "http", "url": url, "method": ask["method"], "headers": headers, "body": ask["body"], "curl": more,
            "parallel": ask["parallel"], "pause": ask["pause"], "fresh": ask["fresh"], **plain}


def pairs(headers):
    """Names and values; a list stands for a header that comes several times."""
    return [(name, str(one)) for name, value in headers.items() for one in (value if isinstance(value, list) else [value])]


def identity(scenario, number):
    return f"{scenario.key}.{number}"
