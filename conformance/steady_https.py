"""A steady rate of HTTPS requests from threads: on connections that are kept, and on a new one for each. Tells of what failed."""

import contextlib
import select
import socket
import ssl
import threading
import time

PATIENCE = 60


class Gone(Exception):
    """A connection ended before the first byte of an answer."""


class Connection:
    """One connection of HTTP/1.1 over TLS."""

    def __init__(self, port, host, authorities):
        context = ssl.create_default_context(cafile=authorities)
        plain = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            self.secure = context.wrap_socket(plain, server_hostname=host)
        except BaseException:
            plain.close()
            raise
        self.serial = self.secure.getpeercert()["serialNumber"]
        self.words = f"GET / HTTP/1.1\r\nhost: {host}\r\n\r\n".encode()

    def ended(self):
        """Whether the server has closed it while it was idle; nothing else is to be read from it then."""
        return bool(select.select([self.secure], [], [], 0)[0])

    def ask(self):
        """Sends a request; answers its status, and whether the server keeps the connection."""
        head = b""
        try:
            self.secure.sendall(self.words)
            head = self.secure.recv(65536)
        except (ConnectionError, ssl.SSLEOFError) as error:
            raise Gone(repr(error)) from error
        if not head:
            raise Gone("closed")
        while b"\r\n\r\n" not in head:
            head += self.more("its head")
        head, rest = head.split(b"\r\n\r\n", 1)
        first, *lines = head.decode("latin-1").lower().split("\r\n")
        fields = {name.strip(): value.strip() for name, value in (line.split(":", 1) for line in lines)}
        left = int(fields["content-length"]) - len(rest)
        while left > 0:
            left -= len(self.more("its body"))
        return int(first.split()[1]), fields.get("connection") != "close"

    def more(self, where):
        got = self.secure.recv(65536)
        if not got:
            raise ConnectionError(f"an answer ended in {where}")
        return got

    def close(self):
        self.secure.close()


class Steady:
    """`rate` requests a second for `host` at a port of this machine until it is left; half of them on connections that are kept."""

    def __init__(self, port, host, authorities, rate, threads=8):
        self.where = (port, host, str(authorities))
        self.pause = threads / rate
        self.over = threading.Event()
        self.lock = threading.Lock()
        # `gone` are requests that were sent again, as clients may, because a kept connection ended below them.
        self.served, self.reused, self.gone, self.failed, self.serials = 0, 0, 0, [], set()
        self.threads = [threading.Thread(target=self.send, args=(number,)) for number in range(threads)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        for thread in self.threads:
            thread.join()

    def send(self, number):
        keeps, connection = number % 2 == 0, None
        due = time.monotonic() + self.pause * number / len(self.threads)
        while not self.over.wait(max(0.0, due - time.monotonic())):
            due = max(due + self.pause, time.monotonic() - 1)
            try:
                connection = self.one(connection, keeps)
            except Exception as error:  # whatever happens to a request counts against it
                connection = None
                with self.lock:
                    self.failed.append(f"{time.monotonic():.2f} {'kept' if keeps else 'new'}: {error!r}")
        if connection:
            connection.close()

    def one(self, connection, keeps):
        """One request; answers the connection that it leaves."""
        if connection and connection.ended():
            connection.close()
            connection = None
        reused, connection = bool(connection), connection or Connection(*self.where)
        with contextlib.ExitStack() as ends:
            ends.callback(connection.close)
            try:
                status, stays = connection.ask()
            except Gone:
                if not reused:
                    raise
                with self.lock:
                    self.gone += 1
                return self.one(None, keeps)
            assert status == 200, f"status {status}"
            with self.lock:
                self.served += 1
                self.reused += reused
                self.serials.add(connection.serial)
            if keeps and stays:
                ends.pop_all()
                return connection
        return None
