"""Broken and odd bytes at a gateway and at a sidecar of both data planes: what is answered, what is logged, and that nobody is hurt.

Every row of both tables is sent once to each data plane, from a pod without a sidecar; the tests look at what came back.
"""

import concurrent.futures
import contextlib
import itertools
import json
import pathlib
import re

import malformed
import malformed_h2
import pytest

from conftest import planes
from manifests import ECHO, SLEEP, deployment, gate, namespace, python, service
from mesh import PEERS, report, running, until

CLIENT = pathlib.Path(__file__).with_name("raw_client.py")
FLOOD = 70_000
GATEWAY = "istio-ingressgateway.istio-system"
# Reads whole requests, which weft/echo does not wait for.
READER = python(CLIENT.with_name("http_app.py"), "8080")
HASTY = "proxy.istio.io/config: '{connectionSettings: {httpStreamIdleTimeout: 1s, httpIdleTimeout: 1s, httpRequestTimeout: 3s}}'"
SETTINGS = """
apiVersion: install.istio.io/v1alpha1
kind: IstioOperator
spec:
  meshConfig: {accessLogFile: /dev/stdout}
"""
TEXT = "".join([
    SETTINGS, namespace("wire"), namespace("outside", ""),
    gate("wire", "{route: [{destination: {host: echo, port: {number: 8080}}}]}"),
    *(deployment("client", place, SLEEP) for place in ("outside", "wire")),
    *(service(name, "wire", "{name: http, port: 8080}") for name in ("echo", "hasty")),
    deployment("echo", "wire", ECHO), deployment("hasty", "wire", READER, HASTY),
])


# Seconds after which somebody who says nothing says nothing any more, and those in which a busy machine does anything.
QUIET, LONGEST = 1.5, 15


def waits(end):
    """How long the client waits for the first byte, and for each further one."""
    return {"first": LONGEST if end and end != "open" else QUIET, "quiet": LONGEST if end.endswith("close") else QUIET}


class Tried:
    """One data plane, and what came back from everything that was sent to it."""

    def __init__(self, mesh):
        self.plane, self.mesh = mesh.dataplane, mesh
        # The log tells connections apart by the client's port, and the kernel gives one of 28,000 to two of 300 more often than not.
        self.locals = itertools.count(20_000)

    def send(self, namespace, cases, ends=None):
        """Sends each of (name, bytes, host, port, is HTTP/2) from the client of a namespace. `ends` by name are what is expected, and
        tell how long to wait: what is to be answered or closed may be late on a busy machine, and only silence has to be waited for."""
        asked = [{"name": n, "hex": raw.hex(), "host": host, "port": port, "h2": h2, "from": next(self.locals)} | waits((ends or {}).get(n, ""))
                 for n, raw, host, port, h2 in cases]
        done = self.mesh.run(
            self.mesh.peers / "kubectl", "exec", "-i", "-n", namespace, "deploy/client", "--",
            PEERS / "python", "-c", CLIENT.read_text(), stdin=json.dumps(asked), timeout=300)
        return json.loads(done.stdout)

    def try_tables(self):
        at_door = [(row.name, row.raw, GATEWAY, 80, False) for row in malformed.ROWS]
        self.h1 = self.send("outside", at_door, {row.name: row.outcome(self.plane) for row in malformed.ROWS})
        rows = [(row.name, row.raw, GATEWAY, 80, True) for row in malformed_h2.ROWS]
        # Floods come last: while they last, others wait.
        ends = {row.name: row.ours if self.plane == "weft" else row.envoy for row in malformed_h2.ROWS}
        self.h2 = self.send("outside", [row for row in rows if len(row[1]) < FLOOD], ends)
        self.h2 |= self.send("outside", [row for row in rows if len(row[1]) >= FLOOD], ends)
        self.read_log()

    def read_log(self):
        self.log = self.mesh.kubectl("logs", "-n", "istio-system", "deploy/istio-ingressgateway")

    def pod(self, app):
        (pod,) = self.mesh.get("pods", "-n", "wire", "-l", f"app={app}")["items"]
        return pod["status"]["podIP"]

    def lines(self, local):
        return [line for line in self.log.splitlines() if f" {local} " in line]

    def logs(self, told, flag):
        """The last record about that connection has this flag, or none where none is expected; it may come after the answer."""
        def last():
            found = [re.match(r'\[[^]]*\] ".*? HTTP/\S+" \d+ (\S+) ', line) for line in self.lines(told["local"])]
            return found[-1].group(1) if found else "-"

        if last() != flag:
            until(lambda: f"{flag} in {[line[:200] for line in self.lines(told['local'])]}", lambda: self.read_log() or last() == flag)


