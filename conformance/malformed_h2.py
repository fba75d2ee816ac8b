"""Connections of HTTP/2 that are broken, or as odd as they may be, and what becomes of each at a gateway of our data plane.

A row: its name, the bytes, and our outcome: what the frames of the answer say, then what became of the connection (behind `*`,
a part of that). Envoy must
serve what we serve and refuse what we refuse (it ends most such connections without a word), but where `envoy` says what else
it does, and `why` ours is better.
"""

import struct
from dataclasses import dataclass

PRE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


@dataclass
class Row:
    """One case of the table."""

    name: str
    raw: bytes
    ours: str
    envoy: str = ""
    why: str = ""

    def flag(self):
        """The flag of the last record in our access log."""
        if self.ours.startswith("502"):
            return "UPE"
        broken = "PROTOCOL" in self.ours or "ENHANCE" in self.ours or "431" in self.ours or self.ours == "close"
        return "DPE" if broken or "_SIZE_" in self.ours or "FLOW" in self.ours else "NR" if "404" in self.ours else "-"


def fr(kind, flags, stream, payload=b""):
    """A frame."""
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def text(data):
    """A string of HPACK, not packed."""
    if len(data) < 127:
        return bytes([len(data)]) + data
    out, left = bytes([127]), len(data) - 127
    while left >= 128:
        out, left = out + bytes([left % 128 + 128]), left // 128
    return out + bytes([left]) + data


def lit(name, value):
    """A field of HPACK that no table knows."""
    return b"\0" + text(name) + text(value)


def block(*fields):
    return b"".join(lit(name, value) for name, value in fields)


def hd(fields, flags=5, stream=1):
    """A HEADERS frame; by default it ends both the fields and the request."""
    return fr(1, flags, stream, block(*fields))


BASE = [(b":method", b"GET"), (b":scheme", b"http"), (b":authority", b"x"), (b":path", b"/")]


def wo(name):
    return [field for field in BASE if field[0] != name]


def w(name, value):
    return [(key, value if key == name else old) for key, old in BASE]


def big(size):
    """A head of about this size, in as many frames as it takes."""
    left, out = block(*BASE, (b"x-a", b"a" * size)), b""
    while left:
        piece, left = left[:16000], left[16000:]
        out += fr(9 if out else 1, (0 if out else 1) | (0 if left else 4), 1, piece)
    return out


P = w(b":method", b"POST")


def row(name, raw, ours, envoy="", why=""):
    """A row whose connection begins as it should."""
    return Row(name, PRE + fr(4, 0, 0) + raw, ours, envoy, why)


bare = Row

