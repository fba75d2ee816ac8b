"""The decision table of AuthorizationPolicy and RequestAuthentication on both data planes: what `weft explain` says of every row, a running mesh does.

The rows are those of crates/weft-explain/tests/decisions, whose runner judges the same offline. A set of policies gets a server of its own;
as many sets as there are servers are in the mesh at a time. Then hundreds of random rules are, and thousands of random requests go.
"""

import contextlib
import json
import os
import pathlib

import pytest
import yaml

import decisions_random
from manifests import SLEEP, namespace, service, workload
from mesh import PEERS, ROOT, report, until

TABLE = ROOT / "crates/weft-explain/tests/decisions"
SIGNED = TABLE.parent / "tokens/signed.json"
CLIENT = pathlib.Path(__file__).resolve().parent / "decisions_client.py"
SERVERS = 12
# Where the callers are.
CALLERS = {"client": "shop", "other": "far", "plain": "outside"}


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
        text = text.replace(f"{{{name}}}", json.dumps(value)[1:-1])
    return json.loads(text)


def policy(key, spec, number, server, kind="AuthorizationPolicy"):
    place, _, name = key.rpartition("/")
    spec = {"selector": {"matchLabels": {"app": server}}, **spec}
    dry = spec.pop("dryRun", False)
    meta = {"name": f"{name}-{number}", "namespace": place or "shop", "annotations": {"istio.io/dry-run": "true"} if dry else {}}
    return {"apiVersion": "security.istio.io/v1", "kind": kind, "metadata": meta, "spec": spec}


def ask(row, server):
    words = row.split(" ")
    tcp = words[1] == "tcp"
    fields = dict(word.split("=", 1) for word in words[3:])
    if token := fields.pop("bearer", None):
        fields["authorization"] = f"Bearer {token}"
    return {"server": server, "tcp": tcp, "method": words[1], "path": None if tcp else words[2], "fields": fields}


def asked_by(mesh, caller, asks):
    """What came of each, asked from a caller's pod."""
    done = mesh.run(
        mesh.peers / "kubectl", "exec", "-i", "-n", CALLERS[caller], f"deploy/{caller}", "-c", "c0", "--", PEERS / "python", CLIENT,
        stdin=json.dumps(asks))
    return json.loads(done.stdout)


def in_force(mesh, objects):
    """Waits until every proxy has these rules."""
    kinds = ",".join(sorted({one["kind"].lower() for one in objects}))
    wanted = {(one["kind"], one["metadata"]["namespace"], one["metadata"]["name"]) for one in objects}

    def programmed():
        for one in mesh.get(kinds, "-A")["items"]:
            if any(told["type"] == "Programmed" and told["status"] == "True" for told in one.get("status", {}).get("conditions", [])):
                yield one["kind"], one["metadata"]["namespace"], one["metadata"]["name"]

    if objects:
        until("every rule is programmed", lambda: wanted <= set(programmed()))
    until("every proxy has the rules", lambda: "STALE" not in mesh.weft("proxy-status", check=False).stdout)


