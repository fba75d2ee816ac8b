"""The machine of a measurement: meshes with pods, programs inside of pods, and cores.

Core 0 is the proxies' and core 1 everybody else's. Every candidate stands in pods of the same kind, so that packets take
the same way whatever the proxy; where no mesh is wanted, the pods are not injected.
"""

import contextlib
import os
import pathlib
import signal
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "conformance"))

from mesh import BIN, PEERS, Mesh, command_line  # noqa: E402

PROXY_CORE, OTHER_CORE = 0, 1
TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")
HERE = pathlib.Path(__file__).resolve().parent
BACKEND, LOAD = BIN / "bench-backend", BIN / "bench-load"
__all__ = ["BACKEND", "HERE", "LOAD", "PEERS", "PROXY_CORE", "OTHER_CORE", "Stage", "cpu_seconds", "resident", "settled"]


class Stage:
    """One mesh on one data plane, with its control plane kept off the proxies' core."""

    def __init__(self, dataplane):
        self.mesh = Mesh(dataplane=dataplane)
        self.started = []
        self.services = 0

    def up(self, *files):
        self.mesh.up(*files)
        for pid, line in processes():
            if str(self.mesh.state) in line:
                pin(pid, OTHER_CORE)
        for pid in self.proxies():
            pin(pid, PROXY_CORE)

    def renew(self, namespace, app):
        """Replaces a pod, and with it its proxy."""
        self.mesh.kubectl("delete", "pod", "-n", namespace, "-l", f"app={app}")
        self.mesh.kubectl("rollout", "status", "-n", namespace, f"deploy/{app}", "--timeout=120s")
        for pid in self.proxies():
            pin(pid, PROXY_CORE)

    def end(self, pids):
        """Ends programs that `spawn` started, and waits for that."""
        for pid in pids:
            os.kill(pid, signal.SIGTERM)
        wait_for(lambda: not any(pathlib.Path(f"/proc/{pid}").exists() for pid in pids), f"the end of {pids}")

    def down(self):
        for process in self.started:
            process.terminate()
        self.mesh.down()

    def proxies(self):
        """Every process that serves as a proxy of this mesh."""
        program = "weft-proxy" if self.mesh.dataplane == "weft" else "envoy"
        return self.mesh.descendants(program)

    def proxy_of(self, namespace, pod):
        """The process of the proxy in a pod: it shares the pod's network."""
        done = self.mesh.exec(namespace, pod, "readlink", "/proc/self/ns/net")
        return [pid for pid in self.proxies() if network(pid) == done.stdout.strip()]

    def address(self, namespace, app):
        (pod,) = self.mesh.get("pods", "-n", namespace, "-l", f"app={app}")["items"]
        return pod["status"]["podIP"]

    def spawn(self, namespace, pod, core, port, *command):
        """Starts a program inside of a pod, on a core; answers its processes once it listens on the port."""
        mark = f"weft-bench-{len(self.started)}-{os.getpid()}"
        words = ["env", f"BENCH={mark}", "taskset", "-c", str(core), *map(str, command)]
        process = self.mesh.popen(self.mesh.peers / "kubectl", "exec", "-n", namespace, pod, "--", *words)
        self.started.append(process)

        def listens():
            if process.poll() is not None:
                raise RuntimeError(f"{command}: {process.communicate()}")
            probe = self.mesh.exec(namespace, pod, "bash", "-c", f"echo > /dev/tcp/127.0.0.1/{port}", check=False)
            return probe.returncode == 0 and marked(mark, str(command[0]))
        return wait_for(listens, f"{command[0]} in {pod}.{namespace}")

    @contextlib.contextmanager
    def holding(self, namespace, pod, *command):
        """A program inside of a pod that has said its first line, and ends when its standard input does."""
        words = ["exec", "-i", "-n", namespace, pod, "--", "taskset", "-c", OTHER_CORE, *command]
        process = subprocess.Popen([str(word) for word in (self.mesh.peers / "kubectl", *words)], stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, text=True, env=self.mesh.environment())
        try:
            if not process.stdout.readline():
                raise RuntimeError(f"{command}: ended with {process.wait()}")
            yield
        finally:
            process.communicate(timeout=60)

    def ask(self, namespace, pod, *command, timeout=120):
        """Runs a program inside of a pod, off the proxies' core, and answers what it printed."""
        return self.mesh.exec(namespace, pod, "taskset", "-c", str(OTHER_CORE), *map(str, command), timeout=timeout).stdout


def processes():
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            yield int(entry.name), command_line(entry)


def marked(mark, program):
    """Processes of a program with that word in their environment."""
    found = []
    for pid, line in processes():
        try:
            environment = pathlib.Path(f"/proc/{pid}/environ").read_bytes()
        except OSError:
            continue
        if f"BENCH={mark}".encode() in environment and line.split(" ", 1)[0].endswith(program):
            found.append(pid)
    return found


def wait_for(found, what, seconds=20):
    end = time.monotonic() + seconds
    while not (result := found()):
        if time.monotonic() > end:
            raise RuntimeError(f"{what} did not come up in {seconds} s")
        time.sleep(0.05)
    return result


def network(pid):
    try:
        return os.readlink(f"/proc/{pid}/ns/net")
    except OSError:
        return None


def pin(pid, core):
    subprocess.run(["taskset", "-a", "-cp", str(core), str(pid)], stdout=subprocess.DEVNULL, check=False)


def cpu_seconds(pids):
    """User and system time of processes, all threads."""
    total = 0
    for pid in pids:
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        total += int(fields[11]) + int(fields[12])
    return total / TICKS


def resident(pids):
    """Resident memory of processes in MB, all of it and what is their own."""
    both = [pathlib.Path(f"/proc/{pid}/statm").read_text().split() for pid in pids]
    return (sum(int(f[1]) for f in both) * PAGE / 1e6, sum(int(f[1]) - int(f[2]) for f in both) * PAGE / 1e6)


def settled(pids, seconds=60):
    """Resident memory of processes when it has not changed for two seconds."""
    end, last, since = time.monotonic() + seconds, None, time.monotonic()
    while time.monotonic() < end and time.monotonic() < since + 2:
        time.sleep(0.25)
        now = resident(pids)
        if now != last:
            last, since = now, time.monotonic()
    return resident(pids)
