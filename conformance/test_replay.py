"""weft replay and weft plan --log: what access logs of a living mesh become under another configuration, on both data planes."""

import json
import subprocess

import pytest

from manifests import ECHO, SLEEP, deployment, gate, namespace, service
from mesh import until

pytestmark = pytest.mark.patient

MESH = (
    """---
apiVersion: install.istio.io/v1alpha1
kind: IstioOperator
spec: {meshConfig: {accessLogFile: /dev/stdout}}
"""
    + namespace("calls")
    + deployment("client", "calls", SLEEP)
    + deployment("web", "calls", ECHO)
    + service("web", "calls", "{name: http, port: 80, targetPort: 8080}")
    + gate("calls", "{route: [{destination: {host: web}}]}")
    + """---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: closed, namespace: calls}
spec:
  selector: {matchLabels: {app: web}}
  action: DENY
  rules: [{to: [{operation: {paths: [/closed]}}]}]
"""
)

NEW = """apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: private, namespace: calls}
spec:
  selector: {matchLabels: {app: web}}
  action: DENY
  rules: [{to: [{operation: {paths: [/private]}}]}]
"""

CALLS = {"/open": 4, "/private": 3, "/closed": 2}


def from_outside(mesh, path, wanted=None):
    """The status that a client outside of the mesh gets; with a condition, the first that meets it."""
    asked = ["curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", "--max-time", "20", f"http://localhost:{mesh.http}{path}"]
    ask = lambda: subprocess.run(asked, capture_output=True, text=True, check=False).stdout
    return until("the gateway is open", lambda: wanted(ask())) if wanted else ask()


@pytest.fixture(scope="module")
def logged(mesh_of, tmp_path_factory):
    """A mesh, the logs of its client, its server and its gateway after some calls, and the file with the change."""
    mesh = mesh_of(MESH)
    folder = tmp_path_factory.mktemp("logs")
    ask = lambda path: mesh.code("calls", "deploy/client", f"http://web{path}")
    until("the policy acts", lambda: ask("/closed") == "403")
    until("the way is open", lambda: ask("/open") == "200")
    mark = "run=1"
    for path, times in CALLS.items():
        for _ in range(times):
            assert ask(f"{path}?{mark}") == ("403" if path == "/closed" else "200")
    from_outside(mesh, "/open", lambda code: code == "200")
    assert from_outside(mesh, f"/private?{mark}") == "200"
    files = {}
    for name, place in (("client", "calls"), ("web", "calls"), ("istio-ingressgateway", "istio-system")):
        wanted = 1 if place == "istio-system" else sum(CALLS.values())
        prefix = ["--prefix"] if name == "client" else []
        read = lambda: mesh.kubectl("logs", "-n", place, f"deploy/{name}", "-c", "istio-proxy", "--tail=-1", *prefix).splitlines()
        until(f"the log of {name} is written", lambda: sum(mark in line for line in read()) >= wanted)
        # What the calls before them left is another story; lines of the proxy itself stay.
        kept = [line for line in read() if mark in line or '" ' not in line]
        files[name] = folder / f"{name}.log"
        files[name].write_text("\n".join(kept) + "\n")
    new = folder / "new.yaml"
    new.write_text(NEW)
    return mesh, files, new


def replay(mesh, *args):
    return json.loads(mesh.weft("replay", *args, "-o", "json").stdout)


def test_exactly_the_requests_that_the_change_denies_are_told(logged):
    mesh, files, new = logged
    for name, sign in (("client", "from client"), ("web", "into web")):
        told = replay(mesh, files[name], "-f", new)
        counts = [(one["requests"], one["fields"][0]["field"], one["fields"][0]["after"]) for one in told["changes"]]
        mine = [one for one in told["changes"] if one["call"].startswith(sign)]
        assert told["disagreeing"] == 0 and told["read"]["unreadable"] == 0, json.dumps(told, indent=1)
        assert mine[0]["requests"] == CALLS["/private"] and "/private" in mine[0]["call"], json.dumps(told, indent=1)
        assert all(field == "outcome" and after == "denied" for _, field, after in counts), counts
        assert all(one["because"] == ["AuthorizationPolicy calls/private"] for one in told["changes"])
        # The server saw the gateway's request too.
        assert told["changed"] == CALLS["/private"] + (name == "web"), json.dumps(told, indent=1)
        assert told["requests"] == sum(CALLS.values()) + (name == "web")
        assert not told["not_asked"], told["not_asked"]


def test_the_log_of_a_gateway_is_led_through_its_routes(logged):
    mesh, files, new = logged
    told = replay(mesh, files["istio-ingressgateway"], "-f", new)
    assert (told["requests"], told["changed"], told["disagreeing"]) == (1, 1, 0), json.dumps(told, indent=1)
    assert told["changes"][0]["call"].startswith("at gateway istio-ingressgateway"), told["changes"]


def test_a_log_of_another_configuration_is_told_from_todays(logged):
    mesh, files, new = logged
    mesh.kubectl("delete", "-n", "calls", "authorizationpolicy", "closed")
    told = replay(mesh, files["web"], "-f", new)
    assert told["disagreeing"] == CALLS["/closed"], json.dumps(told, indent=1)
    (only,) = told["disagreements"]
    assert "rbac_access_denied" in only["log"] and only["now"].startswith("routed"), only


def test_people_and_plan_hear_the_same(logged):
    mesh, files, new = logged
    text = mesh.weft("replay", "-", "-f", new, stdin=files["client"].read_text()).stdout
    changed, everything = CALLS["/private"], sum(CALLS.values())
    assert f"{changed} of {everything} requests (1 shape) end otherwise" in text, text
    assert "because of AuthorizationPolicy calls/private [" in text and "assumed absent" in text, text
    plan = json.loads(mesh.weft("plan", "-f", new, "--log", files["client"], "--log", files["web"], "-o", "json").stdout)
    assert plan["log"]["changed"] == 2 * changed + 1 and plan["log"]["read"]["files"] == 2
    assert plan["calls_asked"] and plan["objects"] == ["adding AuthorizationPolicy calls/private"]
    bad = mesh.weft("replay", files["client"].parent / "none.log", "-f", new, check=False)
    assert bad.returncode == 1 and "none.log" in bad.stderr
