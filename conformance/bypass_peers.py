"""The second half of the table of test_bypass.py: who somebody is, doors of proxies and of the control plane, and the gateway.

Certificates are those that the mesh's root would have to sign for somebody who looks like another; tokens are the test's, by name.
"""

import bypass
from bypass import MARK, SETTINGS, Row, control, get, plain
from certificates import openssl
from malformed_h2 import fr, hd

FRIEND = "spiffe://cluster.local/ns/vault/sa/friend"
# Alternative names of certificates that somebody shows, by what is odd about them.
NAMES = {
    "friend": [f"URI:{FRIEND}"],
    "another account": ["URI:spiffe://cluster.local/ns/vault/sa/other"],
    "a longer account": [f"URI:{FRIEND}2"],
    "a shorter account": [f"URI:{FRIEND[:-1]}"],
    "a path behind the account": [f"URI:{FRIEND}/x"],
    "a slash behind the account": [f"URI:{FRIEND}/"],
    "a query behind the account": [f"URI:{FRIEND}?x"],
    "a fragment behind the account": [f"URI:{FRIEND}\\#x"],
    "a path up to the account": ["URI:spiffe://cluster.local/ns/vault/sa/x/../friend"],
    "an escaped account": ["URI:spiffe://cluster.local/ns/vault/sa/%66riend"],
    "an account in capitals": ["URI:spiffe://cluster.local/ns/vault/sa/Friend"],
    "a trust domain in front": ["URI:spiffe://evil.cluster.local/ns/vault/sa/friend"],
    "a trust domain behind": ["URI:spiffe://cluster.local.evil/ns/vault/sa/friend"],
    "another trust domain": ["URI:spiffe://evil.example/ns/vault/sa/friend"],
    "a trust domain with a port": ["URI:spiffe://cluster.local:1/ns/vault/sa/friend"],
    "a user before the trust domain": ["URI:spiffe://x@cluster.local/ns/vault/sa/friend"],
    "a namespace that begins so": ["URI:spiffe://cluster.local/ns/vault2/sa/friend"],
    "another scheme": ["URI:https://cluster.local/ns/vault/sa/friend"],
    "the name as a host": [f"DNS:{FRIEND[9:].replace('/', '.')}"],
    "the name as mail": ["email:friend@vault.cluster.local"],
}
TWO = {
    "two names": [f"URI:{FRIEND}", "URI:spiffe://cluster.local/ns/far/sa/other"],
    "two names, the other way": ["URI:spiffe://cluster.local/ns/far/sa/other", f"URI:{FRIEND}"],
}
SPACES = {
    "a namespace inside of an account": ["URI:spiffe://cluster.local/ns/far/sa/x/ns/vault/sa/y"],
    "a namespace before the namespace": ["URI:spiffe://cluster.local/x/ns/vault/ns/far/sa/y"],
}
ONE_NAME = "Envoy asks whether any name of a certificate fits; an identity is one name (SPIFFE X.509-SVID, 2)"
# Names that are not of the mesh end in the handshake already.
FOREIGN = ("a trust domain in front", "a trust domain behind", "another trust domain", "a trust domain with a port", "a user before the trust domain",
           "another scheme", "the name as a host", "the name as mail")


class Certificates:
    """Certificates of an authority for odd names, in files of a folder."""

    def __init__(self, folder, certificate, key):
        self.folder, self.certificate, self.key = folder, certificate, key

    def sign(self, name, names, days=2):
        """A certificate with these alternative names; answers the files of it and its key."""
        made = [self.folder / f"{name.replace(' ', '-')}.{end}" for end in ("crt", "key", "csr", "ext")]
        certificate, key, request, extensions = made
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=" + FRIEND[9:].replace("/", "\\/"), "-keyout", key, "-out", request)
        extensions.write_text(f"subjectAltName={','.join(names)}\nbasicConstraints=CA:FALSE\nextendedKeyUsage=clientAuth,serverAuth\n")
        openssl("x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self.key, "-CAcreateserial", "-days", days,
                "-extfile", extensions, "-out", certificate)
        key.chmod(0o644)
        return [str(certificate), str(key)]


