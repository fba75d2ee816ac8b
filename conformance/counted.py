"""Counts what requests cost a proxy of a running mesh: instructions and calls by function, and system calls.

In: a mesh of bench/proxies/mesh.yaml, and which proxy. Out: figures of one request, which do not depend on the machine's speed.
Holds: a figure is the difference between a phase of N and one of 2 N requests, over N: whatever runs beside requests and at the
edges of a phase strikes both alike. Why callgrind for the heap too: it counts calls, so calls of malloc are allocations.
"""

import collections
import concurrent.futures
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile

from mesh import BIN, ROOT, Mesh, until

MESH = ROOT / "bench/proxies/mesh.yaml"
PEER = ROOT / "conformance/counted_peer.py"
BACKEND_PORT = 8080
WRAPPER = """#!/bin/sh
workload="${{POD_NAME%-*-*}}"
if [ -e "{folder}/$workload" ]
then exec valgrind -q --tool=callgrind --callgrind-out-file="{folder}/$workload/out" --vgdb-prefix="{folder}/$workload/vgdb" {proxy} "$@"
fi
exec {proxy} "$@"
"""
ALLOCATIONS = {"malloc", "calloc", "realloc", "posix_memalign", "aligned_alloc", "memalign"}
# Namespace and workload of each proxy that a request passes.
PROXIES = {"gateway": ("istio-system", "istio-ingressgateway"), "client": ("bench", "client"), "server": ("bench", "server")}


def count(requests):
    """What one request costs each of PROXIES: {proxy: {what: figure}}, counted in a mesh of its own."""
    mesh = Counted()
    try:
        mesh.up()
        calls = {proxy: mesh.system_calls(proxy, requests) for proxy in PROXIES}
        with concurrent.futures.ThreadPoolExecutor() as pool:
            list(pool.map(mesh.under_callgrind, PROXIES))
        costs = {proxy: mesh.costs(proxy, requests) for proxy in PROXIES}
    finally:
        mesh.down()
    instructions = "instructions" if optimised(BIN / "weft-proxy") else "instructions without optimisation"
    return {proxy: {instructions: costs[proxy].instructions(), "allocations": costs[proxy].allocations(),
                    "system calls": sum(calls[proxy].values())} for proxy in PROXIES}


