"""Calls `t.App` as a browser does: gRPC-Web over HTTP/1.1, by a client that is not ours (sonora). Runs inside pods.

`HOST:PORT` is who is called; prints what came of each call, as JSON.
"""

import json
import sys

import grpc
from sonora.client import insecure_web_channel


def plain(value):
    return value


def outcome(call):
    try:
        found = call()
        return found.decode() if isinstance(found, bytes) else [part.decode() for part in found]
    except grpc.RpcError as error:
        return f"{error.code().name}: {error.details()}"


with insecure_web_channel(f"http://{sys.argv[1]}") as channel:
    def unary(name, request):
        return outcome(lambda: channel.unary_unary(f"/t.App/{name}", plain, plain)(request))

    def stream(name, request):
        return outcome(lambda: list(channel.unary_stream(f"/t.App/{name}", plain, plain)(request)))

    print(json.dumps({"echo": unary("Echo", b"hello"), "fail": unary("Fail", b"5"), "count": stream("Count", b"3"), "none": unary("Nothing", b"")}))
