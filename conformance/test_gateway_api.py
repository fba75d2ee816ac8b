"""The Gateway API: what its objects are told, what is made for gateways, and what becomes of requests. The cases of gateway_api/*.yaml, all in one
mesh per data plane."""

import collections
import json
import pathlib

import pytest
import yaml

from conftest import planes
from gateway_cases import CLUSTER, File, files_of
from manifests import SLEEP, deployment, namespace
from mesh import BIN, PEERS, Mesh, started, until

pytestmark = pytest.mark.patient

HERE = pathlib.Path(__file__).parent / "gateway_api"
KINDS = ("gatewayclasses", "gateways.gateway.networking.k8s.io", "listenersets", "httproutes", "grpcroutes", "tlsroutes", "tcproutes",
         "services", "deployments", "serviceaccounts")
DIRECT = "gw-deployed"
FILES = [File(path) for path in sorted(HERE.glob("*.yaml"))]
CASES = {case["key"]: case for file in FILES for case in file.cases}


def within(want, have):
    """Whether all that is wanted is there; lists are compared item by item."""
    if isinstance(want, dict):
        return isinstance(have, dict) and all(within(value, have.get(key)) for key, value in want.items())
    if isinstance(want, list):
        return isinstance(have, list) and len(want) == len(have) and all(map(within, want, have))
    return want == have


def between(want, have):
    """Whether a number is the one that is wanted, or between the two that are."""
    return want[0] <= have <= want[1] if isinstance(want, list) else want == have


def part(found, place):
    """The listener or parent of a status that a case is about."""
    if place is None:
        return found, found.get("status", {})
    kind, name = place.split("/")
    own = [one for one in found.get("status", {}).get(kind, []) if name == one.get("name", one.get("parentRef", {}).get("name"))]
    return (own[0], own[0]) if own else ({}, {})


def misled(want, got):
    """What differs from the answer that a request must get; nothing when it is that."""
    try:
        seen = json.loads(got["body"])
    except ValueError:
        seen = {}
    found = {**{key: seen.get(key) for key in ("version", "path", "protocol")}, "status": got["status"], "back": got.get("back"),
             "fields": seen.get("headers")}
    numbers = {kind: want[kind] for kind in ("share", "copies") if kind in want}
    right = all(between(value, got[kind].get(name, 0)) for kind, counts in numbers.items() for name, value in counts.items())
    rest = {key: value for key, value in want.items() if key not in numbers}
    return None if right and within({"status": 200, **rest}, found) else f"got {got}, not {want}"


def wrong(case, world, answers):
    """What differs from a case; nothing when it holds."""
    if "ask" in case:
        return misled(case["want"], answers[case["key"]])
    kind, name = case["of"].split("/")
    found = world.get((kind, "" if kind in CLUSTER else case["in"], name))
    if case.get("gone"):
        return f"it is there: {found}" if found else None
    if not found:
        return "there is no such object"
    thing, status = part(found, case.get("at"))
    told = {one["type"]: f"{one['status']} {one['reason']}" for one in status.get("conditions", [])}
    said = {kind: told.get(kind) for kind in case.get("said", {})}
    if said != case.get("said", {}):
        return f"said {told}, not {case['said']}"
    return None if within(case.get("has", {}), thing) else f"has {json.dumps(thing)}, not {case['has']}"


def asked(mesh, files):
    """The answers to all requests, each at the gateway `door` of its namespace, from outside of the mesh or from the pod that the case names."""
    asks = collections.defaultdict(dict)
    for key, case in CASES.items():
        if "ask" in case:
            where = (case["in"], f"deploy/{case['from']}") if "from" in case else ("street", "deploy/client")
            asks[where][key] = {"to": f"door-weft.{case['in']}.svc.cluster.local", **case["ask"]}
    answers = {}
    for where, own in asks.items():
        answers |= json.loads(mesh.exec(*where, PEERS / "python", HERE / "client.py", json.dumps(own).replace("$files", str(files))).stdout)
    return answers


def look(mesh):
    """Every object that a case may be about, as it is now."""
    items = mesh.get("-A", ",".join(KINDS))["items"]
    return {(one["kind"], one["metadata"].get("namespace", ""), one["metadata"]["name"]): one for one in items}


