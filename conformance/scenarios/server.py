"""The workload of the scenarios: answers each request with what it saw, and misbehaves when the request asks for it.

A request says with `x-do` what to do (`status=503;first=2;delay=0.5;...`, see `Wish`) and with `x-id` who asks. Every request
is written to standard output as one line of JSON: that is how the runner counts what really arrived.
HTTP/1.1 and cleartext HTTP/2 on 8080 and 8081, HTTP/1.1 over TLS on 8443, TCP that talks first on 9000, that answers on 9001.
"""

import asyncio
import contextlib
import json
import os
import socket
import ssl
import sys
import time

import h2.config
import h2.connection
import h2.events

# A thousand connections at once wait for none of them.
BACKLOG = 2048

VERSION, FOLDER = sys.argv[1], sys.argv[2]
POD = socket.gethostname()
seen, connections = {}, iter(range(1, 1 << 30))


class Wish:
    """What the request asks for; without `x-do`, to be answered at once with 200."""

    def __init__(self, headers):
        pairs = [part.partition("=") for part in headers.get("x-do", "").split(";") if part]
        wishes = {key.strip(): value.strip() for key, _, value in pairs}
        count = seen[headers.get("x-id")] = seen.get(headers.get("x-id"), 0) + 1
        applies = count <= int(wishes.pop("first", 1 << 30)) and VERSION in wishes.pop("only", VERSION)
        applies = applies and POD.endswith(wishes.pop("pod", ""))
        wishes = wishes if applies else {}
        self.status = int(wishes.pop("status", 200))
        self.delay = float(wishes.pop("delay", 0))
        self.reset = wishes.pop("reset", None)
        self.close = wishes.pop("close", None) is not None
        self.grpc = wishes.pop("grpc", None)
        self.extra = [pair.split(":", 1) for pair in wishes.pop("header", "").split(",") if pair]
        assert not wishes, f"unknown wishes {wishes}"


def answer(method, path, headers, body, where, wish):
    """Status, headers and body of the answer; logs the request."""
    record = {"id": headers.get("x-id"), "pod": POD, "version": VERSION, "method": method, "path": path, "headers": headers,
              "body": body.decode(errors="replace")[:200], "at": time.monotonic(), **where}
    print(json.dumps(record), flush=True)
    text = (json.dumps(record) + "\n").encode()
    heads = [("content-type", "application/json"), ("x-version", VERSION), ("x-pod", POD), *map(tuple, wish.extra)]
    if wish.grpc is not None:
        heads[0] = ("content-type", "application/grpc")
        heads += [("grpc-status", wish.grpc), ("grpc-message", "as-asked")]
        text = b""
    if wish.status in (204, 304):
        text = b""
    return wish.status, heads, text


def abort(writer):
    """Ends the connection with a reset instead of a farewell."""
    sock = writer.get_extra_info("socket")
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    writer.transport.abort()


async def body_of(reader, headers):
    if "chunked" in headers.get("transfer-encoding", ""):
        body = b""
        while size := int((await reader.readline()).split(b";")[0], 16):
            body += await reader.readexactly(size)
            await reader.readline()
        while (await reader.readline()).strip():
            pass
        return body
    return await reader.readexactly(int(headers.get("content-length", 0)))


async def http1(line, reader, writer, where):
    """Requests of one HTTP/1 connection, whose first line was read."""
    while line.strip():
        method, path, version = line.decode("latin-1").split()
        headers, names = {}, []
        while (field := await reader.readline()).strip():
            name, _, value = field.decode("latin-1").partition(":")
            key = name.lower()
            names.append(name)
            headers[key] = f"{headers[key]},{value.strip()}" if key in headers else value.strip()
        if headers.get("upgrade", "").lower() in ("websocket", "echo"):
            return await upgraded(reader, writer, method, path, headers, where)
        body = await body_of(reader, headers)
        wish = Wish(headers)
        status, heads, text = answer(method, path, headers, body, {**where, "proto": version, "names": names}, wish)
        await asyncio.sleep(wish.delay)
        if wish.reset is not None:
            return abort(writer)
        heads += [("connection", "close")] if wish.close else []
        heads += [("content-length", str(len(text)))] if status not in (204, 304) else []
        head = "".join(f"{name}: {value}\r\n" for name, value in heads)
        writer.write(f"HTTP/1.1 {status} Asked\r\n{head}\r\n".encode() + (b"" if method == "HEAD" else text))
        await writer.drain()
        if wish.close or version == "HTTP/1.0":
            return None
        line = await reader.readline()
    return None


