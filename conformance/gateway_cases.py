"""The files of gateway_api/*.yaml: their cases, and the objects that are applied, with the short forms of what many need written out. `$python` and
`$here` are known from the start; `$files`, a folder of certificates, is put in when there is one."""

import pathlib

import yaml

from certificates import Authority, secret
from manifests import SLEEP, deployment, service
from mesh import PEERS

HERE = pathlib.Path(__file__).parent
CLUSTER = ("GatewayClass", "Namespace")
KEYS = {"name", "feature", "of", "in", "at", "said", "has", "gone", "gap", "ask", "want", "from"}


class File:
    """One file: what is applied, and what must then be told."""

    def __init__(self, path):
        text = path.read_text().replace("$python", str(PEERS / "python")).replace("$here", str(HERE))
        head, *documents = yaml.safe_load_all(text)
        self.space = f"gw-{path.stem}"
        self.cases = [{"in": self.space, **case} for case in head["cases"]]
        for number, case in enumerate(self.cases, 1):
            case["key"] = f"{path.stem}-{number:02}"
            assert set(case) - {"key"} <= KEYS, f"{case['key']}: unknown keys {set(case) - KEYS}"
        self.certificates = {}
        self.objects = [thing for document in documents for thing in self.written(document)]
        for thing in self.objects:
            if thing["kind"] not in CLUSTER:
                thing["metadata"].setdefault("namespace", self.space)

    def written(self, document):
        """The objects that a document stands for: itself, unless it is a short form."""
        if "apps" in document:
            return [thing for name, command in document["apps"].items() for thing in self.app(name, command, document.get("ports", {}))]
        if "callers" in document:
            return [caller(space) for space in document["callers"]]
        if "certificates" in document:
            self.certificates = document["certificates"]
            return []
        return [document]

    def app(self, name, command, ports):
        """A Deployment that runs a program of the tests, and its Service: HTTP at 80, gRPC at 9000, TLS at 443."""
        http = {"name": "http", "port": 80, "targetPort": 8080, **ports.get(name, {})}
        more = "{name: grpc, port: 9000}, {name: tls, port: 443, targetPort: 8443}"
        words = ", ".join(f'"{word}"' for word in command)
        text = service(name, self.space, f"{yaml.safe_dump(http, default_flow_style=True).strip()}, {more}")
        text += deployment(name, self.space, f"image: host/python, command: [{words}]")
        return [thing for thing in yaml.safe_load_all(text) if thing]

    def secrets(self, authority):
        """The Secrets that it asks for, as a text."""
        text = ""
        for place, hosts in self.certificates.items():
            space, _, name = place.rpartition("/")
            text += secret(name, space or self.space, *authority.sign(name, *hosts))
        return text


def caller(space):
    """A pod with a sidecar."""
    (found,) = yaml.safe_load_all(deployment("caller", space, SLEEP))
    found["spec"]["template"]["metadata"]["labels"]["sidecar.istio.io/inject"] = "true"
    return found


def files_of(folder):
    """Certificates that pods read from files."""
    for parent in [folder, *folder.parents][:3]:
        parent.chmod(0o755)
    authority = Authority(folder)
    authority.sign("pass", "pass.example.com", "*.wild.example.com")
    return authority
