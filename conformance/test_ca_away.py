"""The certificate authority is away for longer than half a certificate's life: nothing fails before the end, alarms come before it,
nothing goes through after it, and all is renewed when the authority is back."""

import contextlib
import json
import os
import signal

import pytest

from manifests import ECHO, SLEEP, deployment, namespace, service
from mesh import BIN, report, until
from test_ca import RULES

pytestmark = pytest.mark.patient

LIFE, RATE = 40, 100
SHORT = f"""proxy.istio.io/config: '{{"proxyMetadata": {{"SECRET_TTL": "{LIFE}s"}}}}'"""

# What runs without kubectl, whose server is the control plane: each line of a log is an answer, or the report of a load that was ended.
CALLS = f"""
while :; do
  code=$(curl -s -m 10 -o /dev/null -w '%{{http_code}}' http://echo:8080/)
  echo "code $code"
  if [ "$code" = 200 ]; then {BIN}/weft load --rate {RATE} --duration 600s -o json http://echo:8080/ | tr -d '\\n'; echo
  else sleep 0.3; fi
done"""
WATCHES = """
while :; do
  for pod in echo caller; do echo $pod $(curl -s -m 5 http://$pod.pki:15020/stats/prometheus | grep ^istio_agent_); done
  sleep 0.5
done"""
METRICS = "{name: http, port: 8080}, {name: metrics, port: 15020}"
ENDS, FAILED = 'istio_agent_cert_expiry_seconds{resource_name="default"}', 'istio_agent_num_failed_outgoing_requests{request_type="csr"}'


def shell(script):
    return f"image: host/sh, command: [sh, -c, {json.dumps(script)}]"


MESH = "".join([
    namespace("pki"), namespace("outside", ""), service("echo", "pki", METRICS), service("caller", "pki", METRICS),
    deployment("echo", "pki", ECHO, SHORT), deployment("caller", "pki", shell(CALLS), SHORT),
    deployment("watcher", "outside", shell(WATCHES)), deployment("stranger", "outside", SLEEP),
    RULES])


class Logs:
    """Logs of pods, read where the node writes them."""

    def __init__(self, mesh):
        self.folders = {}
        for pod in mesh.get("pods", "-A")["items"]:
            self.folders[pod["metadata"]["labels"].get("app")] = mesh.state / "pods" / pod["metadata"]["uid"] / "logs"

    def lines(self, app, container="app"):
        files = sorted((self.folders[app] / container).glob("*.log"), key=lambda file: int(file.stem))
        return "".join(file.read_text() for file in files).splitlines()

    def metric(self, app, name):
        """The newest value that the watcher saw."""
        for line in reversed(self.lines("watcher")):
            if f"{app} istio_agent_" in line and f"{name} " in line:
                return float(line.split(f"{name} ")[1].split()[0])
        return None

    def left(self):
        """Seconds that each of the two certificates has."""
        found = [self.metric(app, ENDS) for app in ("echo", "caller")]
        return found if None not in found else None

    def reports(self):
        """Of loads that were ended."""
        return [json.loads(line[line.index("{"):]) for line in self.lines("caller") if '"failed"' in line]

    def told(self, app, words):
        """The log of a proxy, when it has these words."""
        log = "\n".join(self.lines(app, "istio-proxy"))
        return log if words in log else None

    def codes(self):
        return [line.split("code ")[1].strip() for line in self.lines("caller") if "code " in line]


def loads(mesh):
    return [pid for pid, line in mesh.processes_under("weft") if " load " in line]


def end_load(mesh, logs):
    """Ends the load that runs, which is followed by the next when echo answers; its report."""
    known = len(logs.reports())
    (pid,) = until("a load", lambda: loads(mesh))
    os.kill(pid, signal.SIGINT)
    until("its report", lambda: len(logs.reports()) > known)
    return logs.reports()[-1]


@pytest.fixture(scope="module")
def pki(mesh_of):
    return mesh_of(MESH)


@pytest.fixture
def ends():
    """What is to be done when a test ends early."""
    with contextlib.ExitStack() as ends:
        yield ends


def test_nothing_fails_until_the_end_and_nothing_passes_after_it(pki, ends):
    mesh, logs = pki, Logs(pki)
    until("a load", lambda: loads(mesh))
    until("metrics", logs.left)
    control_plane = mesh.control_plane_pid()
    until("certificates that are young", lambda: min(logs.left()) > LIFE * 0.62, 120)
    # Nobody answers, as when the network is cut: connections hang until they are given up.
    ends.callback(os.kill, control_plane, signal.SIGCONT)
    os.kill(control_plane, signal.SIGSTOP)
    began = min(logs.left())
    until("the last seconds", lambda: min(logs.left()) < 3)
    before_end, away = end_load(mesh, logs), began - min(logs.left())
    assert away > LIFE / 2, f"the authority was away for {away} s"
    assert before_end["failed"] == 0 and before_end["requests"] > 100, before_end
    for app in ("echo", "caller"):
        assert logs.metric(app, FAILED) > 0, app
    until("the end", lambda: max(logs.left()) < -2)
    for app in ("echo", "caller"):
        told = until(f"{app} tells its end", lambda app=app: logs.told(app, "the certificate has ended"))
        alarms = [told.find(words) for words in ("no new certificate; the old one serves on", "the certificate ends soon")]
        assert -1 < alarms[0] < alarms[1] < told.index("the certificate has ended"), told[-3000:]
    until("another load", lambda: loads(mesh))
    end_load(mesh, logs)
    known = len(logs.codes())
    until("calls after the end", lambda: len(logs.codes()) > known + 4)
    assert "200" not in logs.codes()[known + 1:], logs.codes()[known:]

    ends.pop_all()
    os.kill(control_plane, signal.SIGKILL)
    until("calls go through again", lambda: loads(mesh), 120)
    until("new certificates", lambda: min(logs.left()) > LIFE / 2)
    renewed = until("a status", lambda: (out := mesh.weft("ca", "status", "-o", "json", check=False).stdout).startswith("{") and json.loads(out))
    assert renewed["first_end"] > renewed["now"] and renewed["holders"] >= 3, renewed
    assert "Their own:" in mesh.weft("ca", "status").stdout
    until("one is to be renewed", lambda: min(logs.left()) < LIFE / 2 + 2)
    until("they are", lambda: min(logs.left()) > LIFE / 2 + 2)
    after = end_load(mesh, logs)
    assert after["failed"] == 0, after
    report(f"{mesh.name}: authority away for {away:.0f} s of certificates of {LIFE} s: {before_end['requests']} requests, 0 failed; "
           f"{after['requests']} after it was back, 0 failed")


def test_the_end_of_the_certificate_is_no_secret(pki):
    """Without the mesh's certificate nobody comes in, whatever the state of the authority."""
    assert pki.code("outside", "deploy/stranger", "http://echo.pki:8080/") == "000"
