"""Clients and servers that nobody here wrote, through the sidecars of both data planes: curl, gRPC, WebSocket, redis, PostgreSQL, SMTP, h2load,
nghttp, wrk, h2spec."""

import json
import pathlib
import re
import subprocess

import pytest

from manifests import ECHO, SLEEP, deployment, gate, namespace, python, service
from mesh import PEERS, report, until

HERE = pathlib.Path(__file__).parent
OLD = "proxy.istio.io/config: '{proxyMetadata: {ISTIO_META_HTTP10: \"1\"}}'"
HTTP = python(HERE / "http_app.py", "8080")


def app(name, port, container, protocol="http", more="", annotations=""):
    return service(name, "wire", f"{{name: {protocol}, port: {port}}}", more) + deployment(name, "wire", container, annotations)


TEXT = "".join([
    namespace("wire"),
    gate("wire", "{route: [{destination: {host: echo, port: {number: 8080}}}]}"),
    app("echo", 8080, ECHO),
    app("web", 8080, HTTP),
    app("headless", 8080, HTTP, more="clusterIP: None"),
    app("rpc", 9000, python(HERE / "grpc_app.py", "serve", "9000"), protocol="grpc"),
    app("ws", 8080, python(HERE / "ws_app.py", "serve", "8080")),
    app("bytes", 7000, 'image: weft/echo, args: ["--tcp", "--port", "7000"]', protocol="tcp"),
    app("redis", 6379, "image: host/redis, command: [redis-server, --port, '6379', --save, '', --protected-mode, 'no']", protocol="tcp-redis"),
    app("rows", 5432, f"image: host/postgres, command: ['{HERE / 'postgres.sh'}', '5432']", protocol="tcp-postgres"),
    app("guessed", 5433, f"image: host/postgres, command: ['{HERE / 'postgres.sh'}', '5433']", protocol="rows"),
    app("mail", 2525, f"image: host/smtp, command: ['{PEERS / 'python'}', -m, aiosmtpd, -n, -l, '0.0.0.0:2525']", protocol="tcp-smtp"),
    app("client", 1, SLEEP),
    app("old", 8080, HTTP, annotations=OLD),
])
WEB = "http://web:8080"


class Wire:
    """A mesh of these applications, and how to run a program beside the client's sidecar."""

    def __init__(self, mesh):
        self.plane, self.mesh = mesh.dataplane, mesh

    def run(self, *command, check=True):
        return self.mesh.exec("wire", "deploy/client", *map(str, command), check=check)

    def curl(self, *args):
        """What curl said behind the body: status, version of HTTP, new connections; and the body."""
        done = self.run("curl", "-sS", "--max-time", "20", "-w", "\n%{http_code} %{http_version} %{num_connects}\n", *args,
                        check=False)
        lines = done.stdout.splitlines()
        return (lines[-1].split() if lines else [done.stderr]), "\n".join(lines[:-1])

    def told(self, script, *words):
        """The JSON that a script of ours prints at its end."""
        done = self.run(PEERS / "python", HERE / script, *words, check=False)
        assert done.returncode == 0, done.stderr[-2000:]
        return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def wire(mesh_of):
    return Wire(mesh_of(TEXT))


PLAIN = [
    ("HTTP/1.1", [f"{WEB}/a"], ["200", "1.1"]),
    ("HTTP/2 with prior knowledge", ["--http2-prior-knowledge", f"{WEB}/a"], ["200", "2"]),
    ("an upgrade to h2c that is not taken", ["--http2", f"{WEB}/a"], ["200", "1.1"]),
    ("a proxy's form of the request", ["-x", WEB, f"{WEB}/a"], ["200", "1.1"]),
    ("large fields", ["-H", "X-Big: " + "a" * 50_000, f"{WEB}/a"], ["200", "1.1"]),
    ("too large fields", ["-H", "X-Big: " + "a" * 62_000, f"{WEB}/a"], ["431", "1.1"]),
    ("too many fields", [word for n in range(120) for word in ("-H", f"X-{n}: 1")] + [f"{WEB}/a"], ["431", "1.1"]),
    ("HTTP/1.0, which Istio refuses unless it is asked to", ["--http1.0", f"{WEB}/a"], ["426", "1.1"]),
    ("a headless service", ["http://headless:8080/a"], ["200", "1.1"]),
    ("HEAD", ["-I", f"{WEB}/a"], ["200", "1.1"]),
    ("OPTIONS", ["-X", "OPTIONS", f"{WEB}/a"], ["200", "1.1"]),
]