async def upgraded(reader, writer, method, path, headers, where):
    """Answers 101 and then sends back what comes."""
    answer(method, path, headers, b"", {**where, "proto": "upgrade"}, Wish(headers))
    writer.write(f"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: {headers['upgrade']}\r\n\r\n".encode())
    while data := await reader.read(4096):
        writer.write(data)
        await writer.drain()


class Streams:
    """The requests of one HTTP/2 connection."""

    def __init__(self, writer, where):
        self.writer, self.where, self.open = writer, where, {}
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, header_encoding="utf-8"))
        self.tasks = set()

    def flush(self):
        self.writer.write(self.h2.data_to_send())

    def take(self, event):
        if isinstance(event, h2.events.RequestReceived):
            headers = {}
            for name, value in event.headers:
                headers[name] = f"{headers[name]},{value}" if name in headers else value
            self.open[event.stream_id] = (headers, bytearray())
        elif isinstance(event, h2.events.DataReceived):
            self.open[event.stream_id][1].extend(event.data)
            self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, h2.events.StreamReset):
            self.open.pop(event.stream_id, None)
        if isinstance(event, (h2.events.StreamEnded,)) and event.stream_id in self.open:
            task = asyncio.create_task(self.reply(event.stream_id))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)

    async def reply(self, stream):
        headers, body = self.open[stream]
        headers["host"] = headers.pop(":authority", headers.get("host"))
        method, path = headers.pop(":method"), headers.pop(":path")
        wish = Wish(headers)
        status, heads, text = answer(method, path, headers, bytes(body), {**self.where, "proto": "HTTP/2"}, wish)
        await asyncio.sleep(wish.delay)
        if self.open.pop(stream, None) is None:
            return
        if wish.reset == "connection":
            return abort(self.writer)
        if wish.reset is not None:
            # 7 is REFUSED_STREAM: provably not processed. 2 is INTERNAL_ERROR.
            self.h2.reset_stream(stream, 7 if wish.reset == "refused" else 2)
        else:
            heads += [("content-length", str(len(text)))] if wish.grpc is None and status not in (204, 304) else []
            text = b"" if method == "HEAD" else text
            self.h2.send_headers(stream, [(":status", str(status)), *heads], end_stream=not text)
            if text:
                self.h2.send_data(stream, text, end_stream=True)
        self.flush()


async def http2(reader, writer, where):
    streams = Streams(writer, where)
    streams.h2.initiate_connection()
    streams.flush()
    data = b"PRI * HTTP/2.0\r\n"
    while data:
        for event in streams.h2.receive_data(data):
            streams.take(event)
        streams.flush()
        data = await reader.read(65536)


async def http(reader, writer):
    peer, here = writer.get_extra_info("peername"), writer.get_extra_info("sockname")
    where = {"conn": next(connections), "peer": peer[0], "port": here[1]}
    with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
        line = await reader.readline()
        await (http2(reader, writer, where) if line.startswith(b"PRI ") else http1(line, reader, writer, where))
    writer.close()


async def tcp(reader, writer, talks_first):
    """Lines are answered with the version and themselves; the end of the client's side is answered with `end`."""
    port = writer.get_extra_info("sockname")[1]
    if talks_first:
        writer.write(f"hello {VERSION} {POD} {port}\n".encode())
    with contextlib.suppress(ConnectionError):
        while line := await reader.readline():
            writer.write(f"{VERSION} {POD} {port} ".encode() + line)
            await writer.drain()
        writer.write(b"end\n")
        await writer.drain()
    writer.close()


async def main():
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(os.path.join(FOLDER, "server.crt"), os.path.join(FOLDER, "server.key"))
    for port in (8080, 8081):
        await asyncio.start_server(http, "0.0.0.0", port, backlog=BACKLOG)
    await asyncio.start_server(http, "0.0.0.0", 8443, ssl=tls)
    await asyncio.start_server(lambda r, w: tcp(r, w, True), "0.0.0.0", 9000)
    await asyncio.start_server(lambda r, w: tcp(r, w, False), "0.0.0.0", 9001)
    await asyncio.Event().wait()


asyncio.run(main())
