"""What is measured: one row is a way, who takes it, and how it is sent."""

import concurrent.futures
import dataclasses
import subprocess

import gates
import send
from stage import settled
from way import Way

ONE, TWO = Way(), Way(pair=True)
H2, GRPC, TCP = Way("h2"), Way("grpc"), Way("tcp")
EDGE = Way(edge=True)
PROXIES = ("weft", "haproxy", "nginx", "envoy")
SINGLE = ("direct", *PROXIES)
PAIR = ("direct", "weft", "weft-direct", "envoy as in Istio", "haproxy", "nginx", "envoy")
OWN = ("direct", "weft")
# Seconds of the turn that does not count.
WARM = 1
# Services of one call of kubectl, and calls at once.
PORTION, KUBECTLS = 250, 6
# What may go wrong with one candidate.
FAULTS = (AssertionError, ArithmeticError, RuntimeError, LookupError, TypeError, ValueError, OSError, subprocess.SubprocessError)


@dataclasses.dataclass(frozen=True)
class Row:
    """`fresh`: each round with processes of its own, which nothing was sent through. `services`: so many are there before."""

    name: str
    way: Way
    candidates: tuple
    send: object
    fresh: bool = False
    services: int = 0


ROWS = [
    Row("memory, idle", ONE, PROXIES, send.rest(), fresh=True),
    Row("memory, 1,000 idle connections", ONE, PROXIES, send.idle(1000), fresh=True),
    Row("memory, 1,000 idle connections, TLS", EDGE, PROXIES, send.idle(1000, "full"), fresh=True),
    *[Row(f"HTTP/1.1, {connections} connections, {size // 1024} KB", ONE, SINGLE, send.wrk(connections, size))
      for size in (1024, 65536) for connections in (32, 512)],
    Row("HTTP/2, 32 connections × 1 stream", H2, SINGLE, send.h2load(32, 1)),
    Row("HTTP/2, 8 connections × 32 streams", H2, SINGLE, send.h2load(8, 32)),
    Row("gRPC unary, 8 connections × 32 streams", GRPC, SINGLE, send.h2load(8, 32, "bench/1", grpc=True)),
    Row("gRPC streaming, 8 connections × 4 streams of 100 messages", GRPC, SINGLE, send.h2load(8, 4, "bench/100", grpc=True, messages=100)),
    Row("TLS termination, 32 connections, 1 KB", EDGE, PROXIES, send.wrk(32, 1024, "https")),
    Row("TLS termination, 32 connections, 64 KB", EDGE, PROXIES, send.wrk(32, 65536, "https")),
    Row("new connections, plain", ONE, SINGLE, send.connect()),
    Row("new connections, TLS, full handshakes", EDGE, PROXIES, send.connect("full")),
    Row("new connections, TLS, resumed", EDGE, PROXIES, send.connect("resumed")),
    Row("WebSocket echo, 32 connections", ONE, SINGLE, send.echo()),
    Row("TCP, one stream", TCP, SINGLE, send.pour()),
    *[Row(f"HTTP/1.1 at {rate:,}/s", ONE, SINGLE, send.rate(rate)) for rate in (1000, 2000, 5000)],
    *[Row(f"mesh pair, HTTP/1.1, {connections} connections, {size // 1024} KB", TWO, PAIR, send.wrk(connections, size))
      for size in (1024, 65536) for connections in (32, 512)],
    Row("mesh pair, HTTP/2, 8 connections × 32 streams", Way("h2", pair=True), PAIR, send.h2load(8, 32)),
    Row("mesh pair, gRPC unary, 8 connections × 32 streams", Way("grpc", pair=True), PAIR, send.h2load(8, 32, "bench/1", grpc=True)),
    Row("mesh pair, TCP, 32 connections, 1 KB", Way("tcp", pair=True), PAIR, send.wrk(32, 1024)),
    Row("mesh pair, TCP, one stream", Way("tcp", pair=True), PAIR, send.pour()),
    *[Row(f"mesh pair, HTTP/1.1 at {rate:,}/s", TWO, PAIR, send.rate(rate)) for rate in (1000, 2000, 5000)],
    Row("access log, 32 connections, 1 KB", ONE, (*OWN, "weft, logged", "haproxy, logged", "nginx, logged", "envoy, logged"), send.wrk(32, 1024)),
    Row("RBAC, 32 connections, 1 KB", ONE, (*OWN, "weft, rbac 1", "weft, rbac 100"), send.wrk(32, 1024)),
    Row("routes, 32 connections, 1 KB", ONE, (*OWN, "weft, routes 1000"), send.wrk(32, 1024)),
    *[Row(f"memory, {services:,} services", TWO, ("weft", "envoy as in Istio"), send.rest(), services=services) for services in (100, 1000, 5000)],
]


def measure(wanted, cast, rounds, seconds, figures):
    """Candidates take turns within each row, after a second for each that does not count. What fails is told, and fails alone."""
    for row in wanted:
        try:
            furnish(cast, row.services)
        except FAULTS as error:
            print(f"{row.name}: {error}", flush=True)
            figures.failed(row.name, "all", error)
            continue
        first = 1 if row.fresh or row.services else 0
        for number in range(first, rounds + 1):
            for name in row.candidates:
                if (row.name, name) not in figures.failures:
                    turn(row, name, cast, seconds, figures, number)


def turn(row, name, cast, seconds, figures, number):
    print(f"{row.name}, round {number}: {name}", flush=True)
    try:
        found = once(row, name, cast, seconds if number else WARM)
    except FAULTS as error:
        print(f"  failed: {error}", flush=True)
        if number:
            figures.failed(row.name, name, error)
    else:
        figures.add(row.name, name, found if number else {})


def once(row, name, cast, seconds):
    if row.services:
        return crowded(cast.weft if name == "weft" else cast.envoy)
    candidate = cast.fresh(name, row.way) if row.fresh else cast.candidate(name, row.way)
    try:
        return row.send(candidate, seconds)
    finally:
        if row.fresh and name != "weft":
            cast.weft.end(candidate.pids)


def furnish(cast, services):
    """Adds services to both meshes until there are so many: several kubectls at once, since one holds itself to 50 requests a second."""
    if not services:
        return
    for stage in (cast.weft, cast.envoy):
        if not stage.services:
            stage.mesh.kubectl("create", "namespace", gates.CROWD)
        firsts = range(stage.services, services, PORTION)
        with concurrent.futures.ThreadPoolExecutor(KUBECTLS) as pool:
            list(pool.map(lambda first: stage.mesh.kubectl("create", "-f", "-", timeout=1800,
                          stdin=gates.services(first, min(first + PORTION, services))), firsts))
        stage.services = services


def crowded(stage):
    """The memory of a client's sidecar that was started with all services there."""
    stage.renew("bench", "client")
    return send.memory(settled(stage.proxy_of("bench", "deploy/client")))