@pytest.mark.parametrize("args,expected", [case[1:] for case in PLAIN], ids=[case[0] for case in PLAIN])
def test_curl_gets(wire, args, expected):
    told, body = wire.curl(*args)
    assert told[:2] == expected, body


def test_curl_keeps_its_connection(wire):
    urls = [word for n in range(5) for word in ("-o", "/dev/null", f"{WEB}/{n}")]
    done = wire.run("curl", "-sS", "-w", "%{num_connects}\n", *urls)
    assert done.stdout.split() == ["1", "0", "0", "0", "0"], done.stdout


def test_curl_uploads_with_a_length_in_chunks_and_after_a_100(wire):
    body = "x" * 200_000
    for extra in ([], ["-H", "Transfer-Encoding: chunked"], ["-H", "Expect: 100-continue", "--expect100-timeout", "60"],
                  ["--http2-prior-knowledge"]):
        done = wire.mesh.run(wire.mesh.peers / "kubectl", "exec", "-i", "-n", "wire", "deploy/client", "--",
                             "curl", "-sS", "--max-time", "20", *extra, "--data-binary", "@-", f"{WEB}/up", stdin=body)
        assert json.loads(done.stdout)["body"] == len(body), extra


def test_curl_sees_trailers_and_early_hints_and_a_large_body(wire):
    # Envoy drops trailers of HTTP/1 unless it is asked not to, which Istio does not.
    for version in ("--http1.1", "--http2-prior-knowledge") if wire.plane == "weft" else ():
        done = wire.run("curl", "-sS", "-D", "-", "-o", "/dev/null", version, f"{WEB}/trailers")
        assert "x-sum: 42" in done.stdout.lower(), (version, done.stdout)
    done = wire.run("curl", "-sS", "-o", "/dev/null", "-w", "%{size_download}", f"{WEB}/large")
    assert done.stdout == "1000000"
    done = wire.run("curl", "-sS", "-D", "-", "-o", "/dev/null", f"{WEB}/early")
    assert " 200 " in done.stdout, done.stdout


def test_http_1_0_is_served_where_it_is_asked_for(wire):
    told, body = wire.curl("--http1.0", "http://old:8080/old")
    assert told[0] == "200" and '"/old"' in body, (told, body)
    # A connection that stays, as HTTP/1.0 has it.
    done = wire.run("curl", "-sS", "-0", "-w", "%{num_connects}\n", "-H", "Connection: keep-alive",
                    "-o", "/dev/null", "http://old:8080/1", "-o", "/dev/null", "http://old:8080/2")
    assert done.stdout.split() == ["1", "0"], done.stdout


def test_a_pod_is_reached_by_its_own_address(wire):
    (pod,) = wire.mesh.get("pods", "-n", "wire", "-l", "app=web")["items"]
    told, body = wire.curl(f"http://{pod['status']['podIP']}:8080/direct")
    assert told[0] == "200" and '"/direct"' in body


GRPC = {
    "echo": "hello", "large": True, "statuses": [], "unknown method": "UNIMPLEMENTED", "count": True, "total": "2000000", "chat": True,
    "deadline": ["DEADLINE_EXCEEDED", True], "cancel": "yes", "cancelled stream": ["more", "CANCELLED"], "retried": "3", "many": True,
}


