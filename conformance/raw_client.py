"""Sends raw bytes and tells what came back: statuses, how the connection ended, and from which port it went out.

Runs inside a pod: a JSON list of {name, host, port, from, hex, h2, first, quiet} on standard input, a JSON object by name on standard output.
With `tls` ({files, name, protocols}) the bytes go through TLS, whose server is not judged, with the certificate and key of `files` if there are any.
A peer that says nothing for `first` seconds, or nothing more for `quiet` seconds, has left the connection open.
"""

import concurrent.futures
import json
import re
import socket
import ssl
import struct
import sys
import threading

import hpack

CODES = ("NO_ERROR PROTOCOL_ERROR INTERNAL_ERROR FLOW_CONTROL_ERROR SETTINGS_TIMEOUT STREAM_CLOSED FRAME_SIZE_ERROR "
         "REFUSED_STREAM CANCEL COMPRESSION_ERROR CONNECT_ERROR ENHANCE_YOUR_CALM").split()


def pour(connection, data):
    """Sends all, or as much as the peer takes before it leaves."""
    try:
        connection.sendall(data)
    except OSError:
        pass


def receive(connection, quiet):
    """Everything until the end of the connection or until the peer is quiet; and which of both it was."""
    data = b""
    while True:
        try:
            piece = connection.recv(65536)
        except socket.timeout:
            return data, "open"
        except OSError:
            return data, "close"
        if not piece:
            return data, "close"
        data += piece
        connection.settimeout(quiet)


def answers(data):
    """Status codes of HTTP/1 answers, those of a 1xx too."""
    return [int(code) for code in re.findall(rb"HTTP/1\.[01] (\d{3})", data)]


def frames(data):
    """What frames of HTTP/2 say: statuses, resets and farewells, each kind once."""
    said, decoder = [], hpack.Decoder()
    while len(data) >= 9:
        length, kind = int.from_bytes(data[:3], "big"), data[3]
        payload, data = data[9:9 + length], data[9 + length:]
        if kind == 1:
            fields = dict(decoder.decode(payload))
            grpc = f"grpc {fields['grpc-status']}" if "grpc-status" in fields else ""
            said.append(grpc or (int(fields[":status"]) if ":status" in fields else "trailers"))
        elif kind == 3:
            said.append("reset " + CODES[struct.unpack(">I", payload)[0]])
        elif kind == 7:
            said.append("goaway " + CODES[struct.unpack(">I", payload[4:8])[0]])
    return list(dict.fromkeys(said))


def secured(connection, tls):
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(tls["protocols"])
    if tls["files"]:
        context.load_cert_chain(*tls["files"])
    return context.wrap_socket(connection, server_hostname=tls["name"])


def ask(case):
    try:
        return spoken(case)
    except OSError:
        return {"said": [], "end": "close", "local": ""}


def spoken(case):
    connection = socket.create_connection((case["host"], case["port"]), timeout=5, source_address=("", case.get("from", 0)))
    local = "%s:%d" % connection.getsockname()
    connection.settimeout(case["first"])
    connection = secured(connection, case["tls"]) if case.get("tls") else connection
    sender = threading.Thread(target=pour, args=(connection, bytes.fromhex(case["hex"])))
    sender.start()
    data, end = receive(connection, case["quiet"])
    connection.close()
    sender.join()
    is_h2 = case["h2"] and not data.startswith(b"HTTP/1")
    return {"said": frames(data) if is_h2 else answers(data), "end": end, "local": local}


def main():
    cases = json.load(sys.stdin)
    with concurrent.futures.ThreadPoolExecutor(24) as pool:
        told = pool.map(ask, cases)
    json.dump(dict(zip([case["name"] for case in cases], told)), sys.stdout)


main()
