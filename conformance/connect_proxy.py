"""A forward proxy that takes CONNECT: `connect_proxy.py PORT`. It prints what it was asked for."""

import socket
import sys
import threading


def copy(source, sink):
    try:
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def serve(client):
    try:
        head = b""
        while b"\r\n\r\n" not in head:
            more = client.recv(65536)
            if not more:
                return
            head += more
        line = head.split(b"\r\n", 1)[0].decode()
        print(line, flush=True)
        host, port = line.split()[1].rsplit(":", 1)
        with socket.create_connection((host, int(port)), timeout=10) as server:
            client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            up = threading.Thread(target=copy, args=(client, server), daemon=True)
            up.start()
            copy(server, client)
            up.join(10)
    except (OSError, ValueError) as error:
        print("ended:", error, flush=True)
    finally:
        client.close()


with socket.create_server(("0.0.0.0", int(sys.argv[1])), backlog=64) as listener:
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=serve, args=(connection,), daemon=True).start()
