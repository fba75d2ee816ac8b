"""What weft-proxy tells a client about its own decisions (`x-weft-explain: 1`) is what `weft explain` says of the same call.

Each round puts other random policies before the same servers, and asks each of them random requests: a thousand pairs in all.
"""

import json
import random

import pytest
import yaml

from manifests import ECHO, SLEEP, deployment, namespace, service
from mesh import until

pytestmark = pytest.mark.patient

SERVERS = [f"web-{number}" for number in range(4)]
ROUNDS, REQUESTS = 10, 25
ASKED = "proxy.istio.io/config: '{proxyMetadata: {WEFT_EXPLAIN_TO: \"cluster.local/ns/shop/sa/*\"}}'"
METHODS, PATHS = ["GET", "POST", "PUT"], ["/", "/a", "/a/b", "/b"]
TENANTS = ["red", "blue"]
# What must be equal; route and timeout only where the request passes, as the offline answer ends at a denial.
ALWAYS = ["listener", "filter_chain", "route_config", "virtual_host", "mtls", "peer_identity", "request_principal", "policy", "rule", "nearest_miss"]
PASSED = ["route", "timeout_ms"]


def rule(chance):
    """A rule with some of the conditions there are."""
    made = {}
    if chance.random() < 0.4:
        made["from"] = [{"source": chance.choice([{"namespaces": ["shop"]}, {"namespaces": ["far"]}, {"principals": ["cluster.local/ns/shop/sa/*"]}])}]
    if chance.random() < 0.7:
        operation = {}
        if chance.random() < 0.6:
            operation[chance.choice(["methods", "notMethods"])] = chance.sample(METHODS, 2)
        if chance.random() < 0.6 or not operation:
            operation["paths"] = chance.sample(["/a*", "/a/{*}", "/b", "*/b"], 2)
        made["to"] = [{"operation": operation}]
    if chance.random() < 0.4:
        made["when"] = [{"key": "request.headers[x-tenant]", "values": [chance.choice(TENANTS)]}]
    return made


def policies(chance, server):
    for action in ("DENY", "ALLOW"):
        for number in range(chance.randint(0 if action == "DENY" else 1, 2)):
            yield {
                "apiVersion": "security.istio.io/v1", "kind": "AuthorizationPolicy",
                "metadata": {"name": f"{server}-{action.lower()}-{number}", "namespace": "shop"},
                "spec": {"selector": {"matchLabels": {"app": server}}, "action": action,
                         "rules": [rule(chance) for _ in range(chance.randint(1, 3))]},
            }


def requests(chance, count):
    for _ in range(count):
        tenant = chance.choice([None, *TENANTS])
        yield {"method": chance.choice(METHODS), "path": chance.choice(PATHS), "headers": {"x-tenant": tenant} if tenant else {}}


def told(mesh, place, server, asked):
    """What the proxy of a server says of each request; None where it says nothing."""
    words = []
    for one in asked:
        fields = [word for name, value in one["headers"].items() for word in ("-H", f"{name}: {value}")]
        words += ["--next", "-sS", "-D", "-", "-o", "/dev/null", "-X", one["method"], "-H", "x-weft-explain: 1", *fields, f"http://{server}.shop:8080{one['path']}"]
    heads = mesh.exec(place, "deploy/client", "curl", *words[1:]).stdout.replace("\r", "").split("\n\n")
    found = []
    for head in heads[:-1]:
        lines = [line.partition(": ")[2] for line in head.splitlines() if line.lower().startswith("x-weft-explain:")]
        assert len(lines) < 2, head
        found.append(json.loads(lines[0]) if lines else None)
    assert len(found) == len(asked), heads
    return found


def offline(mesh, server, asked):
    calls = [{**one, "inbound": f"{server}.shop", "to": f"{server}.shop:8080", "mtls": True, "principal": "shop/default"} for one in asked]
    done = mesh.weft("explain", "--calls", "-", "-o", "json", stdin="\n".join(map(json.dumps, calls)))
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture(scope="module")
def asked_mesh(mesh_of, plane):
    if plane != "weft":
        pytest.skip("weft-proxy tells it")
    text = namespace("shop") + namespace("far") + deployment("client", "shop", SLEEP) + deployment("client", "far", SLEEP)
    for server in SERVERS:
        text += service(server, "shop", "{name: http, port: 8080}") + deployment(server, "shop", ECHO, ASKED)
    return mesh_of(text)


def differences(mesh, pairs):
    """Where the live answers are not the offline ones: pairs of a server and its requests → texts."""
    for server, asked in pairs:
        for one, live, said in zip(asked, told(mesh, "shop", server, asked), offline(mesh, server, asked), strict=True):
            if not live:
                yield f"{server} {one}: nothing was told"
                continue
            names = ALWAYS + (PASSED if said["outcome"] == "routed" else [])
            differs = {name: (live[name], said[name]) for name in names if live[name] != said[name]}
            if (live["status"] == 403) != (said["outcome"] == "denied"):
                differs["status"] = (live["status"], said["outcome"])
            if not live["request_id"] or not (live["endpoint"] or said["outcome"] == "denied"):
                differs["endpoint"] = (live["request_id"], live["endpoint"])
            if differs:
                yield f"{server} {one}: {differs}\n{live}\n{said}"


def test_the_live_answer_is_the_offline_one(asked_mesh):
    mesh = asked_mesh
    chance = random.Random(20261122)
    outcomes = set()
    for _ in range(ROUNDS):
        text = yaml.safe_dump_all([one for server in SERVERS for one in policies(chance, server)])
        mesh.apply_text(text)
        mesh.kubectl("wait", "-n", "shop", "--for=condition=Programmed", "authorizationpolicy", "--all", "--timeout=120s")
        until("every proxy has the policies", lambda: "STALE" not in mesh.weft("proxy-status", check=False).stdout)
        pairs = [(server, list(requests(chance, REQUESTS))) for server in SERVERS]
        outcomes |= {said["outcome"] for server, asked in pairs for said in offline(mesh, server, asked)}
        last = []

        def equal(pairs=pairs, last=last):
            last[:] = differences(mesh, pairs)
            return not last

        until(lambda last=last: "these differ:\n" + "\n".join(last), equal)
        mesh.kubectl("delete", "-f", "-", stdin=text)
    assert outcomes == {"routed", "denied"}


def test_nobody_else_hears_anything(asked_mesh):
    mesh = asked_mesh
    assert told(mesh, "far", SERVERS[0], [{"method": "GET", "path": "/", "headers": {}}]) == [None]
