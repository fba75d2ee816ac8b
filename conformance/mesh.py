"""A running `weft up`, and the few verbs that the tests use on it."""

import contextlib
import json
import os
import pathlib
import pwd
import random
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
BIN = pathlib.Path(os.environ.get("WEFT_BIN", ROOT / "target/release"))
PEERS = pathlib.Path(os.environ.get("WEFT_PEERS", ROOT / ".peers/bin"))
SEEDS = pathlib.Path(os.environ.get("WEFT_SHARED", ROOT.parent / "shared")) / "seed-yaml"
SHOP = ROOT / "samples/shop"


# Every port that a test may take, each given once in a run: two that are drawn at random meet sooner or later. WEFT_PORTS
# (`FIRST:END`) keeps runs at the same time apart.
FIRST, END = map(int, os.environ.get("WEFT_PORTS", "20000:30000").split(":"))
PORTS = iter(random.sample(range(FIRST, END), END - FIRST))


def free_port():
    """A port that nobody listens on now, no test had before, and the kernel does not give to outgoing connections."""
    for port in PORTS:
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError(f"every port between {FIRST} and {END} was taken")


def until(what, condition, seconds=90.0):
    """Polls until the condition answers something true, and returns it. `what` may be a function, for what is known only in the end.

    `seconds` bounds a test that fails, and judges no speed: a machine may stand still for as long as others use it."""
    deadline = time.monotonic() + seconds
    while True:
        answer = condition()
        if answer:
            return answer
        assert time.monotonic() < deadline, f"not within {seconds} s: {what() if callable(what) else what}"
        time.sleep(0.1)


def ordinary_user():
    """Somebody without privileges, when we have the choice."""
    return pwd.getpwnam("nobody") if os.geteuid() == 0 else None


