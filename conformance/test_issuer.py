"""Keys of issuers in the mesh, on both data planes: fetched, kept while their issuer is gone, rotated, over TLS, and each by itself."""

import json
import pathlib
import shutil

import pytest

from certificates import Authority
from issuer import Issuer
from manifests import ECHO, SLEEP, deployment, namespace, python, service
from mesh import PEERS, until

pytestmark = pytest.mark.patient

HERE = ("shop", "deploy/client")
DISCOVERED = "http://issuer.shop:8080"
VAULT = "vault.shop.svc.cluster.local"
HTTPS_FILES = pathlib.Path(__file__).resolve().parent / "https_files.py"

RULES = f"""---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {{name: default, namespace: shop}}
spec: {{mtls: {{mode: STRICT}}}}
---
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {{name: users, namespace: shop}}
spec:
  selector: {{matchLabels: {{app: echo}}}}
  jwtRules:
    - {{issuer: given, jwksUri: "http://issuer.shop.svc.cluster.local:8080/jwks"}}
    - {{issuer: "{DISCOVERED}"}}
    - {{issuer: garbage, jwksUri: "http://issuer.shop.svc:8080/garbage"}}
    - {{issuer: nowhere, jwksUri: "http://nobody.shop.svc.cluster.local/jwks", timeout: 2s}}
"""


def operator(root):
    """Settings that name a further root of servers of keys."""
    return "---\n" + json.dumps({"apiVersion": "install.istio.io/v1alpha1", "kind": "IstioOperator", "metadata": {"name": "mesh"},
                                "spec": {"values": {"pilot": {"jwksResolverExtraRootCA": root.certificate.read_text()}}}}) + "\n"


class Served:
    """What the issuer's pod serves: files of a folder."""

    def __init__(self, folder):
        self.folder = folder
        (folder / ".well-known").mkdir()
        (folder / ".well-known/openid-configuration").write_text(json.dumps({"jwks_uri": f"{DISCOVERED}/found"}))
        (folder / "garbage").write_text("<html>not keys</html>")

    def serve(self, file, issuer):
        """Gives a file the keys of an issuer, at once."""
        fresh = self.folder / "fresh"
        fresh.write_text(issuer.keys())
        fresh.rename(self.folder / file)

    def show(self, authority, host=VAULT, days=2):
        """Has the server with TLS show another certificate."""
        for file, end in zip(authority.sign("vault", host, days=days), ("crt", "key"), strict=True):
            shutil.copy(file, self.folder / f"server.{end}")


@pytest.fixture(scope="module")
def served(plane, tmp_path_factory):
    folder = tmp_path_factory.mktemp("served")
    yield Served(folder)
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def issuers(tmp_path_factory):
    """Two keys of one name, since what changes is the key, not the issuer; and the authority that the operator's settings name."""
    folder = tmp_path_factory.mktemp("keys")
    return Issuer(folder, "one"), Issuer(folder, "two"), Authority(folder, "named")


