"""What a person is told when something is wrong: one clear message with its place, and nothing is changed."""

import os
import subprocess

import pytest

from mesh import BIN, SHOP, free_port

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
    "a subset": (ROUTE.replace("SUBSET", "v3").replace("WEIGHT", "90"), "18:32:", ["`v3`", "v1"]),
}


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


GOOD = SERVICE.split("---")[0]

BAD_FILES = {
    "aliases that grow": ("a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"{chr(98 + i)}: &{chr(98 + i)} [{','.join(['*' + chr(97 + i)] * 9)}]\n" for i in range(9)), ":", "aliases"),
    "a deep list": ("[" * 100_000, "1:", "recursion"),
    "deep maps": ("a: " + "{a: " * 5_000 + "1" + "}" * 5_000, "1:", "deeper than 100"),
    "a large file": ("a: " + "x" * (17 << 20), "1:1:", "larger than 16 MiB"),
    "a key twice": (GOOD + "spec: {}\n", "5:1:", "twice"),
    "tabs": ("apiVersion: v1\nkind: Service\nmetadata:\n\tname: web\n", "4:2:", "tabs"),
    "another encoding": (GOOD.encode("utf-16"), "1:1:", "UTF-8"),
    "a program": (b"\x7fELF\x02\x01\x00\xff" * 100, "1:", "UTF-8"),
    "an anchor that is not there": ("a: *nope\n", "1:4:", "anchor"),
    "an alias of itself": ("a: &a [*a]\n", "1:8:", "alias"),
    "a value": ("just text\n", "1:1:", "no object"),
    "values of Helm": ("replicaCount: 1\n", "1:1:", "apiVersion"),
    "a template of Helm": ("metadata:\n  name: {{ .Values.name }}\n", "2:", "helm template"),
    "a kustomization": ("resources:\n- a.yaml\n", "1:1:", "apiVersion"),
    "a number as kind": ("apiVersion: v1\nkind: 5\nmetadata: {name: a}\n", "2:1:", "kind must be a text"),
    "an unknown version": ("apiVersion: networking.istio.io/v9\nkind: Sidecar\nmetadata: {name: a}\n", "1:1:", "/v1"),
    "a name that is none": (GOOD.replace("name: web", "name: WEB_x"), "3:12:", "WEB_x"),
    "labels that are none": (
        "apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: a, labels: {a: b c}}\nspec: {host: a}\n", "3:", "b c"),
    "a wrong item of a list in JSON": (
        '{"apiVersion":"v1","kind":"List","items":[{"apiVersion":"v1","kind":"Service","metadata":{"name":"a"},'
        '"spec":{"ports":[{"port":"x"}]}}]}', "1:", "spec.ports[0].port"),
}


@pytest.mark.parametrize("case", BAD_FILES)
def test_a_bad_file_is_one_problem_with_its_place_and_the_others_are_read(case, tmp_path):
    text, place, word = BAD_FILES[case]
    name = "bad.json" if "JSON" in case else "bad.yaml"
    (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    (tmp_path / "good.yaml").write_text(GOOD)
    files = [tmp_path / name, tmp_path / "good.yaml"]
    done = subprocess.run([BIN / "weft", "validate", *files], capture_output=True, text=True, timeout=180, check=False)
    *problems, counted = done.stdout.splitlines()
    assert done.returncode == 1 and len(problems) == 1, done.stdout[:2000]
    assert problems[0].startswith(f"{tmp_path / name}:{place.lstrip(':')}"), problems
    assert word in problems[0] and counted.endswith(": 1 error"), done.stdout


def test_good_files_of_every_form_are_read(tmp_path):
    (tmp_path / "windows.yaml").write_bytes(GOOD.replace("\n", "\r\n").encode())
    (tmp_path / "mark.yaml").write_bytes(b"\xef\xbb\xbf" + GOOD.encode())
    (tmp_path / "empty.yaml").write_text("---\n---\n# nothing\n")
    (tmp_path / "directive.yaml").write_text("%YAML 1.1\n---\n" + GOOD)
    done = subprocess.run([BIN / "weft", "validate", tmp_path], capture_output=True, text=True, timeout=180, check=False)
    assert (done.returncode, done.stdout) == (0, "3 objects: no problems\n"), done.stdout


def test_documents_beside_a_broken_one_and_folders_with_odd_entries_are_read(tmp_path):
    (tmp_path / "a.yaml").write_text(f"{GOOD}---\na: [1,\n---\n{GOOD.replace('web', 'two')}---\nkind: Pod\n")
    folder = tmp_path / "sub"
    folder.mkdir()
    (folder / "loop").symlink_to("..")
    (tmp_path / "gone.yaml").symlink_to("nowhere")
    os.mkfifo(tmp_path / "pipe.yaml")
    done = subprocess.run([BIN / "weft", "validate", tmp_path], capture_output=True, text=True, timeout=180, check=False)
    *problems, counted = done.stdout.splitlines()
    places = [line.removeprefix(f"{tmp_path}/").split(" ")[0] for line in problems]
    assert places == ["a.yaml:7:1:", "a.yaml:13:1:", "gone.yaml:1:1:", "pipe.yaml:1:1:"], done.stdout
    assert counted == "2 objects: 4 errors"
