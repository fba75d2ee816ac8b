"""Both ends of a counted exchange: `serve PORT` answers, `ask HOST PORT CONNECTIONS REQUESTS` sends. Runs inside of pods.

Holds: an answer is one write of always the same bytes, and each connection has one request under way, all of them sent before
the first answer is read, so that a proxy between the two does the same work at every run.
"""

import asyncio
import socket
import sys

REQUEST = b"GET /counted HTTP/1.1\r\nHost: server.bench.svc.cluster.local\r\nUser-Agent: counted\r\nAccept: */*\r\n\r\n"
BODY = 1024
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % BODY + b"x" * BODY
END = b"\r\n\r\n"


class Server(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport, self.held = transport, b""

    def data_received(self, data):
        *whole, self.held = (self.held + data).split(END)
        for _ in whole:
            self.transport.write(ANSWER)


async def serve(port):
    server = await asyncio.get_running_loop().create_server(Server, "0.0.0.0", int(port))
    await server.serve_forever()


def ask(host, port, connections, requests):
    opened = [socket.create_connection((host, int(port)), timeout=60) for _ in range(int(connections))]
    for _ in range(int(requests) // len(opened)):
        for connection in opened:
            connection.sendall(REQUEST)
        for connection in opened:
            receive(connection)


def receive(connection):
    """One whole answer; a proxy may have put more into its head."""
    data = b""
    while END not in data or len(data) < data.index(END) + len(END) + BODY:
        piece = connection.recv(65536)
        if not piece:
            raise SystemExit(f"the connection ended after {data!r}")
        data += piece
    if not data.startswith(b"HTTP/1.1 200 "):
        raise SystemExit(f"not a 200: {data!r}")


verb, *words = sys.argv[1:]
asyncio.run(serve(*words)) if verb == "serve" else ask(*words)