PEERS = [
    control("callers", get(b"/friend"), "who may call", shown="friend"),
    control("callers", get(b"/space"), "whose namespace may call", shown="friend"),
    Row("callers", "in plain text", get(b"/friend")),
    Row("callers", "in plain text, with the name in a field", get(b"/friend", f"X-Forwarded-Client-Cert: URI={FRIEND}".encode())),
    *[Row("callers", name, get(b"/friend"), "" if name in FOREIGN else "403", shown=name) for name in NAMES if name != "friend"],
    *[Row("callers", name, get(b"/friend"), "", ONE_NAME, shown=name) for name in TWO],
    *[Row("callers", f"{name}, for its namespace", get(b"/space"), shown=name) for name in ("a namespace that begins so", *SPACES)],
    Row("callers", "of another root", get(b"/friend"), "", shown="foreign"),
    Row("callers", "expired", get(b"/friend"), "", shown="expired"),
    Row("callers", "signed by itself", get(b"/friend"), "", shown="own"),
    Row("callers", "signed by a pod's certificate", get(b"/friend"), "", shown="leaf"),
    Row("callers", "an address in a field", get(b"/block", b"X-Forwarded-For: 203.0.113.9", b"X-Real-IP: 203.0.113.9", b"X-Envoy-External-Address: 203.0.113.9")),
    Row("callers", "an address of a mapped form in a field", get(b"/block", b"X-Forwarded-For: ::ffff:203.0.113.9")),
    Row("callers", "from another namespace's pod", get(b"/friend"), by="other"),
    Row("callers", "from another namespace's pod, with the name in a field", get(b"/friend", f"X-Forwarded-Client-Cert: URI={FRIEND}".encode()), by="other"),
    Row("callers", "straight to the pod's address, from a meshed pod", get(b"/friend"), by="other", address=True),
    Row("callers", "the name of a certificate for the application to believe", plain(b"/free", b"X-Forwarded-Client-Cert: URI=" + MARK), "200"),
    control("strict", get(b"/"), "with a certificate", shown="friend"),
    Row("strict", "in plain text", get(b"/"), ""),
    Row("strict", "in plain text, HTTP/2", bypass.h2(b"/"), ""),
    Row("strict", "in plain text, straight to the pod's address", get(b"/"), "", address=True),
    Row("strict", "in plain text, to the port of the proxy", get(b"/"), "", port=15006, address=True),
    Row("strict", "with a certificate, to the port of the proxy", get(b"/"), "", port=15006, address=True, shown="friend"),
    Row("strict", "TLS without a certificate", get(b"/"), "", shown="nobody"),
    Row("strict", "of another root", get(b"/"), "", shown="foreign"),
    Row("strict", "expired", get(b"/"), "", shown="expired"),
    Row("strict", "through the port for what goes out", get(b"/"), "", port=15001, address=True),
]


def asked(path, method=b"GET"):
    return get(path, method=method)


def door(name, port, raw, refused="", **more):
    return Row("barred", f"{name} ({port})", raw, refused, port=port, address=True, answers=True, **more)


DOORS = [
    control("barred", asked(b"/healthz/ready"), "health", port=15021, address=True, answers=True),
    control("barred", asked(b"/stats/prometheus"), "metrics", port=15090, address=True, answers=True),
    door("admin port", 15000, asked(b"/config_dump"), "*"),
    door("admin port, to end it", 15000, asked(b"/quitquitquit", b"POST"), "*"),
    door("port of health, to end it", 15020, asked(b"/quitquitquit", b"POST"), "*"),
    door("port of health, for the configuration", 15020, asked(b"/config_dump"), "*"),
    door("port of health, up again", 15021, asked(b"/healthz/ready/../../config_dump"), "*"),
    door("port of health, to end it", 15021, asked(b"/quitquitquit", b"POST"), "*"),
    door("port of metrics, for the configuration", 15090, asked(b"/config_dump"), "*"),
    door("port of metrics, for certificates", 15090, asked(b"/stats/prometheus/../../certs"), "*"),
    door("port of metrics, to end it", 15090, asked(b"/quitquitquit", b"POST"), "*"),
    door("port of the agent", 15004, asked(b"/config_dump"), "*"),
]
GATE = "istio-ingressgateway.istio-system"


def gate(name, raw, *rest, **more):
    return Row(GATE, name, raw, *rest, port=80, **more)


def seen(chain, *fields):
    return get(b"/free", b"X-Forwarded-For: " + chain, *fields)