class Counted(Mesh):
    """A mesh whose proxies can be put under callgrind: its `weft-proxy` is a script that looks for a folder of the workload's name."""

    def __init__(self):
        super().__init__()
        self.bin = self.folder / "bin"
        self.bin.mkdir()
        self.begun = []
        alike(BIN / "weft", self.bin / "weft")
        script = self.bin / "weft-proxy"
        script.write_text(WRAPPER.format(folder=self.bin, proxy=BIN.resolve() / "weft-proxy"))
        script.chmod(0o755)

    def up(self, *paths, check=True):
        super().up(*(paths or [MESH]), check=check)
        for namespace in ("plain", "bench"):
            self.serve(namespace)

    def down(self, keep=False):
        for process in self.begun:
            process.terminate()
        return super().down(keep)

    def serve(self, namespace):
        """Starts the server of a namespace, and returns when it answers."""
        words = ["exec", "-n", namespace, "deploy/server", "--", "python3", PEER, "serve", BACKEND_PORT]
        self.begun.append(self.popen(self.peers / "kubectl", *words))
        probe = ["python3", PEER, "ask", "127.0.0.1", BACKEND_PORT, 1, 1]
        until(f"the server of {namespace} answers", lambda: self.exec(namespace, "deploy/server", *probe, check=False).returncode == 0)

    def send(self, proxy, requests, connections=1):
        """Sends requests that pass this proxy."""
        if proxy == "gateway":
            (pod,) = self.get("pods", "-n", "istio-system", "-l", "app=istio-ingressgateway")["items"]
            where, host, port = "plain", pod["status"]["podIP"], 8080
        else:
            where, host, port = "bench", "server.bench.svc.cluster.local", 80
        self.exec(where, "deploy/client", "python3", PEER, "ask", host, port, connections, requests, timeout=600)

    def pid(self, proxy, program="weft-proxy"):
        """The process of a proxy, as we see it."""
        namespace, workload = PROXIES[proxy]
        network = self.exec(namespace, f"deploy/{workload}", "readlink", "/proc/self/ns/net").stdout.strip()
        (pid,) = [pid for pid in self.descendants(program) if os.readlink(f"/proc/{pid}/ns/net") == network]
        return pid

    def system_calls(self, proxy, requests):
        """System calls of one request, by name."""
        pid = self.pid(proxy)
        self.send(proxy, 50)
        once, twice = (self.traced(pid, proxy, times * requests) for times in (1, 2))
        return {name: (twice[name] - once[name]) / requests for name in twice}

    def traced(self, pid, proxy, requests):
        file = self.folder / f"strace-{requests}"
        tracer = subprocess.Popen(["strace", "-f", "-q", "-o", file, "-p", str(pid)], stderr=subprocess.DEVNULL)
        until("strace holds the proxy", lambda: traced_by(pid) == tracer.pid)
        self.send(proxy, requests)
        tracer.send_signal(signal.SIGINT)
        tracer.wait(timeout=30)
        # An interrupted call is told in two lines, of which the second is no call.
        return collections.Counter(re.findall(r"^\d+ +(\w+)\(", file.read_text(), re.M))

    def under_callgrind(self, proxy):
        """Replaces a proxy by one under callgrind."""
        namespace, workload = PROXIES[proxy]
        (self.bin / workload).mkdir()
        self.kubectl("delete", "pod", "-n", namespace, "-l", f"app={workload}")
        self.kubectl("rollout", "status", "-n", namespace, f"deploy/{workload}", "--timeout=120s")
        if proxy == "server":
            self.serve("bench")

    def costs(self, proxy, requests, connections=1):
        """What the functions of a proxy under callgrind do for one request."""
        self.send(proxy, max(50, connections), connections)
        self.ask_callgrind(proxy, "zero")
        once, twice = (self.phase(proxy, times * requests, connections) for times in (1, 2))
        return twice.less(once).per(requests)

    def phase(self, proxy, requests, connections):
        self.send(proxy, requests, connections)
        made = self.bin / PROXIES[proxy][1]
        before = set(made.glob("out.*"))
        self.ask_callgrind(proxy, "dump")
        (file,) = set(made.glob("out.*")) - before
        return Costs.read(file)

    def ask_callgrind(self, proxy, *words):
        """vgdb runs beside the proxy, since it knows processes by the numbers that they have there."""
        namespace, workload = PROXIES[proxy]
        self.exec(namespace, f"deploy/{workload}", "vgdb", f"--vgdb-prefix={self.bin / workload}/vgdb", *words)


class Costs:
    """Instructions and calls by function. `inclusive` counts a function that calls itself through others more than once."""

    def __init__(self):
        self.exclusive, self.inclusive, self.calls, self.edges = (collections.Counter() for _ in range(4))

    @staticmethod
    def read(file):
        """Reads a profile of callgrind: lines of `fn=` with their own costs, and `calls=` with the cost of the callee in the line below."""
        costs, names, function, callee = Costs(), {}, None, None
        for line in file.open(errors="replace"):
            if found := re.match(r"(c?fn)=(\(\d+\))(?: (.*))?$", line):
                kind, number, name = found.groups()
                name = names.setdefault(number, name)
                function, callee = (name, None) if kind == "fn" else (function, name)
            elif line.startswith("calls="):
                times = int(line[6:].split()[0])
                costs.calls[callee] += times
                costs.edges[function, callee] += times
            elif line[0] in "0123456789+-*":
                costs.add(function, callee, int(line.split()[1]))
                callee = None
        return costs

    def add(self, function, callee, instructions):
        if callee is None:
            self.exclusive[function] += instructions
        if callee != function:
            self.inclusive[function] += instructions

    def less(self, other):
        return self.each(lambda kind, name, value: value - getattr(other, kind)[name])

    def per(self, requests):
        return self.each(lambda _, __, value: value / requests)

    def each(self, change):
        made = Costs()
        for kind in ("exclusive", "inclusive", "calls", "edges"):
            setattr(made, kind, collections.Counter({name: change(kind, name, value) for name, value in getattr(self, kind).items()}))
        return made

    def instructions(self):
        return sum(self.exclusive.values())

    def allocations(self):
        return sum(count for name, count in self.calls.items() if name in ALLOCATIONS)


def optimised(program):
    """Whether a program was built without debug assertions: with them it holds the standard library's."""
    return b"unsafe precondition(s) violated" not in program.read_bytes()


def traced_by(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"TracerPid:\s+(\d+)", status)[1])


def alike(source, target):
    try:
        os.link(source.resolve(), target)
    except OSError:
        shutil.copy(source, target)
