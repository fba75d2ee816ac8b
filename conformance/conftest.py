"""Starts real meshes for the tests: `weft up samples/shop` in a state folder of its own, on free ports.

One mesh per data plane and session. Everything that is asserted goes through the real `kubectl`, `curl` and `weft`.
"""

import pytest

from mesh import Mesh


def pytest_addoption(parser):
    parser.addoption("--dataplane", action="append", help="only this data plane (weft, envoy)")


def pytest_generate_tests(metafunc):
    if "mesh" in metafunc.fixturenames:
        planes = metafunc.config.getoption("--dataplane") or ["weft", "envoy"]
        metafunc.parametrize("mesh", planes, indirect=True, scope="session")


@pytest.fixture(scope="session")
def mesh(request, tmp_path_factory):
    """A mesh with the shop in it, ready; ended after the last test that uses it."""
    running = Mesh(tmp_path_factory.mktemp(request.param), dataplane=request.param)
    try:
        running.up()
        yield running
    finally:
        running.down()
