"""The tables of `objects/`, written with the real kubectl: wrong objects are refused by code and path, right ones come back
whole, in every version."""

import copy
import json
import pathlib
import re

import pytest
import yaml

from mesh import running

FOLDER = pathlib.Path(__file__).parent / "objects"
TABLES = [file for file in sorted(FOLDER.glob("*.yaml")) if yaml.safe_load(file.read_text()).get("served", True)]
NAMESPACE = "objects"


def pointers(change):
    return {key: value for key, value in change.items() if key.startswith("/")}


def put(at, pointer, value):
    """Sets the value at a pointer, making the maps on the way; None removes it."""
    *steps, last = [step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:]]
    for step in steps:
        if isinstance(at, list):
            at = at[int(step)]
        else:
            at = at.setdefault(step, {})
    if isinstance(at, list):
        at[int(last)] = value
    elif value is None:
        at.pop(last, None)
    else:
        at[last] = value


def numbered(table, changes):
    """One object for each change, named after its number."""
    for number, change in enumerate(changes):
        item = {
            "apiVersion": table["apiVersion"],
            "kind": table["kind"],
            "metadata": {"name": f"case-{number}", "namespace": NAMESPACE},
            "spec": copy.deepcopy(table["base"]),
        }
        for pointer, value in pointers(change).items():
            put(item, pointer, copy.deepcopy(value))
        yield item


def as_list(items):
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": list(items)})


def shown(pointer):
    """A JSON pointer as messages show it: spec.http[0].timeout."""
    text = ""
    for step in pointer.split("/")[1:]:
        step = step.replace("~1", "/").replace("~0", "~")
        if step.isdigit():
            text += f"[{step}]"
        elif re.search(r"[^A-Za-z0-9_]", step) or not step:
            text += f'["{step}"]'
        else:
            text += f".{step}" if text else step
    return text


def within(given, found):
    """Whether all that was given came back; the server may have filled in defaults beside it."""
    if isinstance(given, dict) and isinstance(found, dict):
        return all(key in found and within(value, found[key]) for key, value in given.items())
    if isinstance(given, list) and isinstance(found, list):
        return len(given) == len(found) and all(map(within, given, found))
    return given == found


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A mesh without anything in it."""
    namespace = f"apiVersion: v1\nkind: Namespace\nmetadata: {{name: {NAMESPACE}}}\n"
    with running(tmp_path_factory.mktemp("objects") / "namespace.yaml", namespace) as mesh:
        yield mesh


@pytest.mark.parametrize("file", TABLES, ids=[file.stem for file in TABLES])
def test_wrong_objects_are_refused_by_code_and_path(server, file):
    table = yaml.safe_load(file.read_text())
    changes = table["refused"]
    told = server.run("kubectl", "apply", "-f", "-", stdin=as_list(numbered(table, changes)), check=False, timeout=300)
    assert told.returncode != 0
    lines = {}
    for line in told.stderr.splitlines():
        found = re.search(r'(?:"|/)(case-\d+)"', line)
        if found:
            lines.setdefault(found.group(1), line)
    wrong = []
    for number, change in enumerate(changes):
        at = shown(change.get("at", next(iter(pointers(change)))))
        code = change.get("code", "IST0106")
        line = lines.get(f"case-{number}", "no word of it")
        if f"[{code}]" not in line or at not in line:
            wrong.append(f"{change}: wanted {code} at {at}, told {line}")
    assert not wrong, "\n".join(wrong)
    stored = server.kubectl("get", table["kind"] + "." + table["apiVersion"].split("/")[0], "-n", NAMESPACE, "-o", "name")
    assert stored == ""


@pytest.mark.parametrize("file", TABLES, ids=[file.stem for file in TABLES])
def test_right_objects_come_back_whole_in_every_version(server, file):
    table = yaml.safe_load(file.read_text())
    items = list(numbered(table, table["accepted"]))
    group = table["apiVersion"].split("/")[0]
    server.run("kubectl", "apply", "-f", "-", stdin=as_list(items), timeout=300)
    crds = json.loads(server.kubectl("get", "crd", "-o", "json"))["items"]
    (crd,) = [crd for crd in crds if crd["spec"]["group"] == group and crd["spec"]["names"]["kind"] == table["kind"]]
    plural = crd["spec"]["names"]["plural"]
    for version in [version["name"] for version in crd["spec"]["versions"] if version["served"]]:
        text = server.kubectl("get", f"{plural}.{version}.{group}", "-n", NAMESPACE, "-o", "json")
        found = {item["metadata"]["name"]: item for item in json.loads(text)["items"]}
        for item in items:
            same = found[item["metadata"]["name"]]
            assert same["apiVersion"] == f"{group}/{version}"
            assert within(item["spec"], same["spec"]), item
    server.kubectl("delete", f"{plural}.{group}", "--all", "-n", NAMESPACE)


def test_definitions_are_applied_over_those_of_the_server(server):
    crds = server.run(server.bin / "weft", "crds").stdout
    told = server.run("kubectl", "apply", "-f", "-", stdin=crds, timeout=300).stdout
    assert len(told.splitlines()) == crds.count("kind\": \"CustomResourceDefinition"), told
    explained = server.kubectl("explain", "virtualservice.spec.http")
    assert "delegate" in explained and "Longest time for the whole request" in explained
