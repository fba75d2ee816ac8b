"""A folder that `weft up` was given is followed: changed, added and removed objects, and mistakes in it."""

import signal

import pytest

from manifests import ECHO, deployment, namespace, service
from mesh import until

pytestmark = pytest.mark.patient

OBJECTS = namespace("shop") + service("echo", "shop", "{name: http, port: 8080}") + deployment("echo", "shop", ECHO)
ROUTE = """apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: echo, namespace: shop}
spec:
  hosts: [echo]
  http: [{timeout: 1s, route: [{destination: {host: echo}}]}]
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "echo.yaml").write_text(OBJECTS)
    return tmp_path


def names(mesh):
    return mesh.kubectl("get", "virtualservices", "-A", "-o", "name").split()


def test_changes_of_a_folder_are_applied_and_mistakes_change_nothing(unused, folder):
    unused.up(folder)
    (folder / "route.yaml").write_text(ROUTE)
    until("the new file is applied", lambda: names(unused))
    (folder / "route.yaml").write_text(ROUTE.replace("timeout: 1s", "timeout: 2s"))
    until("the change is applied", lambda: "2s" in unused.kubectl("get", "vs", "-n", "shop", "-o", "yaml"))
    log = unused.state / "log/changes.log"
    (folder / "route.yaml").write_text(ROUTE.replace("timeout", "timeoot"))
    until("the mistake is told of", lambda: "route.yaml:6:11: VirtualService shop/echo: spec.http[0].timeoot" in log.read_text())
    assert "2s" in unused.kubectl("get", "vs", "-n", "shop", "-o", "yaml")
    (folder / "route.yaml").unlink()
    until("the removed file's objects are deleted", lambda: not names(unused))
    assert "deployment.apps/echo" in unused.kubectl("get", "deploy", "-n", "shop", "-o", "name")


def test_in_the_foreground_changes_are_printed_and_ctrl_c_ends_everything(unused, folder):
    shown = unused.popen(
        unused.bin / "weft", "up", folder, "--state-dir", unused.state, "--api-port", unused.api,
        "--ingress-http-port", unused.http, "--ingress-https-port", unused.https)
    lines = iter(shown.stdout.readline, "")
    assert any("Ctrl-C" in line for line in lines)
    (folder / "route.yaml").write_text(ROUTE)
    assert any("applied VirtualService shop/echo" in line for line in lines)
    shown.send_signal(signal.SIGINT)
    out, err = shown.communicate(timeout=180)
    assert shown.returncode == 0, out + err
    until("no process is left", lambda: not unused.processes())