@pytest.fixture(scope="module")
def told(request, tmp_path_factory):
    """The mesh with all files in it, once every case holds or patience ends: (mesh, what is wrong by case, the objects)."""
    text = namespace("street", "") + deployment("client", "street", SLEEP)
    text += "".join(namespace(file.space, "") for file in FILES)
    path = tmp_path_factory.mktemp("gateways") / "mesh.yaml"
    path.write_text(text)
    with started(Mesh(request.param), path) as mesh:
        files = path.parent
        authority = files_of(files)
        mesh.apply_text("".join(file.secrets(authority) for file in FILES))
        mesh.apply_text(yaml.safe_dump_all(thing for file in FILES for thing in file.objects).replace("$files", str(files)))
        seen = {}

        def settled():
            seen["world"], answers = look(mesh), asked(mesh, files)
            seen["wrong"] = {key: wrong(case, seen["world"], answers) for key, case in CASES.items()}
            return not any(what for key, what in seen["wrong"].items() if "gap" not in CASES[key])

        try:
            until("every case", settled, seconds=180)
        except AssertionError:
            pass  # Each case says itself what is wrong.
        yield mesh, seen["wrong"], seen["world"]


def pytest_generate_tests(metafunc):
    if "told" in metafunc.fixturenames:
        metafunc.parametrize("told", planes(metafunc.config), indirect=True, scope="module")
    if "key" in metafunc.fixturenames:
        metafunc.parametrize("key", CASES)


def test_case(told, key):
    case, what = CASES[key], told[1][key]
    if "gap" in case:
        assert what, f"{case['name']}: it holds now, so it is no gap ({case['gap']})"
    else:
        assert not what, f"{case['name']}: {case.get('of', case.get('ask'))} {what}"


def test_conditions_are_of_the_generation_that_is_there(told):
    for name, one in told[2].items():
        if "gateway.networking" not in one["apiVersion"]:
            continue
        status = one.get("status", {})
        parts = [status, *status.get("listeners", []), *status.get("parents", [])]
        seen = {c.get("observedGeneration") for each in parts for c in each.get("conditions", [])}
        assert seen <= {one["metadata"]["generation"]}, f"{name}: {seen}"


def test_a_change_is_told_with_its_generation(told):
    mesh, _, _ = told
    where = ("-n", "gw-attach", "httproute/plain")
    before = mesh.get(*where)["metadata"]["generation"]
    mesh.kubectl("patch", *where, "--type=merge", "-p", '{"spec": {"hostnames": ["changed.example.com"]}}')

    def observed():
        (parent,) = mesh.get(*where)["status"]["parents"]
        return {c["observedGeneration"] for c in parent["conditions"]} == {before + 1}

    until("the new generation is told", observed)


def test_made_pods_serve_at_the_port_of_the_listener_below_1024(told):
    mesh, _, _ = told
    url = f"http://front-weft.{DIRECT}.svc.cluster.local/"
    until("it answers", lambda: mesh.code("street", "deploy/client", "-H", "host: direct.example.com", url) == "218")


def test_what_was_made_follows_the_gateway_keeps_what_others_wrote_and_goes_with_it(told):
    mesh, _, _ = told
    kubectl = lambda *words: mesh.kubectl(*words[:1], "-n", DIRECT, *words[1:])
    kubectl("label", "service/alias-istio", "theirs=stays")
    listeners = '{"spec": {"listeners": [{"name": "web", "port": 80, "protocol": "HTTP"}, {"name": "b", "port": 81, "protocol": "HTTP"}]}}'
    kubectl("patch", "gateways.gateway.networking.k8s.io/alias", "--type=merge", "-p", listeners)
    service = lambda: mesh.get("-n", DIRECT, "service/alias-istio")
    until("the port is there", lambda: [port["port"] for port in service()["spec"]["ports"]] == [15021, 80, 81])
    assert service()["metadata"]["labels"]["theirs"] == "stays"
    kubectl("delete", "gateways.gateway.networking.k8s.io/alias")
    made = lambda: [one["metadata"]["name"] for one in mesh.get("-n", DIRECT, "services,deployments,serviceaccounts,pods")["items"]]
    until("everything that was made is gone", lambda: not any(name.startswith("alias-istio") for name in made()))


def test_the_report_claims_what_cases_show_and_nothing_else(told):
    mesh, _, _ = told
    report = yaml.safe_load(mesh.run(BIN / "weft", "gateway-api", "report").stdout)
    assert report["kind"] == "ConformanceReport" and report["implementation"]["project"] == "weft"
    shown = collections.Counter(case["feature"] for case in CASES.values() if "gap" not in case)
    gaps = {case["feature"] for case in CASES.values() if "gap" in case}
    claimed = {feature for profile in report["profiles"] for feature in profile["extended"].get("supportedFeatures", [])}
    told_of = {one["name"] for one in mesh.get("gatewayclass/weft")["status"].get("supportedFeatures", [])}
    for profile in report["profiles"]:
        own = profile["extended"].get("supportedFeatures", [])
        assert profile["extended"]["statistics"]["Passed"] == sum(shown[feature] for feature in own), profile
    assert claimed <= set(shown) - gaps, f"claimed without a case: {claimed - (set(shown) - gaps)}"
    assert told_of == set(shown) - gaps, f"told without a case, or shown and not told: {told_of ^ (set(shown) - gaps)}"
