"""A key that its issuer never showed before it signed with it: weft-proxy tells of it, and the control plane looks at once."""

import shutil

import pytest

from issuer import Issuer
from manifests import ECHO, SLEEP, deployment, namespace, service
from mesh import PEERS, until

pytestmark = pytest.mark.patient

HERE = ("shop", "deploy/client")

RULES = """---
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: users, namespace: shop}
spec:
  selector: {matchLabels: {app: echo}}
  jwtRules: [{issuer: given, jwksUri: "http://issuer.shop.svc.cluster.local:8080/jwks"}]
"""


@pytest.fixture(scope="module")
def served(plane, tmp_path_factory):
    if plane != "weft":
        pytest.skip("an Envoy tells nobody of unknown keys")
    folder = tmp_path_factory.mktemp("served")
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def issuers(tmp_path_factory):
    folder = tmp_path_factory.mktemp("keys")
    return Issuer(folder, "one"), Issuer(folder, "two")


@pytest.fixture(scope="module")
def shop(served, issuers, mesh_of):
    """A mesh that looks for new keys once in an hour."""
    (served / "jwks").write_text(issuers[0].keys())
    words = [PEERS / "python", "-m", "http.server", "8080", "--directory", served]
    program = "image: host/python, command: [" + ", ".join(f"'{word}'" for word in words) + "]"
    objects = [
        namespace("shop"), deployment("client", "shop", SLEEP), deployment("echo", "shop", ECHO),
        service("echo", "shop", "{name: http, port: 8080}"), RULES,
        service("issuer", "shop", "{name: http, port: 8080}"),
        deployment("issuer", "shop", f"{program}, readinessProbe: {{tcpSocket: {{port: 8080}}}}"),
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PILOT_JWT_PUB_KEY_REFRESH_INTERVAL", "1h")
        yield mesh_of("".join(objects))


def code(mesh, issuer):
    return mesh.code(*HERE, "-H", f"authorization: Bearer {issuer.token(iss='given')}", "http://echo:8080/")


def test_a_key_that_nobody_was_shown_is_known_soon(shop, served, issuers):
    old, new = issuers
    until("tokens", lambda: code(shop, old) == "200")
    fresh = served / "fresh"
    fresh.write_text(new.keys())
    fresh.rename(served / "jwks")
    until("the new key", lambda: code(shop, new) == "200")
    assert code(shop, old) == "401", "the issuer no longer shows it"
