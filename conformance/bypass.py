"""Attempts to get past the mesh's rules, and what each gets: the table of test_bypass.py.

A row: who is attacked, a name, the bytes, and the statuses with which weft-proxy refuses it (nothing where the connection is ended
without a word; behind `*`, a part of what is said, which is no success). The mark in the bytes tells the application's log whether they
reached it. `control` is a request that may pass, so that its group can fail. `open` says that an Envoy lets it pass, and why we do not.
"""

import json
from dataclasses import dataclass

from malformed_h2 import PRE, fr, hd, lit
from mesh import ROOT

TOKENS = json.loads((ROOT / "crates/weft-explain/tests/tokens/signed.json").read_text())
MARK = b"MARK"
SETTINGS = PRE + fr(4, 0, 0)
# Paths in a form of their own.
BASE, MERGE, DECODE = "BASE", "MERGE_SLASHES", "DECODE_AND_MERGE_SLASHES"
LIST = "to Envoy a line with commas is one value; servers may read it as several lines (RFC 9110, 5.3)"


@dataclass
class Row:
    """One attempt. `shown` is the certificate of mutual TLS, `by` the caller, `address` the pod's address instead of its service."""

    to: str
    name: str
    raw: bytes
    refused: str = "403"
    open: str = ""
    control: bool = False
    normal: str = BASE
    port: int = 8080
    shown: str = ""
    by: str = "plain"
    address: bool = False
    # Nothing but an answer shows that it got through.
    answers: bool = False

    @property
    def key(self):
        return f"{self.to}: {self.name}"


def get(path=b"/public/x", *fields, method=b"GET", host=b"good.example"):
    """A request, marked."""
    lines = [b"%s %s HTTP/1.1" % (method, path), b"Host: " + host, b"X-Mark: " + MARK, *fields]
    return b"\r\n".join(lines) + b"\r\n\r\n"


def plain(path=b"/public/x", *fields, method=b"GET"):
    """The same without a mark."""
    return get(path, *fields, method=method).replace(b"X-Mark: MARK\r\n", b"")


INNER = get(b"/admin")


def behind(*fields, body=b"0\r\n\r\n"):
    """A request that may pass, with a marked one behind it that may not."""
    return plain(b"/public/x", *fields, method=b"POST") + body + INNER


def h2(path=b"/public/x", *fields, method=b"GET", authority=b"good.example", first=()):
    """A request of HTTP/2 on a connection of its own."""
    head = [*first, (b":method", method), (b":scheme", b"http"), (b":authority", authority), (b":path", path)]
    return SETTINGS + hd([(name, value) for name, value in head if value is not None] + [(b"x-mark", MARK), *fields])


def control(to, raw, name="a request that may pass", twice=False, **more):
    return Row(to, name, raw, "200 200" if twice else "200", control=True, **more)


def paths(to, normal, refused, *written):
    return [Row(to, f"{path.decode('latin-1')} ({normal})", get(path), refused, normal=normal) for path in written]


