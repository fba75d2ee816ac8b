"""A WebSocket, a gRPC stream and a TCP connection that stay open, and the server of all three. Both run inside pods.

`serve` answers on 8080, 9000 and 9001; told to end, it takes no more connections and ends when the last one has.
`hold WEBSOCKET GRPC [TCP]` keeps one of each busy, tells for each line of its input how far each has come, and ends them all in peace.
"""

import concurrent.futures
import json
import queue
import signal
import socket
import socketserver
import sys
import threading
import time

import grpc
from websockets.sync.client import connect
from websockets.sync.server import serve as serve_websockets

ENDLESS = 3600


def talk(requests, _context):
    yield from requests


class Bytes(socketserver.StreamRequestHandler):
    def handle(self):
        for line in self.rfile:
            self.wfile.write(line)


class Lines(socketserver.ThreadingTCPServer):
    allow_reuse_address = True


def serve():
    told, open_now = threading.Event(), set()
    signal.signal(signal.SIGTERM, lambda *_: told.set())

    def echo(connection):
        open_now.add(connection)
        for word in connection:
            connection.send(word)
        open_now.discard(connection)

    websockets = serve_websockets(echo, "0.0.0.0", 8080)
    lines = Lines(("0.0.0.0", 9001), Bytes)
    for server in (websockets, lines):
        threading.Thread(target=server.serve_forever).start()
    rpc = grpc.server(concurrent.futures.ThreadPoolExecutor(8))
    handler = {"Talk": grpc.stream_stream_rpc_method_handler(talk)}
    rpc.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("t.Peace", handler),))
    rpc.add_insecure_port("0.0.0.0:9000")
    rpc.start()
    told.wait()
    lines.shutdown()
    rpc.stop(ENDLESS).wait()
    while open_now:
        time.sleep(0.05)
    # This one would say farewell to those who are still there.
    websockets.shutdown()


class Held:
    """One connection, on which one word after the other comes back until it is time."""

    def __init__(self, run):
        self.count, self.error, self.done = 0, None, threading.Event()
        self.thread = threading.Thread(target=self.held, args=(run,))
        self.thread.start()

    def held(self, run):
        try:
            run(self)
        except Exception as error:  # noqa: BLE001: whatever ends it is what the test asks for
            self.error = repr(error)[:300]

    def back(self, word):
        assert word == self.word(), word
        self.count += 1
        time.sleep(0.02)

    def word(self):
        return f"{self.count}\n"

    def told(self):
        return self.error or self.count


def websocket(url):
    def run(held):
        with connect(url) as connection:
            while not held.done.is_set():
                connection.send(held.word())
                held.back(connection.recv(10))
        assert connection.protocol.close_code == 1000, connection.protocol.close_code
    return run


def stream(target):
    def run(held):
        words = queue.SimpleQueue()
        channel = grpc.insecure_channel(target, options=[("grpc.enable_retries", 0)])
        call = channel.stream_stream("/t.Peace/Talk")(iter(words.get, None), wait_for_ready=True)
        words.put(held.word().encode())
        for word in call:
            held.back(word.decode())
            words.put(None if held.done.is_set() else held.word().encode())
        assert call.code() == grpc.StatusCode.OK, call.code()
    return run


def tcp(target):
    def run(held):
        host, port = target.split(":")
        with socket.create_connection((host, int(port)), timeout=10) as sock:
            lines = sock.makefile("rw")
            while not held.done.is_set():
                lines.write(held.word())
                lines.flush()
                held.back(lines.readline())
            sock.shutdown(socket.SHUT_WR)
            assert lines.read() == ""
    return run


def hold(targets):
    held = [Held(kind(target)) for kind, target in zip((websocket, stream, tcp), targets)]
    for _ in sys.stdin:
        print(json.dumps([one.told() for one in held]), flush=True)
    for one in held:
        one.done.set()
    for one in held:
        one.thread.join(30)
    print(json.dumps([one.told() for one in held]), flush=True)


serve() if sys.argv[1] == "serve" else hold(sys.argv[2:])