ROWS = [
    row("ok", hd(BASE), "200 open"),
    row("uppercase name", hd(BASE + [(b"X-Upper", b"1")]), "goaway PROTOCOL_ERROR close"),
    row("connection", hd(BASE + [(b"connection", b"close")]), "reset PROTOCOL_ERROR open"),
    row("keep-alive", hd(BASE + [(b"keep-alive", b"1")]), "reset PROTOCOL_ERROR open"),
    row("transfer-encoding", hd(BASE + [(b"transfer-encoding", b"chunked")]), "reset PROTOCOL_ERROR open"),
    row("upgrade", hd(BASE + [(b"upgrade", b"websocket")]), "reset PROTOCOL_ERROR open"),
    row("proxy-connection", hd(BASE + [(b"proxy-connection", b"close")]), "reset PROTOCOL_ERROR open"),
    row("te gzip", hd(BASE + [(b"te", b"gzip")]), "reset PROTOCOL_ERROR open"),
    row("te trailers", hd(BASE + [(b"te", b"trailers")]), "200 open"),
    row("unknown pseudo", hd(BASE + [(b":foo", b"1")]), "goaway PROTOCOL_ERROR close"),
    row("pseudo after regular", hd([(b"x-a", b"1")] + BASE), "reset PROTOCOL_ERROR open"),
    row("response pseudo", hd(BASE + [(b":status", b"200")]), "reset PROTOCOL_ERROR open"),
    row("no method", hd(wo(b":method")), "reset PROTOCOL_ERROR open"),
    row("no scheme", hd(wo(b":scheme")), "reset PROTOCOL_ERROR open"),
    row("no path", hd(wo(b":path")), "reset PROTOCOL_ERROR open"),
    row("no authority", hd(wo(b":authority")), "400 open"),
    row("no authority with host", hd(wo(b":authority") + [(b"host", b"x")]), "200 open"),
    row("authority and other host", hd(BASE + [(b"host", b"y")]), "200 open"),
    row("two paths", hd(BASE + [(b":path", b"/b")]), "reset PROTOCOL_ERROR open"),
    row("two methods", hd([(b":method", b"GET")] + BASE), "reset PROTOCOL_ERROR open"),
    row("two authorities", hd([(b":authority", b"y")] + BASE), "reset PROTOCOL_ERROR open"),
    row("empty path", hd(w(b":path", b"")), "reset PROTOCOL_ERROR open"),
    row("path no slash", hd(w(b":path", b"a")), "reset PROTOCOL_ERROR open"),
    row("path star", hd(w(b":path", b"*")), "404 open"),
    row("path space", hd(w(b":path", b"/a b")), "reset PROTOCOL_ERROR open"),
    row("path nul", hd(w(b":path", b"/a\0b")), "reset PROTOCOL_ERROR open"),
    row("path crlf", hd(w(b":path", b"/a HTTP/1.1\r\nx: y")), "reset PROTOCOL_ERROR open"),
    row("path fragment", hd(w(b":path", b"/a#b")), "200 open", "400 open", "the fragment is dropped, so that nobody sees it"),
    row("path absolute", hd(w(b":path", b"http://a/b")), "reset PROTOCOL_ERROR open"),
    row("path high", hd(w(b":path", b"/\xff")), "goaway PROTOCOL_ERROR close", "200 open", "a path is ASCII"),
    row("method lower", hd(w(b":method", b"get")), "400 open"),
    row("method space", hd(w(b":method", b"GET /x")), "goaway PROTOCOL_ERROR close"),
    row("method empty", hd(w(b":method", b"")), "goaway PROTOCOL_ERROR close"),
    row("method odd", hd(w(b":method", b"FOO")), "400 open"),
    row("scheme odd", hd(w(b":scheme", b"ftp")), "200 open"),
    row("scheme bad", hd(w(b":scheme", b"ht tp")), "reset PROTOCOL_ERROR open"),
    row("scheme https", hd(w(b":scheme", b"https")), "200 open"),
    row("scheme empty", hd(w(b":scheme", b"")), "200 open", "close", "the scheme is the connection's"),
    row("authority at", hd(w(b":authority", b"a@b")), "reset PROTOCOL_ERROR open"),
    row("authority slash", hd(w(b":authority", b"a/b")), "reset PROTOCOL_ERROR open"),
    row("authority space", hd(w(b":authority", b"a b")), "reset PROTOCOL_ERROR open"),
    row("authority crlf", hd(w(b":authority", b"a\r\nb")), "reset PROTOCOL_ERROR open"),
    row("authority empty", hd(w(b":authority", b"")), "reset PROTOCOL_ERROR open"),
    row("value crlf", hd(BASE + [(b"x-a", b"1\r\nx-b: 2")]), "goaway PROTOCOL_ERROR close"),
    row("value nul", hd(BASE + [(b"x-a", b"a\0b")]), "goaway PROTOCOL_ERROR close"),
    row("value ctl", hd(BASE + [(b"x-a", b"a\x01b")]), "goaway PROTOCOL_ERROR close"),
    row("value lead space", hd(BASE + [(b"x-a", b" a ")]), "200 open"),
    row("value high", hd(BASE + [(b"x-a", b"a\xff")]), "200 open"),
    row("name space", hd(BASE + [(b"x a", b"1")]), "goaway PROTOCOL_ERROR close"),
    row("name colon", hd(BASE + [(b"x:a", b"1")]), "goaway PROTOCOL_ERROR close"),
    row("name crlf", hd(BASE + [(b"x\r\na", b"1")]), "goaway PROTOCOL_ERROR close"),
    row("name empty", hd(BASE + [(b"", b"1")]), "goaway PROTOCOL_ERROR close"),
    row("name nul", hd(BASE + [(b"x\0", b"1")]), "goaway PROTOCOL_ERROR close"),
    row("cl short", hd(P + [(b"content-length", b"5")], 4) + fr(0, 1, 1, b"abc"), "reset PROTOCOL_ERROR open"),
    row("cl long", hd(P + [(b"content-length", b"2")], 4) + fr(0, 1, 1, b"abc"), "reset PROTOCOL_ERROR open"),
    row("cl bad", hd(P + [(b"content-length", b"x")], 4) + fr(0, 1, 1, b"abc"), "reset PROTOCOL_ERROR open"),
    row("cl two", hd(P + [(b"content-length", b"3"), (b"content-length", b"3")], 4) + fr(0, 1, 1, b"abc"), "reset PROTOCOL_ERROR open"),
    row("cl end", hd(P + [(b"content-length", b"5")], 5), "reset PROTOCOL_ERROR open"),
    row("cl neg", hd(P + [(b"content-length", b"-3")], 4) + fr(0, 1, 1, b"abc"), "reset PROTOCOL_ERROR open"),
    row("trailers ok", hd(P, 4) + fr(0, 0, 1, b"abc") + fr(1, 5, 1, block((b"x-t", b"1"))), "200 open"),
    row("trailers pseudo", hd(P, 4) + fr(0, 0, 1, b"abc") + fr(1, 5, 1, block((b":path", b"/b"))), "200 open", "close", "it is dropped"),
    row("trailers no end", hd(P, 4) + fr(0, 0, 1, b"abc") + fr(1, 4, 1, block((b"x-t", b"1"))), "reset PROTOCOL_ERROR open"),
    row("trailers upper", hd(P, 4) + fr(0, 0, 1, b"abc") + fr(1, 5, 1, block((b"X-T", b"1"))), "goaway PROTOCOL_ERROR close"),
    row("101 fields", hd(BASE + [(b"x-a", b"1")] * 101), "431 open"),
    row("150 fields", hd(BASE + [(b"x-a", b"1")] * 150), "431 open"),
    row("90 fields", hd(BASE + [(b"x-a", b"1")] * 80), "200 open"),
    row("head 59K", big(59000), "200 open"),
    row("head 62K", big(62000), "431 open"),
    row("head 200K", big(200000), "goaway ENHANCE_YOUR_CALM close"),
    row("continuation flood", fr(1, 1, 1, block(*BASE)) + b"".join(fr(9, 0, 1, lit(b"x-a", b"a" * 100)) for _ in range(5000)), "goaway ENHANCE_YOUR_CALM close"),
    row("continuation empty", fr(1, 1, 1, block(*BASE)) + b"".join(fr(9, 0, 1) for _ in range(20000)), "goaway ENHANCE_YOUR_CALM close"),
    row("continuation interleaved", fr(1, 1, 1, block(*BASE)) + fr(6, 0, 0, b"\0" * 8), "goaway PROTOCOL_ERROR close"),
    row("continuation alone", fr(9, 4, 1, b""), "goaway PROTOCOL_ERROR close"),
    row("data on idle", fr(0, 1, 1, b"abc"), "goaway PROTOCOL_ERROR close"),
    row("stream 0 headers", fr(1, 5, 0, block(*BASE)), "goaway PROTOCOL_ERROR close"),
    row("even stream", hd(BASE, 5, 2), "goaway PROTOCOL_ERROR close"),
    row("stream backwards", hd(BASE, 5, 5) + hd(BASE, 5, 3), "goaway PROTOCOL_ERROR close", "200 open", "RFC 9113 5.1.1"),
    row("oversized frame", fr(0, 0, 1, b"a" * 20000), "goaway FRAME_SIZE_ERROR close"),
    row("unknown frame", fr(0x77, 0, 0, b"abc") + hd(BASE), "200 open"),
    row("push promise", fr(5, 4, 1, b"\0\0\0\2"), "goaway PROTOCOL_ERROR close"),
    row("window zero", fr(8, 0, 0, b"\0\0\0\0"), "goaway PROTOCOL_ERROR close"),
    row("window overflow", fr(8, 0, 0, b"\x7f\xff\xff\xff") * 2, "goaway FLOW_CONTROL_ERROR close"),
    row("settings bad len", fr(4, 0, 0, b"abc"), "goaway PROTOCOL_ERROR close"),
    row("settings ack payload", fr(4, 1, 0, b"\0" * 6), "goaway PROTOCOL_ERROR close"),
    row("settings enable push 2", fr(4, 0, 0, struct.pack(">HI", 2, 2)), "goaway PROTOCOL_ERROR close"),
    row("settings frame size", fr(4, 0, 0, struct.pack(">HI", 5, 1)), "goaway PROTOCOL_ERROR close"),
    row("ping bad len", fr(6, 0, 0, b"abc"), "goaway PROTOCOL_ERROR close"),
    row("priority self", fr(2, 0, 1, b"\0\0\0\1\0") + hd(BASE), "reset PROTOCOL_ERROR open", "200 open", "RFC 9113 5.3 of the former edition"),
    row("rst idle", fr(3, 0, 1, b"\0\0\0\x08"), "goaway PROTOCOL_ERROR close"),
    row("hpack bad index", fr(1, 5, 1, b"\xff\xff\xff\x7f"), "goaway PROTOCOL_ERROR close"),
    row("hpack table", fr(1, 5, 1, b"\x3f\xe1\xff\x7f" + block(*BASE)), "goaway PROTOCOL_ERROR close"),
    row("padding too long", fr(0, 8, 1, b"\xff" + b"a" * 3), "goaway PROTOCOL_ERROR close"),
    row("connect ok form", hd([(b":method", b"CONNECT"), (b":authority", b"a:80")], 4), "404, reset NO_ERROR open"),
    row("connect with path", hd(w(b":method", b"CONNECT"), 4), "reset PROTOCOL_ERROR open"),
    row("extended connect", hd(w(b":method", b"CONNECT") + [(b":protocol", b"websocket")], 4), "502, reset NO_ERROR open", "200, reset NO_ERROR open",
        "the application answered without an upgrade, and a 200 would say that it agreed"),
    row("protocol on GET", hd(BASE + [(b":protocol", b"websocket")]), "reset PROTOCOL_ERROR open"),
    row("ping flood", fr(6, 0, 0, b"\0" * 8) * 20000, "open", "any", "each is answered before the next is read"),
    row("settings flood", fr(4, 0, 0) * 20000, "open", "any", "each is answered before the next is read"),
    row("empty data flood", hd(P, 4) + fr(0, 0, 1) * 20000, "goaway ENHANCE_YOUR_CALM close"),
    row("priority flood", fr(2, 0, 1, b"\0\0\0\0\0") * 20000 + hd(BASE), "close", "any", "the same limit, but Envoy looks at it later"),
    row("window flood", (hd(P, 4) + fr(8, 0, 1, b"\0\0\0\1") * 20000), "close", "any", "the same limit, but Envoy looks at it later"),
    row("rapid reset", b"".join(hd(BASE, 5, 1 + 2*i) + fr(3, 0, 1 + 2*i, b"\0\0\0\x08") for i in range(5000)), "goaway ENHANCE_YOUR_CALM close"),
    row("1500 streams", b"".join(hd(P, 4, 1 + 2*i) for i in range(1500)), "*reset REFUSED_STREAM", "any", "those within the limit wait for their bodies"),
    bare("settings missing", PRE + hd(BASE), "200 open", "goaway PROTOCOL_ERROR close", "nothing depends on it"),
    bare("preface only", PRE, "open"),
    bare("preface settings cut", PRE + b"\0\0\x06\x04", "open"),
]