PATHS = [
    control("paths", get()),
    control("paths", get(b"/public/./x?y=/../admin"), "a path that may pass, not normal"),
    *paths("paths", BASE, "403", b"/admin", b"/public/../admin", b"/public/%2e%2e/admin", b"/public/.%2E/admin", b"/public\\..\\admin",
           b"/./admin", b"//admin", b"/PUBLIC/x", b"/publicity", b"/public;/../admin", b"/admin;/public/x", b"/admin;x=1", b"/ADMIN",
           b"/p%75blic/../admin", b"/public%2f..%2fadmin", b"/admin?/public/x", b"/%2e%2e/admin", b"/public%20/x", b"/public./x"),
    *paths("paths", BASE, "400", b"/public/..%00/admin", b"/public/%00", b"/admin#/public/x", b"/public#/../admin", b"/public/\xc0\xae\xc0\xae/admin"),
    Row("paths", "a path parameter behind dots", get(b"/public/..;/admin"), "400"),
    Row("paths", "a path parameter behind escaped dots", get(b"/public/%2e%2e;x=1/admin"), "400", "to Envoy this is a name like others; servers with path parameters go up"),
    Row("paths", "absolute form", get(b"http://good.example/admin")),
    Row("paths", "absolute form without a path", get(b"http://good.example?/public/x")),
    Row("paths", "absolute form with a user", get(b"http://good.example/public@good.example/../admin")),
    Row("paths", "two targets", get(b"/public/x HTTP/1.1 /admin"), "400"),
    Row("paths", "the original path in a field", get(b"/admin", b"X-Envoy-Original-Path: /public/x", b"X-Original-URL: /public/x", b"X-Rewrite-URL: /public/x")),
    Row("paths", "another method in a field", get(method=b"DELETE", path=b"/public/x")),
    Row("paths", "a method that overrides", get(b"/public/x", b"X-HTTP-Method-Override: GET", b"X-Method-Override: GET", method=b"DELETE")),
    Row("paths", "a method in lower case", get(method=b"get"), "400"),
    Row("paths", "a method beside one", get(method=b"GET/public"), "400"),
    Row("paths", "TRACE", get(b"/public/x", method=b"TRACE")),
    Row("paths", "CONNECT", get(b"good.example:8080", method=b"CONNECT")),
    Row("paths", "CONNECT to a path", get(b"/public/x", method=b"CONNECT"), "400"),
    Row("paths", "the second of two on a connection", plain() + INNER, "200 403"),
    Row("paths", "a WebSocket to another path", get(b"/admin", b"Connection: Upgrade", b"Upgrade: websocket", b"Sec-WebSocket-Version: 13")),
    Row("paths", "behind a WebSocket that the server refused", plain(b"/public/x", b"Connection: Upgrade", b"Upgrade: websocket") + INNER, "200"),
    Row("paths", "an upgrade to h2c", plain(b"/public/x", b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: AAMAAABk") + INNER, "200 403"),
    Row("paths", "an upgrade to something else", get(b"/public/x", b"Connection: Upgrade", b"Upgrade: tcp")),
    Row("paths", "another method of gRPC", get(b"/pkg.Reader/Read/../../pkg.Writer/Write", b"Content-Type: application/grpc", method=b"POST"), "200"),
    control("paths", get(b"/pkg.Reader/Read", b"Content-Type: application/grpc", method=b"POST"), "a method of gRPC"),
    Row("paths", "a method of gRPC in another case", get(b"/pkg.reader/read", b"Content-Type: application/grpc", method=b"POST"), "200"),
]
SLASHES = [
    control("barred", get(b"/a//b"), "double slashes, merged", normal=MERGE),
    *paths("barred", MERGE, "403", b"//admin", b"///admin//x", b"/x/..//admin", b"/x//../../admin", b"/\\admin"),
    *paths("paths", MERGE, "403", b"//public/..//admin", b"/public/../..//admin"),
    control("barred", get(b"/a%2Fb"), "escaped slashes, decoded", normal=DECODE),
    *paths("barred", DECODE, "403", b"/%2Fadmin", b"/%2fadmin", b"/x%2f..%2fadmin", b"/x/..%5cadmin", b"/admin%2fx", b"/%5Cadmin"),
    *paths("paths", DECODE, "403", b"/public%2F..%2Fadmin", b"/public/..%2fadmin", b"/public/%2e%2e%2fadmin"),
]
BARRED = [
    control("barred", get(b"/other")),
    control("barred", get(b"/other", b"X-Role: user"), "a role that may pass"),
    *paths("barred", BASE, "403", b"/admin", b"/admin/x", b"/admin/", b"/admin/.", b"/x/../admin", b"/x/%2e%2e/admin", b"/%61dmin", b"/\\../admin",
           b"/admin?x", b"/.//../admin", b"/admin/x/..%2f"),
    *paths("barred", BASE, "400", b"/admin%00", b"/other#/../admin"),
    *[Row("barred", f"host {host.decode()}", get(b"/other", host=host)) for host in (b"evil.example", b"EVIL.example", b"evil.example:8080", b"evil.EXAMPLE:1")],
    *[Row("barred", f"host {host.decode()}", get(b"/other", host=host), open="to Envoy a name with a dot behind it is another name; servers and DNS take it for the same")
      for host in (b"evil.example.", b"evil.example.:8080")],
    Row("barred", "absolute form of another host", get(b"http://evil.example/other")),
    Row("barred", "two hosts", get(b"/other", b"Host: evil.example"), "400", "Envoy joins both, which is neither"),
    Row("barred", "two hosts, the other way", get(b"/other", b"Host: good.example", host=b"evil.example"), "400", "the same"),
    Row("barred", "a user before the host", get(b"/other", host=b"good.example@evil.example"), "400", "a host has no user"),
    Row("barred", "a field of a denied value", get(b"/other", b"x-role: blocked")),
    Row("barred", "its name in capitals", get(b"/other", b"X-ROLE: blocked")),
    Row("barred", "blanks around its value", get(b"/other", b"X-Role:  \t blocked \t")),
    Row("barred", "the field again with another value", get(b"/other", b"X-Role: blocked", b"X-Role: user")),
    Row("barred", "the field again, the other way", get(b"/other", b"X-Role: user", b"X-Role: blocked")),
    Row("barred", "a list with the value", get(b"/other", b"X-Role: user, blocked"), open=LIST),
    Row("barred", "a field whose name ends in a blank", get(b"/other", b"X-Role : blocked"), "400"),
    Row("barred", "a field with NUL", get(b"/other", b"X-Role: blocked\0"), "400"),
    Row("barred", "a folded field", get(b"/other", b"X-Role:", b" blocked"), "400"),
    Row("barred", "another method in a field", get(b"/other", b"X-HTTP-Method-Override: GET", method=b"DELETE")),
]
ROLES = [
    control("paths", get(b"/named", b"X-Role: admin"), "a role that is asked for"),
    control("paths", get(b"/unless", b"X-Role: user"), "a role that is not refused"),
    Row("paths", "a role with an underscore", get(b"/named", b"X_Role: admin")),
    Row("paths", "two roles", get(b"/named", b"X-Role: user", b"X-Role: admin"), open="to Envoy one of the lines is enough"),
    Row("paths", "a list of roles", get(b"/named", b"X-Role: admin, user")),
    Row("paths", "a role with blanks inside", get(b"/named", b"X-Role: a dmin")),
    Row("paths", "a role and NUL", get(b"/named", b"X-Role: admin\0"), "400"),
    Row("paths", "a role in a trailer", plain(b"/named", b"Transfer-Encoding: chunked", method=b"POST") + b"0\r\nX-Role: admin\r\nX-Mark: MARK\r\n\r\n"),
    Row("paths", "a refused role", get(b"/unless", b"X-Role: blocked")),
    Row("paths", "a refused role beside another", get(b"/unless", b"X-Role: blocked", b"X-Role: user")),
    Row("paths", "a refused role behind another", get(b"/unless", b"X-Role: user", b"X-Role: blocked")),
    Row("paths", "a refused role in a list", get(b"/unless", b"X-Role: user, blocked"), open=LIST),
]
CHUNKED = b"Transfer-Encoding: chunked"
SMUGGLED = [
    control("paths", plain(b"/public/x", CHUNKED, method=b"POST") + b"3\r\nabc\r\n0\r\n\r\n" + get(), "behind a body of chunks", twice=True),
    Row("paths", "behind a body of chunks, refused", behind(CHUNKED), "200 403"),
    Row("paths", "length and chunks", behind(b"Content-Length: 5", CHUNKED), "400"),
    Row("paths", "chunks and length", behind(CHUNKED, b"Content-Length: 0"), "400"),
    Row("paths", "in what a length covers", plain(b"/public/x", b"Content-Length: %d" % len(INNER), method=b"POST") + INNER, "200"),
    Row("paths", "two lengths", behind(b"Content-Length: 5", b"Content-Length: 0"), "400"),
    Row("paths", "a list of lengths", behind(b"Content-Length: 5, 0"), "400"),
    Row("paths", "a length with a sign", behind(b"Content-Length: +5"), "400"),
    Row("paths", "a coding that looks like chunks", behind(b"Transfer-Encoding: xchunked"), "501"),
    Row("paths", "chunks, and something else", behind(b"Transfer-Encoding: chunked, identity"), "501"),
    Row("paths", "chunks behind a tabulator", behind(b"Transfer-Encoding: \x0bchunked"), "400"),
    Row("paths", "chunks behind a blank before the colon", behind(b"Transfer-Encoding : chunked"), "400"),
    Row("paths", "chunks in a folded line", behind(b"Transfer-Encoding:", b" chunked", b"Content-Length: 5"), "400"),
    Row("paths", "chunks in a field with an underscore", behind(b"Transfer_Encoding: chunked", b"Content-Length: 5"), "200 403"),
    Row("paths", "a line end in a chunk's extension", behind(CHUNKED, body=b"0;a\n\r\n\r\n"), "400"),
    Row("paths", "a size in another base", behind(CHUNKED, body=b"0x0\r\n\r\n"), "400"),
    Row("paths", "a size that is too short", behind(CHUNKED, body=b"1\r\nabc\r\n0\r\n\r\n"), "400"),
    Row("paths", "a bare CR in a value", plain(b"/public/x", b"X-A: 1\r\rGET /admin HTTP/1.1\rX-Mark: MARK"), "400"),
    Row("paths", "HTTP/1.0", plain().replace(b"HTTP/1.1", b"HTTP/1.0") + INNER, "426"),
]
H2 = [
    control("paths", h2(), "a request of HTTP/2"),
    Row("paths", "HTTP/2", h2(b"/admin")),
    Row("paths", "HTTP/2, up again", h2(b"/public/../admin")),
    Row("paths", "HTTP/2, whole URL", h2(b"http://good.example/public/x"), "reset PROTOCOL_ERROR"),
    Row("paths", "HTTP/2, a line end in the path", h2(b"/public/x HTTP/1.1\r\nX-A: b"), "reset PROTOCOL_ERROR"),
    Row("paths", "HTTP/2, a request in a value", h2(b"/public/x", (b"x-a", b"1\r\n\r\nGET /admin HTTP/1.1")), "goaway PROTOCOL_ERROR"),
    Row("paths", "HTTP/2, chunks", h2(b"/public/x", (b"transfer-encoding", b"chunked")), "reset PROTOCOL_ERROR"),
    Row("paths", "HTTP/2, a field of the connection", h2(b"/public/x", (b"connection", b"x-role")), "reset PROTOCOL_ERROR"),
    Row("paths", "HTTP/2, an upgrade", h2(b"/public/x", (b"upgrade", b"websocket")), "reset PROTOCOL_ERROR"),
    Row("paths", "HTTP/2, a method in lower case", h2(method=b"get")),
    Row("paths", "HTTP/2, two paths", h2(b"/public/x", first=[(b":path", b"/admin")]), "reset PROTOCOL_ERROR"),
    Row("paths", "HTTP/2, a WebSocket to another path", h2(b"/admin", method=b"CONNECT", first=[(b":protocol", b"websocket")])),
    Row("paths", "HTTP/2, CONNECT", h2(None, method=b"CONNECT").replace(lit(b":scheme", b"http"), b""), ""),
    Row("barred", "HTTP/2, another host", h2(b"/other", authority=b"evil.example")),
    Row("barred", "HTTP/2, the host in a field", h2(b"/other", (b"host", b"evil.example"), authority=None)),
    Row("barred", "HTTP/2, two hosts", h2(b"/other", authority=b"evil.example", first=[(b":authority", b"good.example")]), "reset PROTOCOL_ERROR"),
    Row("barred", "HTTP/2, a user before the host", h2(b"/other", authority=b"good.example@evil.example"), "reset PROTOCOL_ERROR"),
    Row("barred", "HTTP/2, a denied value", h2(b"/other", (b"x-role", b"user"), (b"x-role", b"blocked"))),
    control("barred", h2(b"/other"), "a request of HTTP/2"),
]


def token(name):
    return b"Authorization: Bearer " + TOKENS[name].encode()


USERS = [
    control("users", get(b"/", token("ann"))),
    Row("users", "no token", get(b"/")),
    Row("users", "a token of somebody else", get(b"/", token("bob"))),
    *[Row("users", f"a token: {name}", get(b"/", token(name)), refused) for name, refused in (
        ("late", "401"), ("early", "401"), ("web", "403"), ("bare", "403"), ("none", "401"), ("shared", "401"), ("tampered", "401"), ("forged", "401"),
        ("stranger", "401"), ("liar", "401"), ("other", "401"), ("two", "401"))],
    Row("users", "a token without its signature", get(b"/", token("ann").rsplit(b".", 1)[0] + b"."), "401"),
    Row("users", "a token without its end", get(b"/", token("ann").rsplit(b".", 1)[0]), "401"),
    Row("users", "two tokens in two places", get(b"/?access_token=" + TOKENS["late"].encode(), token("ann")), "401"),
    Row("users", "two tokens, the other way", get(b"/?access_token=" + TOKENS["ann"].encode(), token("late")), "401"),
    Row("users", "two tokens in one field", get(b"/", token("ann"), token("late")), "401"),
    Row("users", "a token in another field", get(b"/", token("ann").replace(b"Authorization", b"Proxy-Authorization"))),
    Row("users", "a token of another scheme", get(b"/", token("ann").replace(b"Bearer", b"Basic"))),
    *[Row("users", f"a claim of the client's own: {name.decode()}", plain(b"/", token("ann"), name + b": MARK"), "200")
      for name in (b"X-Sub", b"x-sub", b"X-Payload", b"X-Role")],
    Row("users", "a claim of the client's own, twice", plain(b"/", token("ann"), b"X-Sub: MARK", b"X-Sub: MARK"), "200"),
    Row("users", "a claim of the client's own, without a token", plain(b"/free", b"X-Sub: MARK"), "200"),
]
ALL = [*PATHS, *SLASHES, *BARRED, *ROLES, *SMUGGLED, *H2, *USERS]
