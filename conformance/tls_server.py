"""A TLS server that tells what it saw of its client: `tls_server.py PORT CERTIFICATE KEY [AUTHORITIES]`.

It answers every request with JSON: the server name that was asked for, the host of the request, the subject of the client's
certificate, and the first bytes before TLS when they are a PROXY header."""

import json
import socket
import ssl
import sys
import threading


def proxied(connection):
    """Takes a PROXY header away from the front of a connection, if there is one."""
    first = connection.recv(16, socket.MSG_PEEK)
    if first.startswith(b"PROXY "):
        line = b""
        while not line.endswith(b"\n"):
            line += connection.recv(1)
        return line.decode().strip()
    if first.startswith(b"\r\n\r\n\0\r\nQUIT\n"):
        head = connection.recv(16, socket.MSG_WAITALL)
        rest = connection.recv(int.from_bytes(head[14:16], "big"), socket.MSG_WAITALL)
        return f"v2 {socket.inet_ntoa(rest[:4])}"
    return ""


def answer(connection, context, asked):
    try:
        header = proxied(connection)
        if context:
            connection = context.wrap_socket(connection, server_side=True)
        certificate = (connection.getpeercert() if context else None) or {}
        buffer = b""
        while True:
            while b"\r\n\r\n" not in buffer:
                more = connection.recv(65536)
                if not more:
                    return
                buffer += more
            head, buffer = buffer.split(b"\r\n\r\n", 1)
            lines = head.decode("latin-1").split("\r\n")
            fields = {k.lower(): v.strip() for k, v in (line.split(":", 1) for line in lines[1:])}
            buffer = buffer[int(fields.get("content-length", 0)):]
            names = {k: v for part in certificate.get("subject", ()) for k, v in part}
            told = {"sni": asked.get(threading.get_ident(), ""), "host": fields.get("host", ""),
                    "client": names.get("commonName", ""), "proxy": header, "line": lines[0],
                    "meshed": "x-envoy-peer-metadata" in fields,
                    "alpn": connection.selected_alpn_protocol() if context else None}
            body = json.dumps(told).encode()
            connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body))
    except (OSError, ssl.SSLError, ValueError) as error:
        print("connection ended:", error, flush=True)
    finally:
        connection.close()


def main():
    port, *files = sys.argv[1:]
    asked, context = {}, None
    if files:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(files[0], files[1])
        if len(files) > 2:
            context.load_verify_locations(files[2])
            context.verify_mode = ssl.CERT_REQUIRED
        context.sni_callback = lambda _, name, __: asked.update({threading.get_ident(): name or ""})
    with socket.create_server(("0.0.0.0", int(port)), backlog=128) as server:
        while True:
            connection, _ = server.accept()
            connection.settimeout(60)
            threading.Thread(target=answer, args=(connection, context, asked), daemon=True).start()


main()
