"""Beginning, end and renewal of a mesh: what is left behind, and what a rotation of certificates costs."""

import contextlib
import os
import signal

import pytest

from conftest import people, planes
from manifests import ECHO, SLEEP, deployment, namespace, service
from mesh import Mesh, finish, report, running, until

pytestmark = pytest.mark.patient

STRICT = """---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: rotation}
spec: {mtls: {mode: STRICT}}
"""
SHORT = """proxy.istio.io/config: '{"proxyMetadata": {"SECRET_TTL": "20s"}}'"""
ROTATING = "".join([
    namespace("rotation"), STRICT, service("echo", "rotation", "{name: http, port: 8080}"),
    deployment("echo", "rotation", ECHO, SHORT, replicas=2), deployment("caller", "rotation", SLEEP, SHORT),
])


def serials(mesh, target):
    """Every certificate that the sidecar was issued so far, by serial number, in order."""
    text = mesh.kubectl("logs", "-n", "rotation", target, "-c", "istio-proxy")
    return [word.split('"')[1] for line in text.splitlines() for word in line.split() if word.startswith("serial=")]


def test_certificates_rotate_every_few_seconds_without_a_failed_request(request, tmp_path):
    """On all data planes at once, because three minutes are long."""
    seconds = int(os.environ.get("WEFT_ROTATION_SECONDS", "180"))
    with contextlib.ExitStack() as ends:
        rotating = [running(tmp_path / f"{plane}.yaml", ROTATING, plane) for plane in planes(request.config)]
        meshes = [ends.enter_context(mesh) for mesh in rotating]
        loads = [mesh.load("rotation", "deploy/caller", "http://echo:8080/", 200, seconds) for mesh in meshes]
        for mesh, load in zip(meshes, loads):
            result = finish(load, seconds)
            assert result["failed"] == 0, (mesh.name, result)
            assert result["requests"] == 200 * seconds, (mesh.name, result)
            for target in ("deploy/echo", "deploy/caller"):
                seen = serials(mesh, target)
                assert len(set(seen)) == len(seen) > seconds // 20, (mesh.name, seen)
            report(f"{mesh.name}: {result['requests']} requests in {seconds} s over {len(seen)} certificates of "
                   f"20 s: {result['failed']} failed, p99 {result['latency_ms']['p99']} ms")


@pytest.mark.parametrize("user", people(), ids=lambda user: user.pw_name if user else "self")
def test_the_end_leaves_nothing_behind(user):
    mesh = Mesh(user=user)
    try:
        mesh.up()
        assert mesh.processes()
        taken = mesh.down(keep=True)
        report(f"{mesh.name}: down took {taken:.2f} s")
        until("no process is left", lambda: not mesh.processes())
    finally:
        mesh.down()


@pytest.mark.parametrize("user", people(), ids=lambda user: user.pw_name if user else "self")
@pytest.mark.parametrize("next_command", ["up", "down"])
def test_the_next_command_cleans_up_after_a_kill(user, next_command):
    mesh = Mesh(user=user)
    try:
        mesh.up()
        for pid, line in mesh.processes():
            if " node" in line:
                os.kill(pid, signal.SIGKILL)
        if next_command == "up":
            mesh.up()
            assert "<html" in mesh.run("curl", "-sS", f"http://localhost:{mesh.http}/").stdout
        mesh.down(keep=True)
        until("no process is left", lambda: not mesh.processes())
    finally:
        mesh.down()