GATEWAY = [
    control(GATE, seen(b"203.0.113.9"), "an address that may pass, told by the proxy before", port=80),
    control(GATE, seen(b"198.51.100.1, 203.0.113.9"), "the same behind another", port=80),
    gate("nobody told an address", get(b"/free")),
    gate("an address that the client told the proxy before", seen(b"203.0.113.9, 198.51.100.1")),
    gate("the same in two fields", seen(b"203.0.113.9", b"X-Forwarded-For: 198.51.100.1")),
    gate("twice", seen(b"203.0.113.9, 203.0.113.9, 198.51.100.1")),
    gate("in other fields", get(b"/free", b"X-Real-IP: 203.0.113.9", b"Forwarded: for=203.0.113.9", b"True-Client-IP: 203.0.113.9",
                                b"X-Envoy-External-Address: 203.0.113.9", b"X-Envoy-Internal: true")),
    gate("no address", seen(b"203.0.113.9, nobody")),
    gate("an address with a port that is denied", seen(b"203.0.113.9, 198.51.100.1:80")),
    gate("an empty end", seen(b"203.0.113.9, ")),
    gate("a mapped address that is denied", seen(b"::ffff:198.51.100.1")),
    gate("the field is of this hop", seen(b"198.51.100.1", b"Connection: x-forwarded-for"), "*"),
    gate("a name of a certificate for the application to believe", plain(b"/free", b"X-Forwarded-For: 203.0.113.9", b"X-Forwarded-Client-Cert: URI=" + MARK), "200"),
    gate("a claim about the caller's proxy", plain(b"/free", b"X-Forwarded-For: 203.0.113.9", b"X-Envoy-Peer-Metadata-Id: " + MARK, b"X-Envoy-Peer-Metadata: " + MARK), "200",
         "an Envoy hands on what the proxies of the mesh say to each other, where none of its filters reads it"),
]


def number(value):
    out = b""
    while value > 127:
        out, value = out + bytes([value % 128 + 128]), value // 128
    return out + bytes([value])


def part(tag, value):
    """A part of a protobuf message that has a length."""
    value = value.encode() if isinstance(value, str) else value
    return number(tag << 3 | 2) + number(len(value)) + value


def call(path, message, token, last=True):
    """A call of gRPC on a connection of its own."""
    fields = [(b":method", b"POST"), (b":scheme", b"https"), (b":authority", b"istiod.istio-system.svc:15012"), (b":path", path.encode()),
              (b"content-type", b"application/grpc"), (b"te", b"trailers")]
    fields += [(b"authorization", f"Bearer {token}".encode())] if token else []
    return SETTINGS + hd(fields, 4) + fr(0, int(last), 1, b"\0" + len(message).to_bytes(4, "big") + message)


ISTIOD = "istiod.istio-system.svc"


def control_plane(tokens, csr, other, pods):
    """What a pod may not ask of the control plane. `csr` has no name, `other` somebody else's. A pod of `pods` is (address, name, namespace)."""
    def sign(token, csr=csr):
        return call("/istio.v1.auth.IstioCertificateService/CreateCertificate", part(1, csr), token)

    def stream(token, pod):
        address, name, place = pods[pod]
        node = part(1, f"sidecar~{address}~{name}.{place}~{place}.svc.cluster.local")
        message = part(2, node) + part(4, "type.googleapis.com/envoy.config.cluster.v3.Cluster")
        return call("/envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources", message, token, last=False)

    def secure(name, raw, *rest, **more):
        return Row(ISTIOD, name, raw, *rest, port=15012, shown="nobody", answers=True, **more)

    return [
        secure("own token, for a certificate", sign(tokens["own"]), "200 grpc 0", control=True),
        secure("own token, for the own configuration", stream(tokens["own"], "friend"), "200", control=True),
        secure("own token, for another's certificate", sign(tokens["own"], other), "*grpc 7"),
        secure("no token, for a certificate", sign(None), "*grpc 16"),
        secure("a token for somebody else, for a certificate", sign(tokens["audience"]), "*grpc 16"),
        secure("a token of a pod that is gone, for a certificate", sign(tokens["gone"]), "*grpc 16"),
        secure("a token of nobody, for a certificate", sign(bypass.TOKENS["ann"]), "*grpc 16"),
        secure("a token without a signature, for a certificate", sign(tokens["own"].rsplit(".", 1)[0] + "."), "*grpc 16"),
        secure("a token with another's signature, for a certificate", sign(tokens["mixed"]), "*grpc 16"),
        secure("own token, for another pod's configuration", stream(tokens["own"], "strict"), "*grpc 7"),
        secure("another pod's token, for the own configuration", stream(tokens["other"], "friend"), "*grpc 7"),
        secure("another namespace's token, for a pod's configuration", stream(tokens["other"], "strict"), "*grpc 7"),
        secure("no token, for the own configuration", stream(None, "friend"), "*grpc 16"),
        secure("a token for somebody else, for the own configuration", stream(tokens["audience"], "friend"), "*grpc 16"),
        Row(ISTIOD, "the port without TLS, for the own configuration", stream(tokens["own"], "friend"), "*", port=15010, answers=True),
    ]


ALL = [*PEERS, *DOORS, *GATEWAY]
