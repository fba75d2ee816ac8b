"""Many proxies under the real control plane: each is sent what changed for it, and nothing else."""

import json
import os
import pathlib
import subprocess

import pytest

from mesh import BIN

# Optimised or not does not matter here.
PROGRAM = pathlib.Path(os.environ.get("WEFT_SIMULATOR", BIN / "bench-control-plane"))
SIZES = ["--size", "10x20", "--endpoints", "4", "--namespaces", "3", "--rounds", "6", "--rate", "20/2"]


@pytest.fixture(scope="module", params=[[], ["--scoped"]], ids=["everybody sees all", "each namespace sees itself"])
def figures(request, tmp_path_factory):
    if not PROGRAM.exists():
        pytest.skip("`make e2e` builds bench-control-plane")
    out = tmp_path_factory.mktemp("figures") / "control-plane.json"
    subprocess.run([PROGRAM, "--weft", BIN / "weft", "--out", out, *SIZES, *request.param], check=True, timeout=300)
    records = json.loads(out.read_text())
    return {(record["row"].split(": ", 1)[1], record["metric"]): record for record in records}


def test_a_change_sends_one_resource_to_each_proxy_that_is_concerned_and_nothing_to_others(figures):
    for change in ["one endpoint", "one policy"]:
        sent = figures[change, "resources sent, for each proxy concerned"]
        assert (sent["min"], sent["max"], sent["rounds"]) == (1, 1, 6), change


def test_a_new_service_is_a_cluster_a_route_and_its_endpoints(figures):
    sent = figures["a new service", "resources sent, for each proxy concerned"]
    assert 3 <= sent["min"] and sent["max"] <= 6, "its endpoints may come in two steps"


def test_every_proxy_ends_with_the_newest_configuration(figures):
    assert figures["end", "acknowledged the newest"]["median"] == 20
