"""What a stranger finds out about TLS at a gateway, as testssl would ask it, on both data planes: versions, suites, groups, compression,
staples, ALPN, names, client certificates. docs/gateway-tls.md is the same table for people."""

import socket
import ssl
import subprocess

import pytest

from certificates import Authority, secret
from manifests import ECHO, deployment, namespace, service
from mesh import until

pytestmark = pytest.mark.patient

PATIENCE = 60
# What is taken of TLS 1.2, of every suite that the client's library knows, by the kind of the certificate's key.
SUITES = {
    "ec": {"ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-ECDSA-CHACHA20-POLY1305"},
    "rsa": {"ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-RSA-CHACHA20-POLY1305"},
}
PICKED = "ECDHE-ECDSA-AES256-GCM-SHA384"
SERVERS = {
    "ec": "mode: SIMPLE, credentialName: ec",
    "rsa": "mode: SIMPLE, credentialName: rsa",
    "modern": "mode: SIMPLE, credentialName: ec, minProtocolVersion: TLSV1_3",
    "older": "mode: SIMPLE, credentialName: ec, maxProtocolVersion: TLSV1_2",
    "picky": f"mode: SIMPLE, credentialName: ec, cipherSuites: [{PICKED}]",
    "mutual": "mode: MUTUAL, credentialName: mutual",
}
# Which of the versions each server takes. A client that may speak all of the old ones offers each alone.
VERSIONS = {
    "ec": {"TLSv1.2", "TLSv1.3"},
    "modern": {"TLSv1.3"},
    "older": {"TLSv1.2"},
}
OFFERED = {"TLSv1": ssl.TLSVersion.TLSv1, "TLSv1.1": ssl.TLSVersion.TLSv1_1, "TLSv1.2": ssl.TLSVersion.TLSv1_2,
           "TLSv1.3": ssl.TLSVersion.TLSv1_3}


def gateway():
    """One port with all of the servers, and a route for their hosts."""
    servers = "".join(f"""
    - port: {{number: 443, name: {name}, protocol: HTTPS}}
      hosts: [{name}.example]
      tls: {{{tls}}}""" for name, tls in SERVERS.items())
    hosts = ", ".join(f"{name}.example" for name in SERVERS)
    return f"""---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {{name: front, namespace: shop}}
spec:
  selector: {{istio: ingressgateway}}
  servers:{servers}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: front, namespace: shop}}
spec:
  hosts: [{hosts}]
  gateways: [front]
  http: [{{route: [{{destination: {{host: echo, port: {{number: 8080}}}}}}]}}]
"""


@pytest.fixture(scope="module")
def door(mesh_of, tmp_path_factory):
    folder = tmp_path_factory.mktemp("door")
    root = Authority(folder)
    hosts = [f"{name}.example" for name in SERVERS]
    text = namespace("shop") + service("echo", "shop", "{name: http, port: 8080}") + deployment("echo", "shop", ECHO) + gateway()
    text += secret("ec", "istio-system", *root.sign("ec", *hosts))
    text += secret("rsa", "istio-system", *root.sign("rsa", "rsa.example", kind="rsa"))
    text += secret("mutual", "istio-system", *root.sign("mutual", "mutual.example"), root.certificate)
    mesh = mesh_of(text)
    mesh.folder_of_keys, mesh.client = folder, root.sign("client")
    for name in SERVERS:
        until(f"{name} is served", lambda name=name: shaken(mesh, name, client=mesh.client))
    return mesh


def context_of(mesh, client=None):
    """A client that would take everything its library has."""
    context = ssl.create_default_context(cafile=mesh.folder_of_keys / "root.crt")
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.set_ciphers("ALL:COMPLEMENTOFALL:@SECLEVEL=0")
    if client:
        context.load_cert_chain(*client)
    return context


def shaken(mesh, name, *, client=None, version=None, suite=None, alpn=(), asks=False):
    """(version, suite, protocol of ALPN, compression) of a handshake, None if it was refused. What a server of TLS 1.3 says of the
    client's certificate comes after it, so that who wants to know asks something as well."""
    context = context_of(mesh, client)
    if suite:
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(f"{suite}:@SECLEVEL=0")
    if version:
        context.minimum_version = context.maximum_version = version
    if alpn:
        context.set_alpn_protocols(list(alpn))
    with socket.create_connection(("127.0.0.1", mesh.https), timeout=PATIENCE) as plain:
        try:
            with context.wrap_socket(plain, server_hostname=f"{name}.example") as secure:
                if asks:
                    secure.sendall(f"GET / HTTP/1.1\r\nhost: {name}.example\r\n\r\n".encode())
                    if not secure.recv(1):
                        return None
                return secure.version(), secure.cipher()[0], secure.selected_alpn_protocol(), secure.compression()
        except TimeoutError:
            raise
        except OSError:
            return None


def s_client(mesh, name, *options):
    """What openssl tells of a connection that asks nothing."""
    done = subprocess.run(words(mesh, name, *options), input="", capture_output=True, text=True, timeout=PATIENCE, check=False)
    return done.stdout + done.stderr


def words(mesh, name, *options):
    named = ["-servername", f"{name}.example"] if name else ["-noservername"]
    return ["openssl", "s_client", "-connect", f"127.0.0.1:{mesh.https}", *named, "-CAfile", mesh.folder_of_keys / "root.crt", *options]


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_versions_before_1_2_are_refused_and_limits_are_kept(door):
    for name, expected in VERSIONS.items():
        assert {told for told, version in OFFERED.items() if shaken(door, name, version=version)} == expected, name


def test_suites_of_1_2_are_those_with_forward_secrecy_and_authenticated_encryption(door):
    known = {suite["name"] for suite in context_of(door).get_ciphers() if suite["protocol"] != "TLSv1.3"}
    for name, expected in SUITES.items():
        assert expected < known
        assert {suite for suite in known if shaken(door, name, suite=suite)} == expected, name


def test_a_server_with_suites_takes_no_other(door):
    assert {suite for suite in SUITES["ec"] if shaken(door, "picky", suite=suite)} == {PICKED}


def test_groups(door):
    for group, taken in {"X25519": True, "P-256": True, "P-521": False, "X448": False}.items():
        assert ("Cipher is (NONE)" not in s_client(door, "ec", "-groups", group)) == taken, group


def test_nothing_is_compressed_or_stapled(door):
    told = s_client(door, "ec", "-status")
    assert "OCSP response: no response sent" in told, told
    assert "Compression: NONE" in told and "Verify return code: 0 (ok)" in told, told
    assert shaken(door, "ec")[3] is None


def test_protocols(door):
    for offered, chosen in [(["h2", "http/1.1"], "h2"), (["http/1.1"], "http/1.1"), ([], None)]:
        assert shaken(door, "ec", alpn=offered)[2] == chosen, offered


def test_names_that_no_server_has_are_refused(door):
    for name in ("unknown", None):
        assert "Cipher is (NONE)" in s_client(door, name), name


def test_mutual_servers_serve_nobody_who_is_not_proven(door):
    Authority(door.folder_of_keys, "elsewhere").sign("stranger")
    stranger = [door.folder_of_keys / f"stranger.{end}" for end in ("crt", "key")]
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        assert shaken(door, "mutual", client=door.client, version=version, asks=True)
        assert not shaken(door, "mutual", version=version, asks=True), "no certificate"
        assert not shaken(door, "mutual", client=stranger, version=version, asks=True), "of another authority"
