"""A service that is asked whether requests may pass: Envoy's external authorization, by HTTP (port 1) and by gRPC (port 2). Runs inside a pod.

A request says itself what is to be answered, in `x-verdict`: allow, deny, slow, fail. What only connections are asked about is as
`/bytes/allow` or `/bytes/deny` set it last. Messages of gRPC are read and written by hand: no generated code is at hand.
"""

import concurrent.futures
import http.server
import json
import sys
import threading
import time

import grpc

bytes_pass = threading.Event()
bytes_pass.set()


def number(data, at):
    found = shift = 0
    while True:
        byte = data[at]
        found |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return found, at


def parts(data):
    """The fields of a message: lists of values by number."""
    found, at = {}, 0
    while at < len(data):
        key, at = number(data, at)
        if key & 7 == 0:
            value, at = number(data, at)
        elif key & 7 == 2:
            size, at = number(data, at)
            value, at = data[at:at + size], at + size
        else:
            size = 8 if key & 7 == 1 else 4
            value, at = data[at:at + size], at + size
        found.setdefault(key >> 3, []).append(value)
    return found


def first(data, *path):
    """What stands at a path of field numbers; empty where nothing does."""
    for step in path:
        data = parts(data).get(step, [b""])[0]
    return data


def varint(value):
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def field(at, value):
    if isinstance(value, int):
        return varint(at << 3) + varint(value)
    value = value.encode() if isinstance(value, str) else value
    return varint(at << 3 | 2) + varint(len(value)) + value


def option(name, value):
    return field(1, field(1, name) + field(2, value))


def seen_of(message):
    """What a question says of its request."""
    asked = first(message, 1, 4, 2)
    entries = (parts(entry) for entry in parts(asked).get(3, []))
    fields = {entry[1][0].decode(): entry.get(2, [b""])[0].decode() for entry in entries}
    return {"path": first(asked, 4).decode(), "fields": fields, "body": first(asked, 11).decode(),
            "principal": first(message, 1, 1, 4).decode()}


def check(message, context):
    """`Authorization/Check`."""
    if not first(message, 1, 4, 2):
        return b"" if bytes_pass.is_set() else field(1, field(1, 7))
    seen = seen_of(message)
    verdict = seen["fields"].get("x-verdict")
    if verdict == "fail":
        context.abort(grpc.StatusCode.INTERNAL, "as asked")
    if verdict == "slow":
        time.sleep(4)
    if verdict in ("allow", "slow"):
        yes = field(2, option("x-user", "ann")) + field(5, "x-secret") + field(6, option("x-seen", "yes"))
        if seen["fields"].get("x-path"):
            yes += field(2, option(":path", seen["fields"]["x-path"]))
        return field(1, field(1, 0)) + field(3, yes)
    no = field(1, field(1, 401)) + field(2, option("x-why", "because")) + field(3, json.dumps(seen))
    return field(1, field(1, 7)) + field(2, no)


class Judge(http.server.BaseHTTPRequestHandler):
    """Asked by HTTP."""

    protocol_version = "HTTP/1.1"

    def serve(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0))).decode()
        if self.path.startswith("/bytes/"):
            (bytes_pass.set if self.path.endswith("/allow") else bytes_pass.clear)()
            return self.answer(200, {}, b"")
        verdict = self.headers.get("x-verdict")
        if verdict == "slow":
            time.sleep(4)
        if verdict in ("allow", "slow"):
            said = {"x-user": "ann", "x-seen": "yes", "x-hidden": "1", "x-envoy-auth-headers-to-remove": "x-secret"}
            return self.answer(200, said, b"")
        if verdict == "fail":
            return self.answer(500, {}, b"")
        fields = {name.lower(): value for name, value in self.headers.items()}
        seen = {"method": self.command, "path": self.path, "fields": fields, "body": body}
        return self.answer(401, {"x-why": "because", "x-hidden": "1"}, json.dumps(seen).encode())

    def answer(self, status, fields, body):
        self.send_response(status)
        for name, value in {**fields, "content-length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_PUT = serve

    def log_message(self, *_):
        """The proxies have logs."""


if __name__ == "__main__":
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(16))
    handlers = {"Check": grpc.unary_unary_rpc_method_handler(check)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("envoy.service.auth.v3.Authorization", handlers),))
    assert server.add_insecure_port(f"0.0.0.0:{sys.argv[2]}")
    server.start()
    http.server.ThreadingHTTPServer(("0.0.0.0", int(sys.argv[1])), Judge).serve_forever()
