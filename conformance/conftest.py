"""Starts real meshes for the tests: `weft up samples/shop` in a state folder of its own, on free ports.

One mesh per data plane, person (root and an ordinary user, as far as we may choose) and session. Everything that is
asserted goes through the real `kubectl`, `curl` and `weft`.
"""

import pytest

from mesh import Mesh, ordinary_user


def pytest_addoption(parser):
    parser.addoption("--dataplane", action="append", help="only this data plane (weft, envoy)")


def planes(config):
    return config.getoption("--dataplane") or ["weft", "envoy"]


def people():
    """Who starts meshes: ourselves, and somebody without privileges when we are root."""
    return [None, ordinary_user()] if ordinary_user() else [None]


def pytest_generate_tests(metafunc):
    if "plane" in metafunc.fixturenames:
        metafunc.parametrize("plane", planes(metafunc.config))
    if "mesh" in metafunc.fixturenames:
        kinds = [(plane, user) for plane in planes(metafunc.config) for user in people()]
        names = [f"{plane}-{user.pw_name if user else 'self'}" for plane, user in kinds]
        metafunc.parametrize("mesh", kinds, ids=names, indirect=True, scope="session")


@pytest.fixture(scope="session")
def mesh(request):
    """A mesh with the shop in it, ready; ended after the last test that uses it."""
    plane, user = request.param
    running = Mesh(dataplane=plane, user=user)
    try:
        running.up()
        yield running
    finally:
        running.down()
