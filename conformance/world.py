"""The mesh that scenarios live in: its pods, how objects get there, and how the asks of all scenarios run side by side."""

import json
import subprocess
import threading

import yaml

from mesh import PEERS, Mesh, until
from scenario import HERE, ISTIO, fill, identity, wire

# Names of senders, and the namespaces where their pods are.
SENDERS = {"client": "scen", "other": "other", "closed": "closed", "outside": "outside", "buyer": "production"}
# Versions of the pods that answer, and how many there are, by namespace; the last two are where the seed files belong.
ECHOES = {"scen": {"v1": 2, "v2": 1, "v3": 1}, "payments": {"v1": 2, "v2": 1},
          "production": {"v1": 2, "v2": 1, "v2-canary": 1, "v2-shadow": 1}, "catalog": {"v1": 10, "v2": 1}}
# Who plays the payment gateway of a seed: the Service `stripe` of world.yaml, by the hosts file of those who ask for it.
KNOWN = {"production": {"hostAliases": [{"ip": "10.96.77.77", "hostnames": ["api.stripe.com"]}]}}

# Where a sender says that it is.
PLACES = {"production": {"istio-locality": "here.a"}}

# What proxies of the senders in a namespace are started with.
STARTED = {"other": {"proxy.istio.io/config": "{proxyHeaders: {preserveHttp1HeaderCase: true}, proxyMetadata: {ISTIO_META_HTTP10: \"1\"}}"}}


def workload(name, namespace, labels, container, replicas=1, more=None, annotations=None):
    container = {"name": "app", **container}
    if "command" in container:
        container["readinessProbe"] = {"tcpSocket": {"port": 9001}, "periodSeconds": 1}
    template = {"metadata": {"labels": labels, "annotations": annotations or {}},
                "spec": {"terminationGracePeriodSeconds": 1, "containers": [container], **(more or {})}}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "namespace": namespace},
            "spec": {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template}}


def pods(folder):
    def echo(version):
        return {"image": "host", "command": [str(PEERS / "python"), str(HERE / "server.py"), version, str(folder)]}
    for namespace, versions in ECHOES.items():
        yield from (workload(f"echo-{v}", namespace, {"app": "echo", "version": v}, echo(v), n) for v, n in versions.items())
    yield workload("plain", "outside", {"app": "plain"}, echo("plain"))
    for namespace in SENDERS.values():
        labels = {"app": "client", "role": f"of-{namespace}", **PLACES.get(namespace, {})}
        yield workload("client", namespace, labels, {"image": "weft/sleep"}, more=KNOWN.get(namespace), annotations=STARTED.get(namespace))


class World(Mesh):
    """Started once for a data plane; `complaints` has what was refused or did not reach every proxy."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.addresses, self.complaints = {}, []

    def start(self):
        self.run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=scenarios",
                 "-keyout", self.folder / "server.key", "-out", self.folder / "server.crt")
        file = self.folder / "world.yaml"
        file.write_text((HERE / "world.yaml").read_text() + "---\n" + yaml.safe_dump_all(pods(self.folder)))
        self.up(file)
        for pod in self.get("pods", "-n", "scen")["items"] + self.get("pods", "-n", "outside")["items"]:
            labels = pod["metadata"].get("labels", {})
            name = labels.get("version", labels.get("app"))
            self.addresses[f"ip_{name}"] = pod["status"]["podIP"]
            self.addresses[f"dashed_{name}"] = pod["status"]["podIP"].replace(".", "-")
        stable = self.get("pods", "-n", "catalog", "-l", "version=v1")["items"]
        self.addresses["pod_catalog"] = stable[0]["metadata"]["name"]

    def live(self, scenarios):
        """Applies the objects of all these scenarios at once, asks when every proxy has them, and takes them away again."""
        objects = [fill(thing, self.addresses) for scenario in scenarios for thing in scenario.objects()]
        text = yaml.safe_dump_all(objects)
        if objects:
            self.complain(self.kube("apply", "--server-side", "-f", "-", stdin=text))
        for kind, namespace in {(o["kind"], o["metadata"]["namespace"]) for o in objects if o["kind"] in ISTIO}:
            self.complain(self.kube("wait", "-n", namespace, "--for=condition=Programmed", ISTIO[kind], "--all", "--timeout=120s"))
        until("every proxy has everything", lambda: "STALE" not in self.status(), 120)
        results = self.ask(scenarios)
        if self.weft("proxy-status", check=False).returncode:
            self.complaints.append(self.status())
        if objects:
            self.complain(self.kube("delete", "--wait=false", "-f", "-", stdin=text))
        return results

    def kube(self, *command, **more):
        return self.run(self.peers / "kubectl", *command, check=False, **more)

    def complain(self, done):
        if done.returncode:
            self.complaints.append(done.stderr)

    def status(self):
        return self.weft("proxy-status", check=False).stdout

    def ask(self, scenarios):
        """Asks all of them side by side; answers the results of each ask, by its identity."""
        services = self.get("services", "-A")["items"]
        vips = {(s["metadata"]["name"], s["metadata"]["namespace"]): s["spec"].get("clusterIP") for s in services}
        tellings = {sender: [] for sender in SENDERS}
        for scenario in scenarios:
            names = {**self.addresses, "vip": vips.get((scenario.key, scenario.namespace))}
            for sender, lines in tellings.items():
                asks = {n: wire(scenario, n, ask, names) for n, ask in enumerate(scenario.asks)
                        if sender == ("outside" if ask["edge"] else ask["from"])}
                if asks:
                    lines.append({"key": [identity(scenario, n) for n in asks], "asks": list(asks.values())})
        results = {}
        threads = [threading.Thread(target=self.tell, args=(sender, lines, results))
                   for sender, lines in tellings.items() if lines]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return results

    def tell(self, sender, lines, results):
        """Runs the asking program in a sender's pod; collects what it says."""
        program = [str(PEERS / "python"), str(HERE / "client.py")]
        command = [self.peers / "kubectl", "exec", "-i", "-n", SENDERS[sender], "deploy/client", "--", *program]
        done = self.run(*command, check=False, timeout=300, stdin="".join(json.dumps(line) + "\n" for line in lines))
        for line in done.stdout.splitlines():
            told = json.loads(line)
            results.update(zip(told["key"], told["results"], strict=True))
        for key in (key for line in lines for key in line["key"]):
            results.setdefault(key, f"the sender said nothing: {done.stderr[-500:]}")

    def arrived(self):
        """Every request that a pod has told of in its log, by the identity of the ask."""
        found = {}
        for namespace, label in [*((namespace, "app=echo") for namespace in ECHOES), ("outside", "app=plain")]:
            text = self.kubectl("logs", "-n", namespace, "-l", label, "-c", "app", "--tail=-1")
            for line in text.splitlines():
                if line.startswith("{"):
                    record = json.loads(line)
                    found.setdefault(record["id"], []).append(record)
        return found