@pytest.fixture(scope="module")
def both(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("wire")
    with contextlib.ExitStack() as ends:
        meshes = [running(folder / f"{plane}.yaml", TEXT, plane) for plane in planes(request.config)]
        tried = [Tried(ends.enter_context(mesh)) for mesh in meshes]
        with concurrent.futures.ThreadPoolExecutor() as pool:
            list(pool.map(Tried.try_tables, tried))
        yield {one.plane: one for one in tried}


def outcome(told, between):
    return f"{between.join(map(str, told['said']))} {told['end']}".strip()


@pytest.mark.parametrize("row", malformed.ROWS, ids=lambda row: row.name)
def test_bytes_of_http_1(both, row):
    for plane, tried in both.items():
        assert outcome(tried.h1[row.name], " ") == row.outcome(plane), plane
    assert not row.envoy or row.why
    if "weft" in both:
        told = both["weft"].h1[row.name]
        both["weft"].logs(told, row.flag())


@pytest.mark.parametrize("row", malformed_h2.ROWS, ids=lambda row: row.name)
def test_frames_of_http_2(both, row):
    got = {plane: outcome(tried.h2[row.name], ", ") for plane, tried in both.items()}
    if "weft" in got:
        assert row.ours[1:] in got["weft"] if row.ours.startswith("*") else got["weft"] == row.ours, got
        both["weft"].logs(both["weft"].h2[row.name], row.flag())
    if "envoy" in got and row.envoy != "any":
        same = got["envoy"].startswith("200") == row.ours.startswith("200")
        assert got["envoy"] == row.envoy if row.envoy else same


def test_the_tables_are_counted(both):
    differ = [row for row in malformed.ROWS if row.envoy]
    report(f"malformed: {len(malformed.ROWS)} of HTTP/1 ({len(differ)} differ from Envoy on purpose), "
           f"{len(malformed_h2.ROWS)} of HTTP/2, on {' and '.join(both)}")


def test_no_smuggled_request_was_served(both):
    if "weft" not in both:
        pytest.skip("Envoy serves some of them")
    tried = both["weft"]
    assert "/smuggled" in tried.log, "what follows a right request is served"
    for row in malformed.ROWS:
        if malformed.S in row.raw and row.ours[0] in "45":
            local = tried.h1[row.name]["local"]
            lines = tried.lines(local)
            assert lines and not any("/smuggled" in line for line in lines), row.name


def test_the_next_request_on_another_connection_is_served(both):
    for tried in both.values():
        assert tried.mesh.code("outside", "deploy/client", f"http://{GATEWAY}/") == "200"
        assert tried.mesh.code("wire", "deploy/client", "http://echo:8080/") == "200"


def test_the_same_bytes_do_a_sidecar_no_harm(both):
    for tried in both.values():
        rows = [(row.name, row.raw, "echo.wire", 8080, False) for row in malformed.ROWS]
        told = tried.send("wire", rows)
        for row in malformed.ROWS:
            got = outcome(told[row.name], " ")
            if tried.plane == "weft" and malformed.S in row.raw and row.ours[0] in "45":
                assert got.count("200") == 0, (row.name, got)
        assert tried.mesh.code("wire", "deploy/client", "http://echo:8080/") == "200"
        restarts = tried.mesh.kubectl("get", "pods", "-A", "-o", "jsonpath={.items[*].status.initContainerStatuses[*].restartCount}")
        assert set(restarts.split()) == {"0"}


# A ClientHello as openssl writes it, cut and bent.
HELLO = bytes.fromhex("160301004e0100004a0303") + bytes(32) + bytes.fromhex(
    "0000021301" "0100001f" "0000000a000800000563686f6569" "002b0003020304" "000d000400020403")
TLS = [
    ("a hello cut in the record's head", HELLO[:3], "open"),
    ("a hello cut in its middle", HELLO[:30], "open"),
    ("a hello of no known version", b"\x16\x09\x09\x00\x10" + bytes(16), "close"),
    ("a hello that is not one", b"\x16\x03\x01\x00\x10" + b"\xff" * 16, "close"),
    ("a hello of length zero", b"\x16\x03\x01\x00\x00", "close"),
    ("an alert first", b"\x15\x03\x01\x00\x02\x02\x28", "close"),
    ("a record larger than TLS allows", b"\x16\x03\x01\xff\xff" + b"\x01\x00\xff\xff" + bytes(70_000), "close"),
]


def test_broken_tls_at_a_sidecar_is_closed_and_the_next_client_served(both):
    for tried in both.values():
        told = tried.send("outside", [(name, raw, tried.pod("echo"), 8080, True) for name, raw, _ in TLS])
        got = {name: told[name]["end"] for name, _, _ in TLS}
        if tried.plane == "weft":
            assert got == {name: end for name, _, end in TLS}
        assert tried.mesh.code("wire", "deploy/client", "http://echo:8080/") == "200"


STALLS = [
    ("a head that stops", b"GET / HTTP/1.1\r\nHost: x\r\nX-", "408 close", "SI"),
    ("a body that stops", malformed.post(b"Content-Length: 9\r\n", b"abc"), "408 close", "SI"),
    ("a chunk that stops", malformed.post(malformed.CH, b"9\r\nabc"), "408 close", "SI"),
    ("nothing after a request", malformed.get(), "200 close", "-"),
]


def test_clients_that_stall_are_answered_or_closed_in_the_time_that_was_set(both):
    ends = {name: end for name, _, end, _ in STALLS}
    for tried in both.values():
        # Envoy drains for five seconds before it closes what is idle.
        told = tried.send("outside", [(name, raw, tried.pod("hasty"), 8080, False) for name, raw, _, _ in STALLS], ends)
        got = {name: outcome(told[name], " ") for name, _, _, _ in STALLS}
        assert got == ends, tried.plane
        log = lambda: tried.mesh.kubectl("logs", "-n", "wire", "deploy/hasty", "-c", "istio-proxy")
        until("the stalls are in the log", lambda: len(re.findall(r'" 408 SI ', log())) == 3)
