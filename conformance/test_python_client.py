"""Python's client of Kubernetes, unchanged, against the API server alone: dynamic kinds, watches, server-side apply."""

import json
import os
import pathlib
import subprocess
import threading

import pytest
from kubernetes import client, config, dynamic, watch
from kubernetes.client.exceptions import ApiException
from kubernetes.dynamic.exceptions import ConflictError, ResourceNotFoundError

from mesh import ROOT, until

DEFINITION = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "widgets.shop.example.com"},
    "spec": {
        "group": "shop.example.com",
        "scope": "Namespaced",
        "names": {"kind": "Widget", "plural": "widgets"},
        "versions": [{
            "name": "v1", "served": True, "storage": True, "subresources": {"status": {}},
            "schema": {"openAPIV3Schema": {"type": "object", "properties": {
                "spec": {"type": "object", "properties": {
                    "size": {"type": "integer", "maximum": 9, "default": 1},
                    "tags": {"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string"}}}},
                "status": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}}},
        }],
    },
}


def widget(name, **spec):
    return {"apiVersion": "shop.example.com/v1", "kind": "Widget", "metadata": {"name": name}, "spec": spec}


@pytest.fixture(scope="module")
def api(tmp_path_factory):
    """A client of a server of its own."""
    state = tmp_path_factory.mktemp("api")
    program = os.environ.get("WEFT_API_SERVER")
    command = [program] if program else ["cargo", "run", "-q", "-p", "ctl-apiserver", "--example", "api_server", "--"]
    server = subprocess.Popen(command + [str(state)], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert server.stdout.readline() == b"ready\n"
        yield config.new_client_from_config(str(pathlib.Path(state) / "kubeconfig"))
    finally:
        server.stdin.close()
        assert server.wait(timeout=180) == 0


@pytest.fixture(scope="module")
def kinds(api):
    """The dynamic client, with a kind of our own."""
    found = dynamic.DynamicClient(api)
    definitions = found.resources.get(api_version="apiextensions.k8s.io/v1", kind="CustomResourceDefinition")
    definitions.create(body=DEFINITION)
    with pytest.raises(ResourceNotFoundError):
        found.resources.get(api_version="shop.example.com/v1", kind="Gadget")
    found.resources.invalidate_cache()
    return found


@pytest.fixture
def widgets(kinds):
    resource = kinds.resources.get(api_version="shop.example.com/v1", kind="Widget")
    yield resource
    resource.delete(namespace="default", field_selector="metadata.namespace=default")
    until("no widgets", lambda: not resource.get(namespace="default").items)


def test_typed_calls_read_and_write(api):
    core = client.CoreV1Api(api)
    body = client.V1ConfigMap(metadata=client.V1ObjectMeta(name="a"), data={"k": "v"})
    made = core.create_namespaced_config_map("default", body)
    assert made.metadata.uid and made.metadata.managed_fields[0].manager == "OpenAPI-Generator"
    core.patch_namespaced_config_map("a", "default", {"data": {"k": None, "l": "w"}})
    assert core.read_namespaced_config_map("a", "default").data == {"l": "w"}
    core.replace_namespaced_config_map("a", "default", body, dry_run="All")
    assert core.read_namespaced_config_map("a", "default").data == {"l": "w"}
    assert [m.metadata.name for m in core.list_namespaced_config_map("default", limit=1).items] == ["a"]
    with pytest.raises(ApiException) as told:
        core.create_namespaced_config_map("default", body)
    assert told.value.status == 409 and json.loads(told.value.body)["reason"] == "AlreadyExists"
    core.delete_namespaced_config_map("a", "default")


def test_custom_objects_are_validated_and_defaulted(widgets):
    made = widgets.create(body=widget("a"), namespace="default")
    assert made.spec.size == 1
    with pytest.raises(ApiException) as told:
        widgets.create(body=widget("b", size=10), namespace="default")
    body = json.loads(told.value.body)
    assert told.value.status == 422 and body["details"]["causes"][0]["field"] == "spec.size"
    widgets.status.patch(body={"status": {"ready": True}}, name="a", namespace="default",
                         content_type="application/merge-patch+json")
    assert widgets.get(name="a", namespace="default").status.ready is True


def test_server_side_apply_names_conflicts(widgets):
    apply = lambda body, manager, **more: widgets.server_side_apply(  # noqa: E731
        body=body, name="a", namespace="default", field_manager=manager, **more)
    apply(widget("a", size=2, tags=["x"]), "one")
    apply(widget("a", tags=["y"]), "two")
    assert sorted(widgets.get(name="a", namespace="default").spec.tags) == ["x", "y"]
    with pytest.raises(ConflictError) as told:
        apply(widget("a", size=3, tags=["y"]), "two")
    causes = json.loads(told.value.body)["details"]["causes"]
    assert causes == [{"reason": "FieldManagerConflict", "field": ".spec.size",
                       "message": 'conflict with "one" using shop.example.com/v1'}]
    assert apply(widget("a", size=3, tags=["y"]), "two", force_conflicts=True).spec.size == 3
    left = apply(widget("a"), "one")
    assert left.spec.tags == ["y"] and left.spec.size == 3


def test_watches_tell_what_happens(api, widgets):
    seen, begun = [], threading.Event()

    def follow():
        for event in widgets.watch(namespace="default", timeout=20):
            seen.append((event["type"], event["object"].metadata.name))
            begun.set()
            if event["type"] == "DELETED":
                return

    widgets.create(body=widget("w"), namespace="default")
    thread = threading.Thread(target=follow)
    thread.start()
    assert begun.wait(20)
    widgets.patch(body={"spec": {"size": 5}}, name="w", namespace="default",
                  content_type="application/merge-patch+json")
    widgets.delete(name="w", namespace="default")
    thread.join(20)
    assert seen == [("ADDED", "w"), ("MODIFIED", "w"), ("DELETED", "w")]
    namespaces = watch.Watch().stream(client.CoreV1Api(api).list_namespace, timeout_seconds=1)
    assert "default" in [event["object"].metadata.name for event in namespaces]
