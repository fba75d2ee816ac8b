"""Asks what it is told, and says what came back. Runs inside of a pod: `client.py JSON`. Each ask is a request of HTTP, or what its `kind` says: a call
of gRPC, a WebSocket, or bytes. `times` repeats it, `copies` are servers (app.py) that may get a copy, which are asked how many they got."""

import collections
import http.client
import json
import socket
import ssl
import sys
import time
import urllib.request
import uuid

import grpc
from websockets.sync.client import connect


def opened(ask):
    """A connection, inside of TLS when that is asked for."""
    plain = socket.create_connection((ask["to"], ask.get("port", 443 if "ca" in ask else 80)), timeout=20)
    if "ca" not in ask:
        return plain
    context = ssl.create_default_context(cafile=ask["ca"])
    context.check_hostname = "sni" not in ask
    return context.wrap_socket(plain, server_hostname=ask.get("sni", ask["host"]))


def request(ask):
    connection = http.client.HTTPConnection(ask["to"], ask.get("port", 80))
    connection.sock = opened(ask)
    try:
        connection.request(ask.get("method", "GET"), ask.get("path", "/"), headers={"host": ask["host"], **ask.get("headers", {})})
        got = connection.getresponse()
        return {"status": got.status, "back": {name.lower(): value for name, value in got.getheaders()}, "body": got.read().decode()}
    finally:
        connection.close()


def call(ask):
    options = [("grpc.default_authority", ask["host"])]
    with grpc.insecure_channel(f"{ask['to']}:{ask.get('port', 80)}", options=options) as channel:
        try:
            said = channel.unary_unary(ask["method"])(b"", timeout=20, metadata=list(ask.get("headers", {}).items()))
            return {"status": 200, "body": json.dumps({"version": said.decode()})}
        except grpc.RpcError as error:
            return {"status": error.code().name, "body": error.details()}


def websocket(ask):
    with connect(f"ws://{ask['host']}{ask.get('path', '/')}", sock=opened(ask)) as connection:
        connection.send("hello")
        return {"status": 200, "body": json.dumps({"version": connection.recv(20)})}


def data(ask):
    with opened(ask) as connection:
        connection.sendall(b"hello\n")
        return {"status": 200, "body": json.dumps({"version": connection.recv(100).decode().strip()})}


KINDS = {"http": request, "grpc": call, "websocket": websocket, "bytes": data}


def answer(ask):
    try:
        return KINDS[ask.get("kind", "http")](ask)
    except (OSError, EOFError) as error:
        return {"status": None, "body": repr(error)}


def counted(server, mark, least):
    """How many copies a server got, which may come later than the answer."""
    deadline = time.monotonic() + 3
    while True:
        with urllib.request.urlopen(f"http://{server}/told?mark={mark}", timeout=20) as told:
            found = json.load(told)["count"]
        if found >= least or time.monotonic() > deadline:
            return found
        time.sleep(0.05)


def whole(ask):
    """The answer to the last of the requests, with how often who answered, and how many copies others got."""
    mark = uuid.uuid4().hex
    path = ask.get("path", "/")
    if "copies" in ask:
        ask = {**ask, "path": f"{path}{'&' if '?' in path else '?'}mark={mark}"}
    versions, got = collections.Counter(), {}
    for _ in range(ask.get("times", 1)):
        got = answer(ask)
        try:
            versions[json.loads(got["body"]).get("version")] += 1
        except ValueError:
            versions[None] += 1
    return {**got, "share": versions, "copies": {server: counted(server, mark, least) for server, least in ask.get("copies", {}).items()}}


print(json.dumps({key: whole(ask) for key, ask in json.loads(sys.argv[1]).items()}))
