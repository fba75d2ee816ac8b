"""Starts real meshes for the tests: `weft up samples/shop` in a state folder of its own, on free ports.

One mesh per data plane, person (root and an ordinary user, as far as we may choose) and session. Everything that is
asserted goes through the real `kubectl`, `curl` and `weft`.
"""

import contextlib
import signal

import pytest

from mesh import Mesh, ordinary_user, running, started


def pytest_addoption(parser):
    parser.addoption("--dataplane", action="append", help="only this data plane (weft, envoy)")


def pytest_configure(config):
    # Whoever is told to end ends the meshes that it started.
    signal.signal(signal.SIGTERM, interrupt)
    config.addinivalue_line("markers", "patient: mostly waits, so that it runs beside the others (scripts/conformance)")


def interrupt(*_):
    raise KeyboardInterrupt


def planes(config):
    return config.getoption("--dataplane") or ["weft", "envoy"]


def people():
    """Who starts meshes: ourselves, and somebody without privileges when we are root."""
    return [None, ordinary_user()] if ordinary_user() else [None]


def pytest_generate_tests(metafunc):
    if "plane" in metafunc.fixturenames:
        metafunc.parametrize("plane", planes(metafunc.config), scope="module")
    if "mesh" in metafunc.fixturenames:
        kinds = [(plane, user) for plane in planes(metafunc.config) for user in people()]
        names = [f"{plane}-{user.pw_name if user else 'self'}" for plane, user in kinds]
        metafunc.parametrize("mesh", kinds, ids=names, indirect=True, scope="session")


@pytest.fixture(scope="session")
def mesh(request):
    """A mesh with the shop in it, ready; ended after the last test that uses it."""
    plane, user = request.param
    with started(Mesh(dataplane=plane, user=user)) as shop:
        yield shop


@pytest.fixture(scope="module")
def mesh_of(plane, tmp_path_factory):
    """Starts a mesh of the objects of a text on a data plane; ended after the module's last test on that one."""
    with contextlib.ExitStack() as ends:
        yield lambda text: ends.enter_context(running(tmp_path_factory.mktemp("mesh") / "mesh.yaml", text, plane))


@pytest.fixture
def unused():
    """A mesh that has not been started; ended if the test started it."""
    mesh = Mesh()
    yield mesh
    mesh.down()
