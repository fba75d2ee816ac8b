"""Files that define a kind and hold objects of it, in any order."""

import pytest

from mesh import until

BOX = """apiVersion: boxes.example.com/v1
kind: Box
metadata: {name: first}
spec: {size: 3}
"""
DEFINITION = """apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: boxes.boxes.example.com}
spec:
  group: boxes.example.com
  scope: Namespaced
  names: {kind: Box, plural: boxes}
  versions:
  - name: v1
    served: true
    storage: true
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec:
            type: object
            properties: {size: {type: integer, minimum: 1}, color: {type: string, default: red}}
"""


def test_objects_of_kinds_that_the_files_define_are_applied_and_followed(unused, tmp_path):
    file = tmp_path / "boxes.yaml"
    file.write_text(f"{BOX}---\n{DEFINITION}")
    unused.up(file)
    assert unused.get("box", "first")["spec"] == {"size": 3, "color": "red"}
    file.write_text(f"{BOX.replace('3', '4')}---\n{BOX.replace('first', 'second')}---\n{DEFINITION}")
    until("the change is followed", lambda: unused.get("boxes")["items"][0]["spec"]["size"] == 4)
    until("the new one is there", lambda: len(unused.get("boxes")["items"]) == 2)
    file.write_text(f"{BOX}---\n{DEFINITION}")
    until("what is not written any more goes", lambda: len(unused.get("boxes")["items"]) == 1)


WRONG = {
    "a value that the schema refuses": (BOX.replace("3", "0") + "---\n" + DEFINITION, "4:", ["spec.size"]),
    "a field that the schema lacks": (BOX.replace("size", "sice") + "---\n" + DEFINITION, "4:", ["spec.sice", "size"]),
    "a version that is not served": (BOX.replace("/v1", "/v2") + "---\n" + DEFINITION, "1:", ["boxes.example.com/v1"]),
    "a wrong definition": (DEFINITION.replace("Namespaced", "World"), "6:", ["spec.scope", "Cluster"]),
    "no definition": (BOX, "2:1:", ["Box", "not known"]),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_object_or_definition_is_told_with_its_place_before_anything_starts(case, unused, tmp_path):
    text, place, words = WRONG[case]
    file = tmp_path / "boxes.yaml"
    file.write_text(text)
    done = unused.up(file, check=False)
    assert done.returncode != 0 and f"{file}:{place}" in done.stderr, done.stderr
    assert sum(f"{file}:" in line for line in done.stderr.splitlines()) == 1, done.stderr
    for word in words:
        assert word in done.stderr, done.stderr
    assert not unused.processes()
