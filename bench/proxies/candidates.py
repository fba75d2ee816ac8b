"""Who is measured: each is a place to send requests from, an address, and the processes whose time counts.

In: a name and a way. Out: a Candidate, whose programs are started when it is first asked for. Holds: `weft` as a single proxy
is a gateway of its own in a pod, as the peers are; `weft` as a pair has its capture on, `weft-direct` has it off, as the peers.
"""

import dataclasses
import itertools

import gates
import peers
from stage import BACKEND, OTHER_CORE, PROXY_CORE, Stage
from way import legs

# Of the backend: HTTP/1.1, and gRPC or HTTP/2.
PORTS = {"http": 8080, "tcp": 8080, "h2": 8081, "grpc": 8081}
ONWARD = {"http": 8080, "h2": 8081, "tcp": 8080}
MESH = {"http": 80, "grpc": 81, "h2": 82, "tcp": 9000}
DIRECT = {"http": 15080, "grpc": 15081, "h2": 15081, "tcp": 15079}
HOST = "server.bench.svc.cluster.local"


@dataclasses.dataclass
class Candidate:
    """`pids` is empty for the way without a proxy."""

    name: str
    stage: Stage
    namespace: str
    address: str
    pids: list
    host: str = HOST


class Cast:
    """All candidates of a run."""

    def __init__(self, weft, envoy, folder):
        self.weft, self.envoy, self.folder = weft, envoy, folder
        self.made, self.ports = {}, itertools.count(20000)

    def candidate(self, name, way):
        if (name, way) not in self.made:
            self.made[name, way] = self.make(name, way)
        return self.made[name, way]

    def make(self, name, way):
        program, _, feature = name.partition(", ")
        if program == "direct":
            return Candidate(name, self.weft, "plain", f"{self.weft.address('plain', 'server')}:{PORTS[way.protocol]}", [])
        if program == "weft" and not way.pair:
            return self.gate(name, way, feature.replace(" ", "-") or "plain")
        if program == "weft":
            return sidecars(name, self.weft, way)
        if program == "envoy as in Istio":
            return sidecars(name, self.envoy, way)
        if program == "weft-direct":
            pids = self.weft.proxy_of("direct", "deploy/client") + self.weft.proxy_of("direct", "deploy/server")
            host = f"server.direct.svc.cluster.local:{DIRECT[way.protocol]}"
            return Candidate(name, self.weft, "direct", f"127.0.0.1:{DIRECT[way.protocol]}", pids, host)
        return self.peer(name, program, way, logs=feature == "logged")

    def gate(self, name, way, gate):
        port = gates.EDGE if way.edge else gates.PORTS[way.protocol]
        address = f"{self.weft.address('gates', gate)}:{port}"
        return Candidate(name, self.weft, "plain", address, self.weft.proxy_of("gates", f"deploy/{gate}"))

    def peer(self, name, program, way, logs=False):
        server = self.weft.address("plain", "server")
        front, *back = legs(way, logs)
        if not back:
            port, pids = self.start(program, front, "proxy", "0.0.0.0", f"{server}:{ONWARD[front.onward]}")
            return Candidate(name, self.weft, "plain", f"{self.weft.address('plain', 'proxy')}:{port}", pids)
        (back,) = back
        tls, theirs = self.start(program, back, "server", "0.0.0.0", f"127.0.0.1:{ONWARD[back.onward]}")
        port, ours = self.start(program, front, "client", "127.0.0.1", f"{server}:{tls}")
        return Candidate(name, self.weft, "plain", f"127.0.0.1:{port}", ours + theirs)

    def start(self, program, leg, pod, listen, following):
        port = next(self.ports)
        words = peers.command(program, self.folder, f"{program}-{port}", leg, f"{listen}:{port}", following)
        return port, self.weft.spawn("plain", f"deploy/{pod}", PROXY_CORE, port, *words)

    def fresh(self, name, way):
        """One whose memory nobody has used: started anew."""
        if name == "weft":
            self.weft.renew("gates", "idle")
            return self.gate(name, way, "idle")
        return self.peer(name, name, way)


def sidecars(name, stage, way):
    """The sidecars of a mesh, with all that is on by default, and capture."""
    pids = stage.proxy_of("bench", "deploy/client") + stage.proxy_of("bench", "deploy/server")
    service = stage.mesh.get("service", "server", "-n", "bench")
    return Candidate(name, stage, "bench", f"{service['spec']['clusterIP']}:{MESH[way.protocol]}", pids)


def backends(stage, namespaces):
    for namespace in namespaces:
        words = [BACKEND, f"0.0.0.0:{PORTS['http']}", f"0.0.0.0:{PORTS['grpc']}"]
        stage.spawn(namespace, "deploy/server", OTHER_CORE, PORTS["http"], *words)
