"""Requests of HTTP/1 that are broken, or as odd as they may be, and what becomes of each at a gateway of either data plane.

A row: its name, the bytes, and the outcome of ours: the statuses of all answers, then what became of the connection. `envoy` is
Envoy's outcome where that differs on purpose, and `why` the reason. `log` is the flag in our access log where it is not the usual:
DPE for an error after which the connection ends, none otherwise. `S` is a request that nobody may serve where it stands behind a
message whose end is in doubt.
"""

from dataclasses import dataclass

H = b"Host: x\r\n"
S = b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"


@dataclass
class Row:
    """One case of the table."""

    name: str
    raw: bytes
    ours: str
    envoy: str = ""
    why: str = ""
    log: str = ""

    def outcome(self, plane):
        return self.envoy if plane == "envoy" and self.envoy else self.ours

    def flag(self):
        """The flag of the last record in our access log."""
        broken = self.ours.endswith("close") and not self.ours.startswith("2")
        return self.log or ("DPE" if broken else "-")


def post(fields, body=b""):
    return b"POST / HTTP/1.1\r\n" + H + fields + b"\r\n" + body


def get(line=b"GET / HTTP/1.1", fields=H):
    return line + b"\r\n" + fields + b"\r\n"


CH = b"Transfer-Encoding: chunked\r\n"

