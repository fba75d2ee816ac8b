"""The way to STRICT: who still calls in plaintext is named, what is quiet is switched under load, and taken back when somebody is refused."""

import json
import os
import signal
import time

import pytest

from manifests import ECHO, SLEEP, deployment, namespace, service
from mesh import finish, report, until

pytestmark = pytest.mark.patient

RATE, SECONDS = 100, 120
URL = "http://echo.shop:8080/"
POLICY = "peerauthentication/weft-mtls-echo"

MESH = "".join([
    namespace("shop"), namespace("outside", ""), service("echo", "shop", "{name: http, port: 8080}"),
    deployment("echo", "shop", ECHO), deployment("caller", "shop", SLEEP), deployment("stranger", "outside", SLEEP),
])


@pytest.fixture(scope="module")
def shop(mesh_of):
    return mesh_of(MESH)


def echo(mesh, quiet="5s"):
    """What the report says of echo; nothing while the control plane is away."""
    out = mesh.weft("mtls", "report", "-n", "shop", "echo", "--when-quiet", quiet, "-o", "json", check=False)
    if out.returncode:
        return None
    (found,) = json.loads(out.stdout)["workloads"]
    return found


def callers(mesh):
    found = echo(mesh) or {"ports": []}
    return [caller for port in found["ports"] if port["port"] == 8080 for caller in port["callers"]]


def stranger(mesh):
    """The status that a pod without a sidecar gets."""
    return mesh.code("outside", "deploy/stranger", URL)


def served(mesh):
    """The stranger is served, and the control plane has heard of it: before it has, echo would still count as quiet."""
    def asked():
        at = time.time() * 1000
        return at if stranger(mesh) == "200" else None

    called = until("the stranger is served", asked)
    until("the call is known", lambda: any(caller["last"] >= called for caller in callers(mesh)))


def enforce(*more):
    return ("mtls", "enforce", "-n", "shop", "echo", "--when-quiet", "5s", *more)


def policies(mesh):
    return mesh.kubectl("get", "peerauthentication", "-n", "shop", "-o", "name").split()


def test_a_caller_in_plaintext_is_named_and_keeps_the_workload_as_it_is(shop):
    mesh = shop
    served(mesh)
    (seen,) = callers(mesh)
    assert seen["workload"] == "outside/stranger" and seen["pod"].startswith("stranger-") and not seen["meshed"], seen
    assert seen["first"] <= seen["last"] and seen["connections"] >= 1, seen
    told = mesh.weft("mtls", "report").stdout
    assert "outside/stranger (pod stranger-" in told and "shop/echo: not yet" in told, told
    assert "watched for" in told and "7d0h are asked for" in told, told

    refused = mesh.weft("mtls", "enforce", "--when-quiet", "1h", "--yes", "echo.shop", check=False)
    assert refused.returncode == 3 and "outside/stranger called in plaintext" in refused.stdout, refused
    assert mesh.weft("mtls", "enforce", "--when-quiet", "5x", check=False).returncode != 0
    assert "no workload ekko" in mesh.weft("mtls", "report", "ekko", check=False).stderr
    assert policies(mesh) == []


def test_a_control_plane_that_starts_again_remembers(shop):
    mesh = shop
    kept = mesh.state / "callers.json"
    until("it is written", lambda: kept.exists() and "outside/stranger" in kept.read_text())
    (before,) = callers(mesh)
    watched = echo(mesh)["since"]
    os.kill(mesh.control_plane_pid(), signal.SIGKILL)
    (after,) = until("the report is there again", lambda: callers(mesh))
    assert after["first"] == before["first"], (before, after)
    until("the proxies report again", lambda: (echo(mesh) or {}).get("verdict") == "ready")
    assert echo(mesh)["since"] == watched


def test_what_is_quiet_becomes_strict_and_permissive_again_without_a_failed_request(shop):
    mesh = shop
    until("echo is quiet", lambda: (echo(mesh) or {}).get("verdict") == "ready")
    dry = mesh.weft(*enforce("--dry-run")).stdout
    assert "mode: STRICT" in dry and policies(mesh) == [], dry
    assert "nobody is there to agree" in mesh.weft(*enforce(), check=False, stdin="").stderr and policies(mesh) == []

    load = mesh.load("shop", "deploy/caller", URL, RATE, SECONDS)
    told = mesh.weft(*enforce("--observe", "3s", "--yes")).stdout
    assert "STRICT, acknowledged by every proxy" in told, told
    assert stranger(mesh) == "000" and echo(mesh)["verdict"] == "STRICT"
    assert "nothing to do" in mesh.weft(*enforce("--yes")).stdout, "what is STRICT is done"
    mesh.kubectl("delete", "-n", "shop", POLICY)
    served(mesh)
    mesh.end_loads()
    result = finish(load, SECONDS)
    assert result["failed"] == 0 and result["requests"] > 100, result
    report(f"{mesh.name}: {result['requests']} requests over PERMISSIVE, STRICT, PERMISSIVE: {result['failed']} failed")


def test_it_is_taken_back_when_a_pod_of_the_mesh_is_refused(shop):
    mesh = shop
    until("echo is quiet", lambda: (echo(mesh) or {}).get("verdict") == "ready")
    running = mesh.popen(mesh.bin / "weft", *enforce("--observe", "80s", "--yes"), "--state-dir", mesh.state)
    strict = ["peerauthentication.security.istio.io/weft-mtls-echo"]
    until("it is STRICT", lambda: policies(mesh) == strict or running.poll() is not None)
    assert running.poll() is None, running.communicate()
    until("the stranger is refused", lambda: stranger(mesh) == "000")
    out, err = running.communicate(timeout=120)
    assert running.returncode == 4 and "taken back: port 8080 refused" in out and "outside/stranger" in out, (out, err)
    assert policies(mesh) == []
    served(mesh)
