"""The seed documents of zero trust, as they stand but for the address of keys: mutual TLS by namespace and by workload, deny-all with exceptions,
tokens of an issuer that serves its keys over TLS. On both data planes; `weft explain` says of every call what becomes of it."""

import json
import shutil

import pytest

from certificates import Authority
from issuer import Issuer
from manifests import ECHO, SLEEP, namespace, python, service, workload
from mesh import SEEDS, until
from test_issuer import HTTPS_FILES, operator

pytestmark = pytest.mark.patient

# Where the issuer's keys are: the address that the documents name is nobody's here.
NAMED, SERVED = "https://auth.example.com/.well-known/", "https://issuer.login.svc.cluster.local/.well-known/"
# Where the callers are; those of `outside` and the pod of `legacy` have no sidecar that could speak for them.
CALLERS = {"order-service": "production", "api-gateway": "production", "stranger": "production", "prometheus": "monitoring",
           "frontend": "default", "visitor": "default", "plain": "outside"}
# Who serves something: the application on 8080.
SERVERS = [("payment-service", "production"), ("order-service", "production"), ("api-gateway", "production"),
           ("legacy-db-client", "production"), ("api-service", "default"), ("frontend", "default")]
PAYMENT, GATEWAY, API = "payment-service.production", "api-gateway.production", "api-service.default"
CUT, DENIED, WELL = "000", "403", "200"


def text_of(*prefixes):
    """Seeds as they stand, but for where keys are."""
    text = "".join("---\n" + file.read_text() for prefix in prefixes for file in SEEDS.glob(f"{prefix}-*.yaml"))
    return text.replace(NAMED, SERVED)