ROWS = [
    Row("cl + te", post(b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\n" + S), "400 close"),
    Row("te + cl", post(b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n", b"0\r\n\r\n" + S), "400 close"),
    Row("cl cl same", post(b"Content-Length: 3\r\nContent-Length: 3\r\n", b"abc" + S), "400 close"),
    Row("cl cl diff", post(b"Content-Length: 3\r\nContent-Length: 4\r\n", b"abc" + S), "400 close"),
    Row("cl list same", post(b"Content-Length: 3, 3\r\n", b"abc" + S), "400 close"),
    Row("cl list diff", post(b"Content-Length: 3, 4\r\n", b"abc" + S), "400 close"),
    Row("cl plus", post(b"Content-Length: +3\r\n", b"abc"), "400 close"),
    Row("cl neg", post(b"Content-Length: -3\r\n", b"abc"), "400 close"),
    Row("cl hex", post(b"Content-Length: 0x3\r\n", b"abc"), "400 close"),
    Row("cl huge", post(b"Content-Length: 99999999999999999999\r\n", b"abc"), "400 close"),
    Row("cl empty", post(b"Content-Length: \r\n", b"abc" + S), "400 close"),
    Row("cl float", post(b"Content-Length: 3.0\r\n", b"abc"), "400 close"),
    Row("cl space", post(b"Content-Length: 3 \r\n", b"abc"), "200 open"),
    Row("cl inner space", post(b"Content-Length: 3 3\r\n", b"abc"), "400 close"),
    Row("te unknown", post(b"Transfer-Encoding: xchunked\r\n", b"0\r\n\r\n" + S), "501 close"),
    Row("te gzip chunked", post(b"Transfer-Encoding: gzip, chunked\r\n", b"0\r\n\r\n" + S), "501 close"),
    Row("te chunked identity", post(b"Transfer-Encoding: chunked, identity\r\n", b"0\r\n\r\n" + S), "501 close"),
    Row("te identity", post(b"Transfer-Encoding: identity\r\n", b"" + S), "501 close"),
    Row("te twice", post(b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\n" + S), "501 close"),
    Row("te twice mixed", post(b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", b"0\r\n\r\n" + S), "501 close"),
    Row("te case", post(b"Transfer-Encoding: CHUNKED\r\n", b"0\r\n\r\n"), "200 open"),
    Row("te tab", post(b"Transfer-Encoding:\tchunked\r\n", b"0\r\n\r\n"), "200 open"),
    Row("te vtab", post(b"Transfer-Encoding: \x0bchunked\r\n", b"0\r\n\r\n" + S), "400 close"),
    Row("te quoted", post(b"Transfer-Encoding: \"chunked\"\r\n", b"0\r\n\r\n" + S), "501 close"),
    Row("te space colon", post(b"Transfer-Encoding : chunked\r\n", b"0\r\n\r\n" + S), "400 close"),
    Row("te obs-fold", post(b"Transfer-Encoding:\r\n chunked\r\n", b"0\r\n\r\n" + S), "400 close", envoy="200 200 open", why="a folded line is refused; two readers may see two fields"),
    Row("te empty", post(b"Transfer-Encoding: \r\n", b"" + S), "501 close"),
    Row("te 1.0", b"POST / HTTP/1.0\r\n" + H + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "426 close"),
    Row("te on GET", get(fields=H + b"Transfer-Encoding: chunked\r\n") + b"0\r\n\r\n", "200 open"),
    Row("obs-fold", get(fields=H + b"X-A: 1\r\n folded\r\n"), "400 close", envoy="200 open", why="a folded line is refused; two readers may see two fields"),
    Row("obs-fold tab", get(fields=H + b"X-A: 1\r\n\tfolded\r\n"), "400 close", envoy="200 open", why="a folded line is refused; two readers may see two fields"),
    Row("fold first", get(fields=b" Host: x\r\n"), "400 close"),
    Row("bare CR value", get(fields=H + b"X-A: a\rb\r\n"), "400 close", envoy="200 open", why="a bare CR may be a line end to the next reader"),
    Row("bare CR eol", b"GET / HTTP/1.1\rHost: x\r\r", "open", log="DPE"),
    Row("bare LF all", b"GET / HTTP/1.1\nHost: x\n\n", "200 open"),
    Row("bare LF headers", b"GET / HTTP/1.1\r\nHost: x\nX-A: 1\r\n\r\n", "200 open"),
    Row("NUL value", get(fields=H + b"X-A: a\x00b\r\n"), "400 close"),
    Row("NUL name", get(fields=H + b"X\x00A: b\r\n"), "400 close"),
    Row("ctl value 01", get(fields=H + b"X-A: a\x01b\r\n"), "400 close"),
    Row("DEL value", get(fields=H + b"X-A: a\x7fb\r\n"), "400 close"),
    Row("high value", get(fields=H + b"X-A: a\xffb\r\n"), "200 open"),
    Row("space in name", get(fields=H + b"X A: 1\r\n"), "400 close"),
    Row("space before colon", get(fields=H + b"X-A : 1\r\n"), "400 close"),
    Row("tab before colon", get(fields=H + b"X-A\t: 1\r\n"), "400 close"),
    Row("empty name", get(fields=H + b": 1\r\n"), "400 close"),
    Row("no colon", get(fields=H + b"X-A\r\n"), "400 close"),
    Row("paren name", get(fields=H + b"X(A): 1\r\n"), "400 close"),
    Row("high name", get(fields=H + b"X\xe4: 1\r\n"), "400 close"),
    Row("underscore name", get(fields=H + b"X_A: 1\r\n"), "200 open"),
    Row("no host", get(fields=b""), "400 close"),
    Row("two hosts", get(fields=H + b"Host: y\r\n"), "400 close", envoy="200 open", why="two hosts are refused, whatever they say"),
    Row("two hosts same", get(fields=H + H), "400 close", envoy="200 open", why="two hosts are refused, whatever they say"),
    Row("host empty", get(fields=b"Host:\r\n"), "200 open"),
    Row("host space", get(fields=b"Host: a b\r\n"), "400 close"),
    Row("host slash", get(fields=b"Host: a/b\r\n"), "400 close"),
    Row("host at", get(fields=b"Host: a@b\r\n"), "400 close", envoy="200 open", why="a host has no user"),
    Row("host badport", get(fields=b"Host: a:b\r\n"), "200 open"),
    Row("host bigport", get(fields=b"Host: a:99999\r\n"), "200 open"),
    Row("host list", get(fields=b"Host: a, b\r\n"), "400 close"),
    Row("host hash", get(fields=b"Host: a#b\r\n"), "400 close"),
    Row("method lower", get(b"get / HTTP/1.1"), "400 close"),
    Row("method odd", get(b"FOO-BAR / HTTP/1.1"), "400 close"),
    Row("method bad char", get(b"G(T / HTTP/1.1"), "400 close"),
    Row("method empty", get(b" / HTTP/1.1"), "400 close"),
    Row("method nul", get(b"G\x00T / HTTP/1.1"), "400 close"),
    Row("method long", get(b"A" * 100 + b" / HTTP/1.1"), "400 close"),
    Row("two spaces", get(b"GET  / HTTP/1.1"), "400 close", envoy="200 open", why="one space stands between the words of a request line"),
    Row("tab sep", get(b"GET\t/\tHTTP/1.1"), "400 close", envoy="200 open", why="one space stands between the words of a request line"),
    Row("space in target", get(b"GET /a b HTTP/1.1"), "400 close"),
    Row("trailing space", get(b"GET / HTTP/1.1 "), "400 close", envoy="200 open", why="one space stands between the words of a request line"),
    Row("no target", get(b"GET HTTP/1.1"), "400 close"),
    Row("target no slash", get(b"GET a HTTP/1.1"), "400 close"),
    Row("target query", get(b"GET ?a HTTP/1.1"), "400 close"),
    Row("target tab", get(b"GET /a\tb HTTP/1.1"), "400 close"),
    Row("target nul", get(b"GET /a\x00b HTTP/1.1"), "400 close"),
    Row("target ctl", get(b"GET /a\x01b HTTP/1.1"), "400 close"),
    Row("target del", get(b"GET /a\x7fb HTTP/1.1"), "400 close"),
    Row("target high", get(b"GET /a\xffb HTTP/1.1"), "400 close"),
    Row("target quote", get(b"GET /a\"b HTTP/1.1"), "200 open"),
    Row("target fragment", get(b"GET /a#b HTTP/1.1"), "400 open", envoy="400 close", why="the connection is sound and stays"),
    Row("target frag?q", get(b"GET /a?q#b HTTP/1.1"), "400 open", envoy="400 close", why="the connection is sound and stays"),
    Row("target backslash", get(b"GET /a\\b HTTP/1.1"), "200 open"),
    Row("target %00", get(b"GET /a%00b HTTP/1.1"), "400 open", envoy="400 close", why="the connection is sound and stays"),
    Row("target bad pct", get(b"GET /a%zzb HTTP/1.1"), "200 open"),
    Row("target dots", get(b"GET /../../etc HTTP/1.1"), "200 open"),
    Row("target pct dots", get(b"GET /a/%2e%2e/%2e%2e/x HTTP/1.1"), "200 open"),
    Row("target braces", get(b"GET /{a}|^` HTTP/1.1"), "200 open"),
    Row("star GET", get(b"GET * HTTP/1.1"), "400 close"),
    Row("star OPTIONS", get(b"OPTIONS * HTTP/1.1"), "404 open", log="NR"),
    Row("abs", get(b"GET http://a.b/p HTTP/1.1"), "200 open"),
    Row("abs no path", get(b"GET http://a.b HTTP/1.1"), "200 open"),
    Row("abs empty host", get(b"GET http:///p HTTP/1.1"), "400 close"),
    Row("abs ftp", get(b"GET ftp://a.b/p HTTP/1.1"), "400 close"),
    Row("abs bad port", get(b"GET http://a.b:zz/p HTTP/1.1"), "400 close"),
    Row("abs big port", get(b"GET http://a.b:99999/p HTTP/1.1"), "400 close"),
    Row("abs userinfo", get(b"GET http://u@a.b/p HTTP/1.1"), "400 close", envoy="200 open", why="a host has no user"),
    Row("abs no host hdr", get(b"GET http://a.b/p HTTP/1.1", b""), "400 close", envoy="200 open", why="HTTP/1.1 asks for a host in every request"),
    Row("abs query", get(b"GET http://a.b?q HTTP/1.1"), "200 open", envoy="404 open", why="a path that is left out is /"),
    Row("connect", get(b"CONNECT a.b:80 HTTP/1.1"), "404 close", log="NR"),
    Row("connect no port", get(b"CONNECT a.b HTTP/1.1"), "400 close"),
    Row("connect path", get(b"CONNECT /x HTTP/1.1"), "400 close"),
    Row("connect body", get(b"CONNECT a.b:80 HTTP/1.1", H + b"Content-Length: 3\r\n") + b"abc", "400 close"),
    Row("trace", get(b"TRACE / HTTP/1.1"), "200 open"),
    Row("version 1.2", get(b"GET / HTTP/1.2"), "505 close", envoy="426 close", why="505 is the status for a version that is not served"),
    Row("version 1.9", get(b"GET / HTTP/1.9"), "505 close", envoy="426 close", why="505 is the status for a version that is not served"),
    Row("version 2.0", get(b"GET / HTTP/2.0"), "505 close", envoy="426 close", why="505 is the status for a version that is not served"),
    Row("version 3.0", get(b"GET / HTTP/3.0"), "505 close", envoy="426 close", why="505 is the status for a version that is not served"),
    Row("version 0.9", get(b"GET / HTTP/0.9"), "505 close", envoy="426 close", why="505 is the status for a version that is not served"),
    Row("version 1.10", get(b"GET / HTTP/1.10"), "400 close"),
    Row("version lower", get(b"GET / http/1.1"), "400 close"),
    Row("version odd", get(b"GET / HTTQ/1.1"), "400 close"),
    Row("version missing", b"GET /\r\n\r\n", "400 close", envoy="426 close", why="HTTP/0.9 is not HTTP/1.0 either"),
    Row("http 1.0", get(b"GET / HTTP/1.0"), "426 close"),
    Row("http 1.0 nohost", get(b"GET / HTTP/1.0", b""), "426 close"),
    Row("1.0 keepalive", get(b"GET / HTTP/1.0", H + b"Connection: keep-alive\r\n"), "426 close"),
    Row("upgrade ws", get(fields=H + b"Connection: Upgrade\r\nUpgrade: websocket\r\n"), "200 close"),
    Row("upgrade foo", get(fields=H + b"Connection: Upgrade\r\nUpgrade: foo\r\n"), "403 close", log="-"),
    Row("upgrade h2c", get(fields=H + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n"), "200 open"),
    Row("upgrade w/o conn", get(fields=H + b"Upgrade: websocket\r\n"), "200 open"),
    Row("conn strips auth", get(fields=H + b"Connection: x-forwarded-for, authorization\r\nAuthorization: a\r\n"), "400 close"),
    Row("conn bad token", get(fields=H + b"Connection: \"\r\n"), "200 open"),
    Row("conn host", get(fields=H + b"Connection: host\r\n"), "400 close"),
    Row("conn te", get(fields=H + b"Connection: te\r\nTE: trailers\r\n"), "200 open"),
    Row("te gzip", get(fields=H + b"TE: gzip\r\n"), "200 open"),
    Row("te trailers", get(fields=H + b"TE: trailers\r\n"), "200 open"),
    Row("expect odd", post(b"Expect: foo\r\nContent-Length: 3\r\n", b"abc"), "200 open"),
    Row("expect 100 no body", get(fields=H + b"Expect: 100-continue\r\n"), "200 open"),
    Row("chunk ok", post(CH, b"3\r\nabc\r\n0\r\n\r\n"), "200 open"),
    Row("chunk ext", post(CH, b"3;a=b\r\nabc\r\n0\r\n\r\n"), "200 open"),
    Row("chunk ext quoted crlf", post(CH, b"3;a=\"x\r\nabc\r\n0\r\n\r\n"), "200 open"),
    Row("chunk bare LF", post(CH, b"3\nabc\r\n0\r\n\r\n" + S), "400 close"),
    Row("chunk data bare LF", post(CH, b"3\r\nabc\n0\r\n\r\n" + S), "400 close", envoy="200 200 open", why="a bare LF may end a chunk to the next reader"),
    Row("chunk 0x", post(CH, b"0x3\r\nabc\r\n0\r\n\r\n"), "400 close"),
    Row("chunk plus", post(CH, b" + 3\r\nabc\r\n0\r\n\r\n"), "400 close"),
    Row("chunk neg", post(CH, b"-3\r\nabc\r\n0\r\n\r\n"), "400 close"),
    Row("chunk space lead", post(CH, b" 3\r\nabc\r\n0\r\n\r\n"), "400 close"),
    Row("chunk space trail", post(CH, b"3 \r\nabc\r\n0\r\n\r\n"), "200 open"),
    Row("chunk tab trail", post(CH, b"3\t\r\nabc\r\n0\r\n\r\n"), "200 open"),
    Row("chunk huge size", post(CH, b"ffffffffffffffffff\r\nabc"), "400 close"),
    Row("chunk max size", post(CH, b"ffffffffffffffff\r\nabc"), "400 close", envoy="200 close", why="no body is that long"),
    Row("chunk empty size", post(CH, b"\r\nabc\r\n0\r\n\r\n"), "400 close"),
    Row("chunk letters", post(CH, b"xyz\r\nabc\r\n0\r\n\r\n"), "400 close"),
    Row("chunk long data", post(CH, b"3\r\nabcd\r\n0\r\n\r\n"), "400 close", envoy="200 open", why="what is not a line end after a chunk is refused"),
    Row("chunk short data", post(CH, b"4\r\nabc\r\n0\r\n\r\n"), "400 close", envoy="200 open", why="what is not a line end after a chunk is refused"),
    Row("chunk CR in ext", post(CH, b"3;a\rb\r\nabc\r\n0\r\n\r\n"), "400 close"),
    Row("chunk LF in ext", post(CH, b"3;a\nabc\r\n0\r\n\r\n"), "400 close"),
    Row("chunk NUL in ext", post(CH, b"3;a\x00b\r\nabc\r\n0\r\n\r\n"), "200 open"),
    Row("chunk ext 2K", post(CH, b"3;" + b"a" * 2000 + b"\r\nabc\r\n0\r\n\r\n"), "400 close", envoy="200 open", why="a size line has at most 1 KiB"),
    Row("chunk ext 20K", post(CH, b"3;" + b"a" * 20000 + b"\r\nabc\r\n0\r\n\r\n"), "400 close", envoy="200 open", why="a size line has at most 1 KiB"),
    Row("chunk ext endless", post(CH, b"3;" + b"a" * 200000), "400 close", envoy="200 close", why="a size line has at most 1 KiB"),
    Row("chunk zeros", post(CH, b"0000000000000000000003\r\nabc\r\n0\r\n\r\n"), "400 close", envoy="200 open", why="a size has at most 15 digits"),
    Row("chunk last missing", post(CH, b"3\r\nabc\r\n"), "200 close"),
    Row("trailer ok", post(CH, b"3\r\nabc\r\n0\r\nX-T: 1\r\n\r\n"), "200 open"),
    Row("trailer bad", post(CH, b"3\r\nabc\r\n0\r\nX T: 1\r\n\r\n"), "400 close"),
    Row("trailer fold", post(CH, b"3\r\nabc\r\n0\r\nX-T: 1\r\n b\r\n\r\n"), "400 close", envoy="200 open", why="a folded line is refused; two readers may see two fields"),
    Row("trailer NUL", post(CH, b"3\r\nabc\r\n0\r\nX-T: a\x00\r\n\r\n"), "400 close"),
    Row("trailer LF", post(CH, b"3\r\nabc\r\n0\r\nX-T: a\n\r\n" + S), "200 200 open"),
    Row("trailer TE", post(CH, b"3\r\nabc\r\n0\r\nTransfer-Encoding: chunked\r\n\r\n"), "200 open"),
    Row("trailer CL", post(CH, b"3\r\nabc\r\n0\r\nContent-Length: 9\r\n\r\n"), "200 open"),
    Row("trailer 70K", post(CH, b"3\r\nabc\r\n0\r\nX-T: " + b"a" * 70000 + b"\r\n\r\n"), "431 close"),
    Row("trailer 20K", post(CH, b"3\r\nabc\r\n0\r\nX-T: " + b"a" * 20000 + b"\r\n\r\n"), "200 open"),
    Row("trailer 150", post(CH, b"3\r\nabc\r\n0\r\n" + b"X-T: a\r\n" * 150 + b"\r\n"), "431 close", envoy="200 open", why="trailers have as many fields as heads at most"),
    Row("head 59K", get(fields=H + b"X: " + b"a" * 59000 + b"\r\n"), "200 open"),
    Row("head 62K", get(fields=H + b"X: " + b"a" * 62000 + b"\r\n"), "431 close"),
    Row("head 100K", get(fields=H + b"X: " + b"a" * 100000 + b"\r\n"), "431 close"),
    Row("head endless", b"GET / HTTP/1.1\r\n" + H + b"X: " + b"a" * 300000, "431 close"),
    Row("line 62K", get(b"GET /" + b"a" * 62000 + b" HTTP/1.1"), "431 close"),
    Row("99 fields", get(fields=H + b"X: 1\r\n" * 99), "431 open"),
    Row("100 fields", get(fields=H + b"X: 1\r\n" * 100), "431 close"),
    Row("101 fields", get(fields=H + b"X: 1\r\n" * 101), "431 close"),
    Row("150 fields", get(fields=H + b"X: 1\r\n" * 150), "431 close"),
    Row("leading CRLF", b"\r\n\r\n" + get(), "200 open"),
    Row("leading LF", b"\n\n" + get(), "200 open"),
    Row("leading space", b" " + get(), "400 close"),
    Row("pipelined", get() + get() + get(), "200 200 200 open"),
    Row("pipelined bad 2nd", get() + b"GARBAGE\r\n\r\n", "200 400 close", log="DPE"),
    Row("garbage", b"\x00\x01\x02\x03garbage\r\n\r\n", "400 close"),
    Row("tls hello", bytes.fromhex("16030100300100002c0303") + b"\x00" * 40, "400 close"),
    Row("ssh", b"SSH-2.0-OpenSSH_9.0\r\n", "400 close"),
    Row("preface partial", b"PRI * HTTP/2.0\r\n\r\nSM", "open", log="DPE"),
    Row("preface wrong", b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n", "close"),
    Row("preface + garbage", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\xff" * 50, "close"),
    Row("PRI request", get(b"PRI * HTTP/1.1"), "400 close"),
    Row("body short close", post(b"Content-Length: 10\r\n", b"abc"), "200 close"),
    Row("half head", b"GET / HTTP/1.1\r\nHost: x\r\nX-", "open"),
    Row("multi cl te case", post(b"content-length: 3\r\nTRANSFER-ENCODING: Chunked\r\n", b"0\r\n\r\n"), "400 close"),
    Row("get with body", get(fields=H + b"Content-Length: 3\r\n") + b"abc" + get(), "200 200 open"),
    Row("head body", get(b"HEAD / HTTP/1.1"), "200 open"),
]