def test_grpc_of_another_language(wire):
    told = wire.told("grpc_app.py", "call", "rpc:9000")
    # Envoy ends the call itself at the deadline that the client named, with 504, which is UNAVAILABLE in gRPC: either may be first.
    if wire.plane == "envoy" and told["deadline"] == ["UNAVAILABLE", True]:
        told["deadline"] = GRPC["deadline"]
    assert told == GRPC
    report(f"grpcio, {wire.plane}: {len(told)} kinds of calls")


def test_websockets_talk(wire):
    told = wire.told("ws_app.py", "talk", "ws://ws:8080/")
    assert told == {"said": "hello", "same": True, "ponged": True, "closed": 1000}


CHANGES = """
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: other, namespace: wire}
spec:
  selector: {matchLabels: {app: ws}}
  action: DENY
  rules: [{to: [{operation: {paths: [/forbidden]}}]}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: ws, namespace: wire}
spec:
  hosts: [ws]
  http: [{timeout: 5s, route: [{destination: {host: ws, port: {number: 8080}}, headers: {request: {add: {x-new: rule}}}}]}]
---
apiVersion: v1
kind: ConfigMap
metadata: {name: istio, namespace: istio-system}
data: {mesh: "accessLogFile: /dev/stdout"}
"""


def test_a_websocket_lives_through_changes_of_policies_logs_and_routes(wire):
    mesh = wire.mesh
    held = subprocess.Popen(
        [str(mesh.peers / "kubectl"), "exec", "-i", "-n", "wire", "deploy/client", "--",
         str(PEERS / "python"), str(HERE / "ws_app.py"), "hold", "ws://ws:8080/"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=mesh.environment())
    assert held.stdout.readline().strip() == "holding"
    policy, route, settings = CHANGES.split("---")
    mesh.apply_text(policy)
    mesh.apply_text(route)
    mesh.programmed("virtualservice/ws", "wire")
    mesh.apply_text(settings)
    until("the new policy counts", lambda: mesh.code("wire", "deploy/client", "http://ws:8080/forbidden") == "403")
    log = lambda: mesh.kubectl("logs", "-n", "wire", "deploy/client", "-c", "istio-proxy")
    until("the new log is written", lambda: mesh.code("wire", "deploy/client", f"{WEB}/logged") == "200" and "/logged" in log())
    assert held.poll() is None, held.stderr.read()
    out, err = held.communicate("", timeout=180)
    assert held.returncode == 0, err
    told = json.loads(out.splitlines()[-1])
    assert told["closed"] == 1000 and told["sent"] > 20
    report(f"websockets, {wire.plane}: {told['sent']} messages on one connection through three changes")


def test_redis_where_the_client_speaks_first(wire):
    cli = lambda *words: wire.run("redis-cli", "-h", "redis", *words).stdout.strip()
    assert cli("ping") == "PONG"
    wire.mesh.run(wire.mesh.peers / "kubectl", "exec", "-i", "-n", "wire", "deploy/client", "--",
                  "redis-cli", "-h", "redis", "-x", "set", "a", stdin="x" * 300_000)
    assert cli("strlen", "a") == "300000"
    assert cli("-r", "100", "incr", "n").split()[-1] == "100"
    done = wire.run("redis-benchmark", "-h", "redis", "-q", "-n", "2000", "-c", "20", "-P", "16", "-t", "set,get")
    assert done.stdout.count("requests per second") == 2, done.stdout


@pytest.mark.parametrize("host,port", [("rows", 5432), ("guessed", 5433)], ids=["of a port that says its protocol", "of one that does not"])
def test_postgresql_takes_rows_and_gives_them_back(wire, host, port):
    at = ["-h", host, "-p", port, "-d", "postgres"]
    ask = lambda *words, check=True: wire.run("psql", *at, "-v", "ON_ERROR_STOP=1", "-qtA", *words, check=check)
    until("it listens", lambda: wire.run("psql", *at, "-qtAc", "select 1", check=False).stdout.strip() == "1")
    ask("-c", "drop table if exists t; create table t (n int primary key, word text)")
    rows = "".join(f"{n}\tword {n}\n" for n in range(20_000))
    wire.mesh.run(wire.mesh.peers / "kubectl", "exec", "-i", "-n", "wire", "deploy/client", "--",
                  "psql", *map(str, at), "-qc", "copy t from stdin", stdin=rows)
    assert ask("-c", "select count(*), sum(n) from t").stdout.strip() == "20000|199990000"
    assert ask("-F", "\t", "-c", "select * from t order by n").stdout == rows
    wrong = ask("-c", "insert into t values (7, 'again')", check=False)
    assert wrong.returncode != 0 and "duplicate key" in wrong.stderr, wrong.stderr
    # What the server says without being asked comes, too.
    told = ask("-c", "listen news", "-c", "notify news, 'here'", "-c", "select 1").stdout
    assert 'notification "news" with payload "here"' in told, told
    wire.run("pgbench", "-i", "-q", *at)
    done = wire.run("pgbench", "-n", "-c", "8", "-j", "2", "-t", "25", *at)
    assert "transactions actually processed: 200/200" in done.stdout, done.stdout
    seen = {"client": rf"{host}\.wire\.svc", host: rf'destination_app="{host}".*mutual_tls'} if wire.plane == "weft" else {}
    for pod, told in seen.items():
        counted = wire.mesh.exec("wire", f"deploy/{pod}", "curl", "-s", "http://127.0.0.1:15090/stats/prometheus").stdout
        assert re.search(rf"istio_tcp_connections_opened_total.*{told}.* [1-9]", counted), f"the sidecar of {pod} counted nothing"
    report(f"psql and pgbench, {wire.plane}: {len(rows)} bytes in and out, 200 transactions of 8 clients at {host}")


def test_smtp_where_the_server_speaks_first(wire):
    assert wire.told("tcp_client.py", "mail", "mail", "2525") == {"refused": {}, "noop": 250}


def test_half_of_a_connection_ends_and_the_other_goes_on(wire):
    assert wire.told("tcp_client.py", "half", "bytes", "7000") == {"same": True}


@pytest.mark.parametrize("extra", [["--h1"], []], ids=["HTTP/1.1", "HTTP/2"])
def test_h2load_loses_nothing(wire, extra):
    done = wire.run("h2load", *extra, "-n", "2000", "-c", "10", *([] if extra else ["-m", "10"]), "http://echo:8080/")
    assert "2000 succeeded, 0 failed, 0 errored, 0 timeout" in done.stdout, done.stdout
    rate = re.search(r"finished in .*? ([\d.]+) req/s", done.stdout).group(1)
    report(f"h2load {' '.join(extra)}, {wire.plane}: 2000 of 2000, {rate} req/s (debug builds are slow)")


def test_nghttp_gets_over_one_connection(wire):
    done = wire.run("nghttp", "-nv", "http://echo:8080/a", "http://echo:8080/b", "http://echo:8080/c")
    assert done.stdout.count(":status: 200") == 3, done.stdout[-2000:]


def test_wrk_sees_no_error(wire):
    done = wire.run("wrk", "-t1", "-c16", "-d2s", "http://echo:8080/")
    assert "Non-2xx" not in done.stdout and "Socket errors" not in done.stdout, done.stdout
    assert int(re.search(r"(\d+) requests in", done.stdout).group(1)) > 100, done.stdout


def test_h2spec_at_a_gateway(wire):
    """The case that fails on ours sends what is no HTTP/2 to a port of both versions: it is answered as HTTP/1, as by Envoy."""
    done = wire.mesh.run(PEERS / "h2spec", "-h", "127.0.0.1", "-p", str(wire.mesh.http), "-P", "/", "-o", "3" if wire.plane == "weft" else "1", "--strict",
                         check=False, timeout=300)
    total, passed = map(int, re.search(r"(\d+) tests, (\d+) passed", done.stdout).groups())
    report(f"h2spec --strict, {wire.plane}: {passed} of {total}")
    if wire.plane == "weft":
        failed = [line.strip() for line in done.stdout.split("Failures:")[1].splitlines() if "×" in line]
        assert (passed, failed) == (total - 1, ["× 2: Sends invalid connection preface"])