@pytest.fixture(scope="module")
def shop(mesh_of, served, issuers):
    """A mesh that looks for new keys every second; its issuer has a sidecar, and takes no plaintext."""
    served.serve("jwks", issuers[0])
    served.serve("found", issuers[0])
    words = [PEERS / "python", "-m", "http.server", "8080", "--directory", served.folder]
    program = "image: host/python, command: [" + ", ".join(f"'{word}'" for word in words) + "]"
    objects = [
        namespace("shop"), deployment("client", "shop", SLEEP), deployment("echo", "shop", ECHO),
        service("echo", "shop", "{name: http, port: 8080}"), RULES,
        service("issuer", "shop", "{name: http, port: 8080}"),
        deployment("issuer", "shop", f"{program}, readinessProbe: {{tcpSocket: {{port: 8080}}}}"),
        service("vault", "shop", "{name: https, port: 443, targetPort: 8443}"),
        deployment("vault", "shop", f"{python(HTTPS_FILES, 8443, served.folder)}, readinessProbe: {{tcpSocket: {{port: 8443}}}}"),
        operator(issuers[2]),
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PILOT_JWT_PUB_KEY_REFRESH_INTERVAL", "1s")
        yield mesh_of("".join(objects))


def code(mesh, issuer, name):
    """What the server answers to a token of that name, which an issuer signed."""
    return mesh.code(*HERE, "-H", f"authorization: Bearer {issuer.token(iss=name)}", "http://echo:8080/")


def effective(mesh, name="users"):
    status = mesh.get("-n", "shop", "requestauthentication", name).get("status", {})
    found = [c for c in status.get("conditions", []) if c["type"] == "Effective"]
    return found[0] if found else {"reason": "", "message": ""}


def test_keys_are_fetched_and_each_issuer_stands_for_itself(shop, issuers):
    ours, other, _root = issuers
    for name in ("given", DISCOVERED):
        until(f"tokens of {name}", lambda name=name: code(shop, ours, name) == "200")
        assert code(shop, other, name) == "401", "another key"
    for name in ("garbage", "nowhere"):
        assert code(shop, ours, name) == "401", name
    assert shop.code(*HERE, "http://echo:8080/") == "200", "nobody has to bring a token"
    told = until("its condition", lambda: (found := effective(shop))["reason"] == "Partly" and found)
    for part in ("jwtRules[2].jwksUri", "not JSON", "jwtRules[3].jwksUri", "nobody.shop.svc.cluster.local", "write the keys as jwks"):
        assert part in told["message"], told
    assert "jwtRules[0]" not in told["message"] and "jwtRules[1]" not in told["message"], told


def test_keys_stay_while_their_issuer_is_gone_and_rotate_when_it_is_back(shop, served, issuers):
    old, new, _root = issuers
    until("tokens", lambda: code(shop, old, "given") == "200")
    shop.kubectl("scale", "-n", "shop", "deployment/issuer", "--replicas=0")
    until("a condition", lambda: "no ready endpoint; those of" in effective(shop)["message"])
    served.serve("jwks", new)
    for _ in range(3):
        assert code(shop, old, "given") == "200"
    shop.kubectl("scale", "-n", "shop", "deployment/issuer", "--replicas=1")
    until("the new key", lambda: code(shop, new, "given") == "200")
    # On Envoy connections that are open still end by the listener that they came in by.
    until("the end of the old key", lambda: code(shop, old, "given") == "401")
    assert code(shop, old, DISCOVERED) == "200", "of another issuer"
    until("a condition", lambda: "jwtRules[0]" not in effective(shop)["message"])


def test_metrics_tell_how_fetching_goes(shop):
    text = shop.curl(*HERE, "http://istiod.istio-system:15014/metrics").stdout
    figures = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    for name in ("success", "fail"):
        assert int(figures[f"pilot_jwks_resolver_network_fetch_{name}_total"]) > 0, text
    assert figures['weft_jwks_failing{uri="http://issuer.shop.svc:8080/garbage"}'] == "1", text
    assert 'weft_jwks_age_seconds{uri="http://issuer.shop.svc.cluster.local:8080/jwks"}' in figures, text


def asks(mesh, name):
    """An object whose keys come over TLS; of its own each time, so that they are asked for at once."""
    mesh.apply_text(f"""---
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {{name: {name}, namespace: shop}}
spec:
  selector: {{matchLabels: {{app: echo}}}}
  jwtRules: [{{issuer: {name}, jwksUri: "https://{VAULT}/jwks?{name}"}}]
""")


def extra(root):
    """The ConfigMap that Istio's chart makes of `jwksResolverExtraRootCA`, as people write it by hand."""
    return json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "data": {"extra.pem": root.certificate.read_text()},
                       "metadata": {"name": "pilot-jwks-extra-cacerts", "namespace": "istio-system"}})


def test_keys_come_over_tls_under_the_authorities_that_the_mesh_names(shop, served, issuers, tmp_path):
    key, _other, named = issuers
    served.serve("jwks", key)
    mine, other = Authority(tmp_path, "mine"), Authority(tmp_path, "other")
    cases = [
        ("stranger", mine, other, {}, "UnknownIssuer"),
        ("expired", mine, mine, {"days": -1}, "expired"),
        ("misnamed", mine, mine, {"host": "elsewhere.example"}, "not valid for name"),
    ]
    for name, signs, trusted, how, why in cases:
        served.show(signs, **how)
        shop.apply_text(extra(trusted))
        asks(shop, name)
        told = until(name, lambda name=name: why in (found := effective(shop, name))["message"] and found)
        assert told["reason"] == "KeysMissing" and f"TLS with {VAULT}" in told["message"], told
        assert code(shop, key, name) == "401", name
    served.show(mine)
    asks(shop, "good")
    until("tokens", lambda: code(shop, key, "good") == "200")
    shop.kubectl("delete", "configmap", "-n", "istio-system", "pilot-jwks-extra-cacerts")
    served.show(named)
    asks(shop, "operator")
    until("tokens under the root of the settings", lambda: code(shop, key, "operator") == "200")
