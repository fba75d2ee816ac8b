"""Attackers of a gateway harm nobody else: while they are at work a steady load is served without a failed request, the memory of the gateway
stays bounded, and its descriptors come back. What test_malformed.py says of single messages is not repeated here."""

import json
import os
import pathlib

import pytest

from attacker import ATTACKS
from certificates import Authority, secret
from manifests import ECHO, SLEEP, deployment, gate, namespace, service
from mesh import PEERS, finish, report, running, until

pytestmark = pytest.mark.patient

ATTACKER = pathlib.Path(__file__).with_name("attacker.py")
DOOR = "istio-ingressgateway.istio-system"
# How long each attack is, and the rate of the others; the environment may ask for more.
SECONDS = float(os.environ.get("WEFT_ATTACK_SECONDS", "2"))
RATE = int(os.environ.get("WEFT_ATTACK_RATE", "200"))
# What goes on at once. Each attack of the table is in one of them.
WAVES = {
    "slow": ["slow head", "slow body", "slow hello", "slow preface"],
    "large": ["many fields", "a long field", "a long path", "a long chunk line"],
    "floods": ["continuation flood", "rapid reset", "settings flood", "ping flood", "priority flood", "empty frames"],
    "greedy": ["no room", "deaf", "idle"],
}
# What the gateway may have been resident with, ever: a head, a body or an answer that waits is bounded for each stream, and so are the
# streams of a connection; "no room" is what costs most, with a request to a server below each of its streams.
PEAK = 160 << 20
# Connections that the load has to the gateway, and the gateway to servers, which come and go.
LOOSE = 200
TLS = """---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: secure, namespace: front}
spec:
  selector: {istio: ingressgateway}
  servers: [{port: {number: 443, name: https, protocol: HTTPS}, hosts: [a.example], tls: {mode: SIMPLE, credentialName: a}}]
"""


class Gateway:
    """The gateway's process, as the kernel sees it."""

    def __init__(self, mesh):
        (self.pid,) = [pid for pid, line in mesh.processes_under("weft-proxy") if " router" in line]

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def peak(self):
        """Bytes that were resident at most, ever."""
        status = pathlib.Path(f"/proc/{self.pid}/status").read_text()
        (line,) = [line for line in status.splitlines() if line.startswith("VmHWM:")]
        return int(line.split()[1]) << 10


@pytest.fixture(scope="module")
def attacked(tmp_path_factory):
    folder = tmp_path_factory.mktemp("attacks")
    routes = "{route: [{destination: {host: echo, port: {number: 8080}}}]}"
    text = namespace("front") + service("echo", "front", "{name: http, port: 8080}") + deployment("echo", "front", ECHO)
    text += gate("front", routes) + TLS + secret("a", "istio-system", *Authority(folder).sign("a", "a.example"))
    text += namespace("street", "") + deployment("attacker", "street", SLEEP) + deployment("walker", "street", SLEEP)
    with running(folder / "mesh.yaml", text) as mesh:
        until("the gateway serves", lambda: mesh.code("street", "deploy/walker", f"http://{DOOR}/") == "200")
        yield mesh


def begun(mesh, load):
    """The load runs, and may be told to end."""
    assert load.poll() is None, load.communicate()
    return any(" load " in line for _, line in mesh.processes_under("weft"))


@pytest.mark.parametrize("wave", WAVES)
def test_attackers_harm_nobody_else(attacked, wave):
    mesh, gateway = attacked, Gateway(attacked)
    before = gateway.descriptors()
    load = mesh.load("street", "deploy/walker", f"http://{DOOR}/", RATE, 900, "--timeout", "60s")
    until("the load has begun", lambda: begun(mesh, load))
    done = mesh.exec("street", "deploy/attacker", PEERS / "python", ATTACKER, DOOR, SECONDS, *WAVES[wave])
    mesh.end_loads()
    others, attackers = finish(load, 10), json.loads(done.stdout)
    report(f"{mesh.name}: attackers who are {wave}: {others['requests']} requests of others at {RATE}/s, {others['failed']} failed; "
           f"peak {gateway.peak() >> 20} MiB; {attackers}")
    assert others["requests"] and not others["failed"], others
    for kind, told in attackers.items():
        assert told["opened"] and (told["cut"] or not ATTACKS[kind].cut), (kind, told)
    assert gateway.peak() < PEAK
    until("the descriptors are given back", lambda: gateway.descriptors() <= before + LOOSE)
    assert Gateway(mesh).pid == gateway.pid, "it was not started anew"


def test_every_attack_is_made():
    assert sorted(kind for kinds in WAVES.values() for kind in kinds) == sorted(ATTACKS)
