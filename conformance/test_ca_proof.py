"""What the certificate service takes as proof, asked by grpcio with requests of openssl's: tokens, and certificates of the mesh."""

import json
import pathlib

import pytest

from certificates import Authority, openssl
from manifests import SLEEP, deployment, namespace
from mesh import PEERS, running, until

pytestmark = pytest.mark.patient

CLIENT = pathlib.Path(__file__).resolve().parent / "ca_client.py"
PODS = "".join([
    namespace("pki", ""),
    *(f"---\napiVersion: v1\nkind: ServiceAccount\nmetadata: {{name: {name}, namespace: pki}}\n" for name in ("web", "admin")),
    *(f"""---
apiVersion: v1
kind: Pod
metadata: {{name: {name}, namespace: pki}}
spec: {{serviceAccountName: {account}, containers: [{{name: app, {SLEEP}}}]}}
""" for name, account in (("web-0", "web"), ("admin-0", "admin"))),
    deployment("asker", "pki", SLEEP),
])


class Asker:
    """Somebody in the mesh who asks for certificates."""

    def __init__(self, mesh, folder):
        self.mesh, self.folder = mesh, folder

    def token(self, account, audience="istio-ca", pod=None):
        """A token of a service account, bound to its pod."""
        return self.mesh.kubectl("create", "token", account, "-n", "pki", "--audience", audience,
                                 "--bound-object-kind", "Pod", "--bound-object-name", pod or f"{account}-0").strip()

    def request(self, account, domain="cluster.local"):
        """A new key, and a request for that account's identity."""
        key, csr = self.folder / "leaf.key", self.folder / "leaf.csr"
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/O=asker", "-keyout", key, "-out", csr,
                "-addext", f"subjectAltName=URI:spiffe://{domain}/ns/pki/sa/{account}")
        return key.read_text(), csr.read_text()

    def ask(self, account, token=None, shown=None, seconds=3600, **request):
        """What is answered, with the new key when it is a certificate."""
        key, csr = self.request(account, **request)
        roots = self.mesh.get("-n", "pki", "configmap/istio-ca-root-cert")["data"]["root-cert.pem"]
        question = {"roots": roots, "csr": csr, "seconds": seconds, "token": token}
        if shown:
            question |= {"chain": shown["chain"], "key": shown["key"]}
        done = self.mesh.run(self.mesh.peers / "kubectl", "exec", "-i", "-n", "pki", "deploy/asker", "--", PEERS / "python", CLIENT,
                             stdin=json.dumps(question))
        answer = json.loads(done.stdout)
        if answer["code"] == "OK":
            answer |= {"key": key, "chain": "".join(answer["chain"][:-1])}
        return answer

    def refused(self, code, why, *args, **kwargs):
        answer = self.ask(*args, **kwargs)
        assert answer["code"] == code and why in answer["why"], answer

    def refusals(self):
        text = self.mesh.exec("pki", "deploy/asker", "curl", "-sS", "http://istiod.istio-system.svc:15014/metrics").stdout
        lines = [line for line in text.splitlines() if line.startswith("weft_ca_refusals_total")]
        return {line.split('"')[1]: int(line.rsplit(" ", 1)[1]) for line in lines}


@pytest.fixture(scope="module")
def asker(tmp_path_factory):
    """The service is the same whatever plane the pods have, and these have none."""
    folder = tmp_path_factory.mktemp("ca")
    with running(folder / "mesh.yaml", PODS) as mesh:
        yield Asker(mesh, folder)


def identity(folder, chain):
    """The URI of a certificate, as openssl reads it."""
    (folder / "shown.pem").write_text(chain)
    out = folder / "shown.txt"
    openssl("x509", "-in", folder / "shown.pem", "-noout", "-ext", "subjectAltName", "-out", out)
    return out.read_text().split("URI:")[1].strip()


def test_a_token_proves_its_own_account_and_pod_alone(asker):
    token = asker.token("web")
    own = asker.ask("web", token)
    assert own["code"] == "OK" and identity(asker.folder, own["chain"]) == "spiffe://cluster.local/ns/pki/sa/web", own
    asker.refused("PERMISSION_DENIED", "sa/admin", "admin", token)
    asker.refused("UNAUTHENTICATED", "audience", "web", asker.token("web", audience="vault"))
    head, body, signature = token.split(".")
    other = asker.token("admin").split(".")[1]
    for stolen in (f"{head}.{other}.{signature}", f"{head}.{body}.", "x", f"{token}x"):
        answer = asker.ask("admin", stolen)
        assert answer["code"] == "UNAUTHENTICATED", answer
    found = asker.refusals()
    assert found["other_identity"] == 1 and found["audience"] == 1 and found["unreadable_token"] == 4, found


def test_a_certificate_proves_the_account_that_it_names(asker):
    shown = asker.ask("web", asker.token("web"))
    again = asker.ask("web", shown=shown)
    assert again["code"] == "OK" and identity(asker.folder, again["chain"]) == "spiffe://cluster.local/ns/pki/sa/web", again
    asker.refused("PERMISSION_DENIED", "sa/admin", "admin", shown=again)
    asker.refused("UNAUTHENTICATED", "send a service-account token", "web")


def test_a_certificate_and_a_token_must_not_differ_and_a_bad_token_is_bad(asker):
    shown = asker.ask("web", asker.token("web"))
    assert asker.ask("web", asker.token("web"), shown)["code"] == "OK"
    asker.refused("PERMISSION_DENIED", "but the certificate proves pki/web", "admin", asker.token("admin"), shown)
    asker.refused("UNAUTHENTICATED", "token", "web", "junk", shown)
    assert asker.refusals()["proofs_differ"] == 1


def test_a_certificate_of_another_root_or_domain_proves_nothing(asker):
    foreign = Authority(asker.folder, "foreign")
    key, certificate = asker.folder / "forged.key", asker.folder / "forged.crt"
    extensions = asker.folder / "forged.ext"
    for domain in ("cluster.local", "elsewhere"):
        key.write_text(asker.request("web", domain)[0])
        extensions.write_text(f"subjectAltName=URI:spiffe://{domain}/ns/pki/sa/web\n")
        openssl("x509", "-req", "-in", asker.folder / "leaf.csr", "-CA", foreign.certificate, "-CAkey", foreign.key, "-CAcreateserial",
                "-days", "2", "-extfile", extensions, "-out", certificate)
        forged = {"chain": certificate.read_text(), "key": key.read_text()}
        asker.refused("UNAUTHENTICATED", "not of this mesh", "web", shown=forged)
    assert asker.refusals()["foreign_certificate"] == 2


def test_a_certificate_ends_with_its_time_and_with_its_pod(asker):
    short = asker.ask("admin", asker.token("admin"), seconds=2)
    until("its end", lambda: "not valid now" in asker.ask("admin", shown=short).get("why", ""))
    assert asker.ask("admin", asker.token("admin"), short)["code"] == "OK", "a token brings a new one nevertheless"
    shown = asker.ask("web", asker.token("web"))
    asker.mesh.kubectl("delete", "pod", "web-0", "-n", "pki", "--grace-period=0", "--force")
    asker.refused("UNAUTHENTICATED", "does not exist any more", "web", shown=shown)
    found = asker.refusals()
    assert found["expired_certificate"] >= 1 and found["holder_gone"] == 1, found
