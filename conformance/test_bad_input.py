"""What a person is told when something is wrong: one clear message with its place, and nothing is changed."""

import pytest

from mesh import SHOP, Mesh, free_port

SERVICE = """apiVersion: v1
kind: Service
metadata: {name: web, namespace: default}
spec: {selector: {app: web}, ports: [{name: http, port: 80}]}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: web, namespace: default}
spec: {host: web, subsets: [{name: v1, labels: {version: v1}}]}
---
"""

ROUTE = SERVICE + """apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, namespace: default}
spec:
  hosts: [web]
  http:
  - route:
    - destination: {host: web, subset: SUBSET}
      weight: WEIGHT
    - destination: {host: web, subset: v1}
      weight: 10
"""

CASES = {
    "broken YAML": ("kind: Pod\nmetadata:\n  name: [a\nspec: {}\n", "4:", []),
    "a key twice": ("kind: Pod\nkind: Pod\n", "2:1:", ["kind"]),
    "an unknown field of the mesh": (
        SERVICE.replace("host: web, ", "hosst: web, host: web, "), "9:8:", ["spec.hosst", "host"]),
    "an unknown field of Kubernetes": (
        SERVICE.replace("selector:", "selektor:"), "4:8:", ["Service default/web", "spec.selektor"]),
    "a wrong type": (SERVICE.replace("port: 80", "port: eighty"), "4:", ["spec.ports[0].port", "eighty"]),
    "an unknown kind": ("apiVersion: v1\nkind: Servise\nmetadata: {name: a}\n", "2:1:", ["did you mean Service?"]),
    "no name": ("apiVersion: v1\nkind: Service\nmetadata: {}\n", "3:1:", ["metadata.name"]),
    "weights": (ROUTE.replace("SUBSET", "v1").replace("WEIGHT", "80"), "17:5:", ["80 + 10", "90", "100"]),
    "a subset": (ROUTE.replace("SUBSET", "v3").replace("WEIGHT", "90"), "18:32:", ['"v3"', "v1"]),
}


@pytest.fixture
def unused():
    mesh = Mesh()
    yield mesh
    mesh.down()


@pytest.mark.parametrize("case", CASES)
def test_files_are_judged_before_anything_starts(case, unused, tmp_path):
    text, place, words = CASES[case]
    file = tmp_path / "mesh.yaml"
    file.write_text(text)
    done = unused.up(file, check=False)
    assert done.returncode != 0
    first = done.stderr.splitlines()[0]
    assert f"{file}:{place}" in first, done.stderr
    for word in words:
        assert word in done.stderr, done.stderr
    assert sum(f"{file}:" in line for line in done.stderr.splitlines()) == 1, done.stderr
    assert not unused.state.exists() and not unused.processes()


def test_a_port_in_use_is_named_and_nothing_starts(unused):
    import socket
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", unused.http))
        taken.listen()
        done = unused.up(check=False)
    assert done.returncode != 0
    assert str(unused.http) in done.stderr and "--ingress-http-port" in done.stderr
    assert not unused.processes()


def test_a_second_mesh_on_the_same_state_is_refused_and_the_first_goes_on(unused):
    unused.up()
    unused.http, unused.https, unused.api = free_port(), free_port(), free_port()
    first = unused.kubectl("get", "pods", "-A", "-o", "name")
    done = unused.up(check=False)
    assert done.returncode != 0
    assert str(unused.state) in done.stderr and "weft down" in done.stderr
    assert unused.kubectl("get", "pods", "-A", "-o", "name") == first


def test_an_object_that_the_api_refuses_changes_nothing(unused, tmp_path):
    unused.up(SHOP)
    before = unused.get("virtualservices", "-A")["items"]
    bad = tmp_path / "bad.yaml"
    bad.write_text(ROUTE.replace("SUBSET", "v1").replace("WEIGHT", "-3"))
    done = unused.run(unused.peers / "kubectl", "apply", "-f", bad, check=False)
    assert done.returncode != 0 and "weight" in done.stderr, done.stderr
    assert unused.get("virtualservices", "-A")["items"] == before