class Table:
    def __init__(self, mesh):
        self.mesh = mesh
        self.signed = json.loads(SIGNED.read_text())
        pods = mesh.get("pods", "-A")["items"]
        self.addresses = {pod["metadata"].get("labels", {}).get("app"): pod["status"].get("podIP") for pod in pods}

    def names(self, server):
        own = {name: self.addresses[name] for name in CALLERS}
        return {**self.signed, **own, "server": self.addresses[server], "name": server, "host": f"{server}.shop.svc.cluster.local"}

    def objects(self, set_, number, server):
        """A set, as it is for a server, and its rules."""
        set_ = placed(set_, self.names(server))
        kinds = (("policies", "AuthorizationPolicy"), ("tokens", "RequestAuthentication"))
        return set_, [policy(name, spec, number, server, kind) for key, kind in kinds for name, spec in set_.get(key, {}).items()]

    @contextlib.contextmanager
    def with_rules(self, objects):
        """These rules are in the mesh, and gone afterwards."""
        text = yaml.safe_dump_all(objects)
        self.mesh.apply_text(text)
        in_force(self.mesh, objects)
        yield
        self.mesh.kubectl("delete", "--wait=false", "-f", "-", stdin=text)

    def wrong(self, asked):
        """Which of the rows differ now: [(set, row, server, verdict)] → the same of those, with what came instead."""
        found = []
        for caller in CALLERS:
            own = [one for one in asked if one[1].startswith(f"{caller} ")]
            asks = [ask(row, f"{server}.shop") for _, row, server, _ in own]
            for one, came in zip(own, asked_by(self.mesh, caller, asks), strict=True):
                if came != one[3]:
                    found.append((*one, came))
        return found

    def until_right(self, asked):
        """Asks until every row is decided as it should be; those that are once are not asked again."""
        last = [asked]

        def right():
            last[0] = self.wrong([one[:4] for one in last[0]])
            return not last[0]

        told = lambda: "\n".join(f"{title}: {row} => {verdict}, but {came[0]}" for title, row, _, verdict, *came in last[0])
        until(lambda: f"these differ:\n{told()}", right)

    def judge(self, sets, first):
        """Puts the rules of some sets in the mesh, asks their rows, and takes them away."""
        objects, asked = [], []
        for number, set_ in enumerate(sets):
            set_, own = self.objects(set_, first + number, f"web-{number}")
            objects += own
            rows = [row.split(" => ") for row in set_["rows"]]
            asked += [(set_["title"], row, f"web-{number}", told.split(" ")[0]) for row, told in rows]
        with self.with_rules(objects):
            self.until_right(asked)
        return len(asked)

    def offline(self, asked):
        """What `weft explain` says of rows: [(row, server)] → verdicts."""
        calls = [json.dumps(self.call(row, server)) for row, server in asked]
        done = self.mesh.weft("explain", "--calls", "-", "-o", "json", stdin="\n".join(calls))
        return [verdict(json.loads(line)) for line in done.stdout.splitlines()]

    def call(self, row, server):
        asked, caller = ask(row, f"{server}.shop"), row.split(" ")[0]
        begins = {"from": f"{caller}.{CALLERS[caller]}"} if caller != "plain" else {"inbound": f"{server}.shop", "source_ip": self.addresses["plain"]}
        if asked["tcp"]:
            return {**begins, "to": f"{server}.shop:9000", "tcp": True}
        return {**begins, "to": f"{server}.shop:8080", "method": asked["method"], "path": asked["path"], "headers": asked["fields"]}


def verdict(answer):
    """What an answer says, as rows say it."""
    if answer["outcome"] != "denied":
        return "allow" if answer["outcome"] in ("routed", "tcp") else answer["outcome"]
    return f"refused-{answer['status']}" if answer["trace"][-1]["step"] == "token" else "deny"


@pytest.fixture(scope="module")
def table(mesh_of):
    return Table(mesh_of(world()))


def test_every_row_is_decided_as_it_says(table):
    sets = [one for file in sorted(TABLE.glob("*.yaml")) for one in yaml.safe_load(file.read_text())]
    rows = sum(table.judge(sets[first:first + SERVERS], first) for first in range(0, len(sets), SERVERS))
    assert rows >= 520


def test_random_requests_are_decided_as_weft_explain_says(table):
    """Another seed by WEFT_SEED, and as many requests as WEFT_SAMPLES says."""
    seed, samples = (int(os.environ.get(name, usual)) for name, usual in (("WEFT_SEED", 20261122), ("WEFT_SAMPLES", 2400)))
    objects, asked = [], []
    for number, set_ in enumerate(decisions_random.sets(seed, SERVERS, samples)):
        set_, own = table.objects(set_, number, f"web-{number}")
        objects += own
        asked += [(row, f"web-{number}") for row in set_["rows"]]
    # They stay until the mesh ends, with this test.
    table.mesh.apply_text(yaml.safe_dump_all(objects))
    in_force(table.mesh, objects)
    said = table.offline(asked)
    table.until_right([(f"seed {seed}, {server}", row, server, told) for (row, server), told in zip(asked, said, strict=True)])
    rules = sum(len(one["spec"].get("rules", [])) for one in objects)
    counts = {word: said.count(word) for word in sorted(set(said))}
    assert min(counts[word] for word in ("allow", "deny", "refused-401")) > samples / 50, counts
    report(f"decisions, {table.mesh.dataplane}: {rules} random rules, {len(asked)} requests, as weft explain says: {counts}")
