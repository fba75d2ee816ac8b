"""The ways to send: each is made with its numbers, is called with a candidate, and answers the figures of one round.

In: a Candidate. Out: {(metric, unit): value}. Holds: a wrong answer is an error and not a figure; latencies at a fixed rate
count from when a request was due. CPU per request in microseconds is CPU seconds per million requests.
"""

import json
import pathlib
import re

from stage import LOAD, cpu_seconds, resident, settled

CLIENT = "deploy/client"


def wrk(connections, size, scheme="http"):
    """As many requests as come back, over so many connections."""
    def send(candidate, seconds):
        words = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-H", f"Host: {candidate.host}", f"{scheme}://{candidate.address}/{size}"]
        out, spent = timed(candidate, seconds, words)
        requests = int(re.search(r"(\d+) requests in", out)[1])
        if wrong := re.search(r"Non-2xx or 3xx responses: (\d+)|Socket errors: (.*)", out):
            raise RuntimeError(wrong[0])
        return {("requests per second", "1/s"): float(re.search(r"Requests/sec:\s+([\d.]+)", out)[1])} | cost(candidate, spent, requests)
    return send


def h2load(connections, streams, path="1024", grpc=False, messages=1):
    """HTTP/2 requests, or gRPC calls that are answered with so many messages."""
    def send(candidate, seconds):
        words = ["h2load", "-t1", f"-c{connections}", f"-m{streams}", f"-D{seconds}", "-H", f":authority: {candidate.host}"]
        if grpc:
            words += ["-d", call(candidate.stage), "-H", "content-type: application/grpc", "-H", "te: trailers"]
        out, spent = timed(candidate, seconds, [*words, f"http://{candidate.address}/{path}"])
        codes = [int(number) for number in re.search(r"status codes: (\d+) 2xx, (\d+) 3xx, (\d+) 4xx, (\d+) 5xx", out).groups()]
        if not codes[0] or any(codes[1:]):
            raise RuntimeError(f"status codes 2xx to 5xx: {codes}")
        rate = float(re.search(r"finished in [^,]*, ([\d.]+) req/s", out)[1])
        figures = {("messages per second", "1/s"): rate * messages} if messages > 1 else {("requests per second", "1/s"): rate}
        return figures | cost(candidate, spent, codes[0] * messages, "message" if messages > 1 else "request")
    return send


def call(stage):
    """A file with an empty gRPC message."""
    file = pathlib.Path(stage.mesh.folder) / "call"
    file.write_bytes(bytes(5))
    return file


def rate(due, connections=32):
    def send(candidate, seconds):
        told, spent = load(candidate, seconds, "rate", "--rate", due, "-c", connections)
        figures = {(f"latency {part}", "ms"): told[part] for part in ("p50", "p90", "p99", "p99.9")}
        return figures | cost(candidate, spent, told["requests"])
    return send


def connect(tls="none", connections=16):
    def send(candidate, seconds):
        told, spent = load(candidate, seconds, "connect", "--tls", tls, "-c", connections)
        return {("connections per second", "1/s"): told["connections"] / told["seconds"]} | cost(candidate, spent, told["connections"], "connection")
    return send


def echo(connections=32):
    def send(candidate, seconds):
        told, spent = load(candidate, seconds, "echo", "-c", connections)
        return {("messages per second", "1/s"): told["messages"] / told["seconds"]} | cost(candidate, spent, told["messages"], "message")
    return send


def pour():
    def send(candidate, seconds):
        told, spent = load(candidate, seconds, "pour")
        figures = {("throughput", "Gbit/s"): told["bytes"] * 8 / told["seconds"] / 1e9}
        return figures | ({("CPU per GB", "s"): spent / told["bytes"] * 1e9} if candidate.pids else {})
    return send


def rest():
    """A proxy that has done nothing yet."""
    def send(candidate, _):
        return memory(settled(candidate.pids))
    return send


# Connections that are open beforehand, so that what serving any of them takes (code, first pages) is no cost of the others.
OPEN_BEFORE = 100


def idle(connections, tls="none"):
    """What one more client's connection costs that did one request and then nothing."""
    def hold(candidate, count):
        words = [LOAD, "hold", candidate.address, "--host", candidate.host.split(":")[0], "--tls", tls, "-c", count]
        return candidate.stage.holding(candidate.namespace, CLIENT, *words)

    def send(candidate, _):
        with hold(candidate, OPEN_BEFORE):
            before = settled(candidate.pids)
            with hold(candidate, connections):
                after = settled(candidate.pids)
        return {("memory per idle connection", "KB"): (after[0] - before[0]) / connections * 1e3} | memory(after)
    return send


def load(candidate, seconds, verb, *more):
    words = [LOAD, verb, candidate.address, "--host", candidate.host.split(":")[0], "--seconds", seconds, *more]
    out, spent = timed(candidate, seconds, words)
    return json.loads(out), spent


def timed(candidate, seconds, words):
    """What a generator printed, and the CPU seconds of the proxies meanwhile."""
    before = cpu_seconds(candidate.pids)
    out = candidate.stage.ask(candidate.namespace, CLIENT, *words, timeout=seconds + 60)
    return out, cpu_seconds(candidate.pids) - before


def cost(candidate, spent, count, what="request"):
    return {(f"CPU per {what}", "us"): spent / count * 1e6} | memory(resident(candidate.pids)) if candidate.pids else {}


def memory(both):
    return {("resident, all of it", "MB"): both[0], ("resident, its own", "MB"): both[1]}