@pytest.fixture(scope="module")
def authorities(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trust")
    return Issuer(folder), Issuer(folder, "stranger"), Authority(folder, "root")


@pytest.fixture(scope="module")
def trust(mesh_of, authorities, tmp_path_factory):
    ours, _, root = authorities
    folder = tmp_path_factory.mktemp("served")
    (folder / ".well-known").mkdir()
    (folder / ".well-known/jwks.json").write_text(ours.keys())
    for file, end in zip(root.sign("server", "issuer.login.svc.cluster.local"), ("crt", "key"), strict=True):
        shutil.copy(file, folder / f"server.{end}")
    text = "".join(namespace(name) for name in ("production", "monitoring", "default")) + namespace("outside", "") + namespace("login", "")
    containers = {}
    for name, place in CALLERS.items():
        containers.setdefault((name, place), []).append(SLEEP)
    for name, place in SERVERS:
        containers.setdefault((name, place), []).append(ECHO)
        text += service(name, place, "{name: http, port: 8080}")
    text += "".join(workload(name, place, *own) for (name, place), own in containers.items())
    text += workload("issuer", "login", f"{python(HTTPS_FILES, 8443, folder)}, readinessProbe: {{tcpSocket: {{port: 8443}}}}")
    text += service("issuer", "login", "{name: https, port: 443, targetPort: 8443}")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PILOT_JWT_PUB_KEY_REFRESH_INTERVAL", "1s")
        yield mesh_of(text + operator(root))


def ask(mesh, caller, method, host, path, token=None):
    shown = ["-H", f"authorization: Bearer {token}"] if token else []
    return mesh.code(CALLERS[caller], f"deploy/{caller}", "-X", method, *shown, f"http://{host}:8080{path}")


def explained(mesh, caller, method, host, path, token=None):
    """What `weft explain` says becomes of the call, as a status; a call that ends at TLS has none."""
    args = ["--from", f"{caller}.{CALLERS[caller]}", "--to", f"{host}:8080", method, path]
    shown = ["--jwt", "/dev/stdin"] if token else []
    said = json.loads(mesh.weft("explain", *args, *shown, "-o", "json", stdin=token).stdout)
    return {"routed": WELL, "denied": str(said.get("status") or CUT)}.get(said["outcome"], CUT)


def judge(mesh, seeds, rows):
    """With these seeds in force every row ends as it says: caller, method, host, path, status, and a token where there is one."""
    text = text_of(*seeds)
    mesh.apply_text(text)
    try:
        differs = []

        def right():
            differs[:] = [f"{row[:5]}: {came}" for row in rows if (came := ask(mesh, *row[:4], *row[5:])) != row[4]]
            return not differs

        until(lambda: "\n".join(differs), right)
        said = [f"{row[:5]}: {came}" for row in rows if (came := explained(mesh, *row[:4], *row[5:])) != row[4]]
        assert not said, "weft explain says otherwise:\n" + "\n".join(said)
    finally:
        mesh.kubectl("delete", "--ignore-not-found", "-f", "-", stdin=text)


@pytest.mark.parametrize("seed", ["s0-01", "s2-03", "s3-05"])
def test_the_whole_mesh_takes_only_its_own_tls(trust, seed):
    judge(trust, [seed], [
        ("plain", "GET", PAYMENT, "/", CUT), ("plain", "GET", API, "/", CUT),
        ("stranger", "GET", PAYMENT, "/", WELL), ("visitor", "GET", PAYMENT, "/", WELL), ("stranger", "GET", API, "/", WELL),
    ])


def test_a_namespace_that_migrates_takes_plain_text_beside_a_mesh_that_does_not(trust):
    judge(trust, ["s0-01", "s1-10"], [
        ("plain", "GET", PAYMENT, "/", WELL), ("plain", "GET", API, "/", CUT), ("visitor", "GET", PAYMENT, "/", WELL),
    ])


def test_one_workload_of_a_strict_namespace_takes_plain_text(trust):
    judge(trust, ["s1-09", "s1-11"], [
        ("plain", "GET", PAYMENT, "/", CUT), ("plain", "GET", "legacy-db-client.production", "/", WELL), ("plain", "GET", API, "/", WELL),
        ("stranger", "GET", PAYMENT, "/", WELL), ("stranger", "GET", "legacy-db-client.production", "/", WELL),
    ])


def test_deny_all_and_one_service_that_two_accounts_and_a_namespace_may_call(trust):
    paid, refund, metrics = "/api/v1/payments/7", "/api/v1/refunds/1", "/metrics"
    judge(trust, ["s1-09", "s1-12", "s1-13"], [
        *((caller, method, PAYMENT, path, WELL)
          for caller in ("order-service", "api-gateway") for method in ("GET", "POST") for path in (paid, refund)),
        ("prometheus", "GET", PAYMENT, metrics, WELL), ("prometheus", "POST", PAYMENT, metrics, DENIED),
        ("prometheus", "GET", PAYMENT, paid, DENIED), ("order-service", "GET", PAYMENT, metrics, DENIED),
        ("order-service", "DELETE", PAYMENT, paid, DENIED), ("order-service", "GET", PAYMENT, "/api/v1/payments", DENIED),
        ("order-service", "GET", PAYMENT, "/api/v1/users/1", DENIED), ("order-service", "GET", PAYMENT, "/api/v1/payments/../users", DENIED),
        ("stranger", "GET", PAYMENT, paid, DENIED), ("visitor", "GET", PAYMENT, paid, DENIED), ("plain", "GET", PAYMENT, paid, CUT),
        ("stranger", "GET", "order-service.production", "/", DENIED), ("stranger", "GET", API, "/", WELL),
    ])


def test_only_the_frontend_calls_the_api(trust):
    judge(trust, ["s3-05", "s3-06"], [
        ("frontend", "GET", API, "/api/orders", WELL), ("frontend", "POST", API, "/api/orders", WELL),
        ("frontend", "DELETE", API, "/api/orders", DENIED), ("frontend", "GET", API, "/admin", DENIED),
        ("visitor", "GET", API, "/api/orders", DENIED), ("order-service", "GET", API, "/api/orders", DENIED),
        ("visitor", "GET", "frontend.default", "/", DENIED), ("visitor", "GET", PAYMENT, "/", WELL), ("plain", "GET", API, "/api/orders", CUT),
    ])


def test_users_bring_tokens_of_the_issuer_whose_keys_are_served(trust, authorities):
    ours, other, _ = authorities
    good, stolen = ours.token(), other.token()
    wrong = [(DENIED, ours.token(aud="web.example.com")), ("401", ours.token(iss="https://evil.example.com")), ("401", stolen),
             ("401", ours.token(exp=1_600_000_000)), ("401", ours.unsigned()), ("401", "a.b.c")]
    rows = [("stranger", "GET", GATEWAY, "/orders", WELL, good), ("stranger", "GET", GATEWAY, "/orders", DENIED),
            ("stranger", "GET", GATEWAY, "/health", WELL), ("stranger", "GET", GATEWAY, "/ready", WELL),
            ("visitor", "GET", API, "/orders", WELL, good), ("visitor", "GET", API, "/health", DENIED)]
    rows += [("stranger", "GET", host, path, status, token) for status, token in wrong for host, path in ((GATEWAY, "/health"), (API, "/orders"))]
    judge(trust, ["s1-14", "s1-15", "s3-07"], rows)