class Mesh:
    """`user` starts it as that person (an entry of the user database) instead of as ourselves."""

    def __init__(self, dataplane="weft", user=None):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="weft-test-"))
        self.state = self.folder / "state"
        self.dataplane = dataplane
        self.user = user
        self.name = f"{dataplane}, {'an ordinary user' if user or os.geteuid() else 'root'}"
        self.bin, self.peers = BIN, PEERS
        if user:
            self.bin = self.peers = self.open_programs()
        self.http, self.https, self.api = free_port(), free_port(), free_port()
        self.up_seconds = None

    def open_programs(self):
        """A folder that the user may enter, with the programs that the mesh starts."""
        os.chmod(self.folder, 0o755)
        self.state.mkdir()
        os.chown(self.state, self.user.pw_uid, self.user.pw_gid)
        folder = self.folder / "bin"
        folder.mkdir()
        # What is at PEERS/envoy is a script for an interpreter that the user may not be able to run.
        (envoy,) = PEERS.parent.glob("lib/python*/site-packages/envoy/_bin/envoy")
        for program in (BIN / "weft", BIN / "weft-proxy", envoy, PEERS / "kubectl"):
            shutil.copy(program.resolve(), folder / program.name)
        return folder

    # -- processes

    def environment(self):
        env = dict(os.environ, KUBECONFIG=str(self.state / "kubeconfig"), NO_COLOR="1")
        env["PATH"] = f"{self.peers}:{env['PATH']}"
        if self.user:
            env["HOME"] = str(self.state)
        return env

    def as_user(self):
        if not self.user:
            return []
        return ["setpriv", f"--reuid={self.user.pw_uid}", f"--regid={self.user.pw_gid}", "--clear-groups"]

    def run(self, *command, check=True, timeout=300, stdin=None):
        prefix = self.as_user()
        done = subprocess.run(
            [*prefix, *map(str, command)],
            capture_output=True,
            text=True,
            env=self.environment(),
            timeout=timeout,
            input=stdin,
            check=False,
        )
        if check:
            assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        return done

    def weft(self, *args, after=(), **kwargs):
        """Runs `weft`; `after` are words that stand behind `--`."""
        tail = ["--", *after] if after else []
        return self.run(self.bin / "weft", *args, "--state-dir", self.state, *tail, **kwargs)

    def popen(self, *command):
        return subprocess.Popen(
            [*self.as_user(), *map(str, command)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self.environment(),
        )

    def up(self, *paths, check=True):
        began = time.monotonic()
        done = self.weft(
            "up", *(paths or [SHOP]), "--detach",
            "--dataplane", self.dataplane, "--api-port", self.api,
            "--ingress-http-port", self.http, "--ingress-https-port", self.https,
            *(["--wait", "180s"] if check else []), check=check, timeout=300,
        )
        self.up_seconds = time.monotonic() - began
        return done

    def down(self, keep=False):
        """Ends it; answers how long that took, in seconds. The state folder goes too unless it is to be kept."""
        began = time.monotonic()
        self.weft("down", check=keep)
        taken = time.monotonic() - began
        if not keep:
            shutil.rmtree(self.folder, ignore_errors=True)
        return taken

    # -- people's tools

    def kubectl(self, *args, **kwargs):
        return self.run(self.peers / "kubectl", *args, **kwargs).stdout

    def get(self, *args):
        return json.loads(self.kubectl("get", *args, "-o", "json"))

    def apply_text(self, text, namespace=None):
        scope = ["-n", namespace] if namespace else []
        return self.kubectl("apply", *scope, "-f", "-", stdin=text)

    def apply_seed(self, prefix, namespace=None):
        (found,) = SEEDS.glob(f"{prefix}-*.yaml")
        return self.apply_text(found.read_text(), namespace)

    def exec(self, namespace, target, *command, check=True, timeout=300):
        return self.run(
            self.peers / "kubectl", "exec", "-n", namespace, target, "--", *command,
            check=check, timeout=timeout,
        )

    def curl(self, namespace, target, *args, check=True):
        """curl from inside a pod; answers the finished process."""
        return self.exec(namespace, target, "curl", "-sS", "--max-time", "20", *args, check=check)

    def code(self, namespace, target, *args):
        """The HTTP status that curl got inside a pod."""
        out = self.curl(namespace, target, "-o", "/dev/null", "-w", "%{http_code}", *args, check=False)
        return out.stdout.strip()

    def load(self, namespace, target, url, rate, seconds, *extra):
        """Starts the open-loop generator inside a pod."""
        return self.popen(
            self.peers / "kubectl", "exec", "-n", namespace, target, "--",
            self.bin / "weft", "load", "--rate", rate, "--duration", f"{seconds}s", *extra, "-o", "json", url,
        )

    def end_loads(self):
        """Tells the generators inside of pods to stop sending; each prints what it found."""
        for pid, line in self.processes_under("weft"):
            if " load " in line:
                os.kill(pid, signal.SIGINT)

    def load_from_outside(self, rate, seconds):
        """Starts the generator on the host; it comes in through the ingress."""
        return self.popen(
            self.bin / "weft", "load", "--rate", rate, "--duration", f"{seconds}s", "-o", "json",
            f"http://localhost:{self.http}/",
        )

    def programmed(self, what, namespace):
        self.kubectl("wait", "-n", namespace, "--for=condition=Programmed", what, "--timeout=120s")

    # -- facts

    def processes(self):
        """Every process that belongs to this mesh: (pid, command line)."""
        found = []
        for entry in pathlib.Path("/proc").iterdir():
            if entry.name.isdigit():
                line = command_line(entry)
                if str(self.state) in line:
                    found.append((int(entry.name), line))
        return found

    def descendants(self, program):
        """Process ids of the programs of that name that this mesh's node started."""
        return [pid for pid, _ in self.processes_under(program)]

    def processes_under(self, program):
        """Programs of that name that this mesh's node started: (pid, command line)."""
        parents, names = {}, {}
        for entry in pathlib.Path("/proc").iterdir():
            try:
                stat = (entry / "stat").read_text() if entry.name.isdigit() else ""
            except OSError:
                continue
            if stat:
                name, rest = stat[stat.index("(") + 1:stat.rindex(")")], stat[stat.rindex(")") + 2:].split()
                parents[int(entry.name)], names[int(entry.name)] = int(rest[1]), name
        own = {pid for pid, _ in self.processes()}
        def ours(pid):
            while pid in parents and pid not in own:
                pid = parents[pid]
            return pid in own
        found = [pid for pid, name in names.items() if name == program and ours(pid)]
        return [(pid, command_line(pathlib.Path(f"/proc/{pid}"))) for pid in found]

    def control_plane_pid(self):
        (pid,) = [p for p, line in self.processes() if re.search(r"weft\S* control-plane", line)]
        return pid


def command_line(process):
    """Its words with a blank after each; nothing when it has ended."""
    try:
        return (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""


@contextlib.contextmanager
def started(mesh, *paths):
    """The mesh, brought up with the objects of these files; ended afterwards, however that goes."""
    try:
        mesh.up(*paths)
        yield mesh
    finally:
        mesh.down()


def running(file, text, plane="weft"):
    """A mesh of the objects of one text, which is written to `file`; ended afterwards."""
    file.write_text(text)
    return started(Mesh(plane), file)


def report(line):
    """Puts a measured figure where a person and CI can read it."""
    with open(os.environ.get("WEFT_REPORT", ROOT / "conformance" / "figures.txt"), "a") as out:
        out.write(line + "\n")


def finish(load, seconds):
    """Waits for a load generator; answers its JSON report."""
    out, err = load.communicate(timeout=seconds + 60)
    assert load.returncode == 0, f"{out}\n{err}"
    return json.loads(out)
