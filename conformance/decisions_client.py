"""Asks rows of the decision table from inside a pod: one JSON list in (asks), one JSON list out (what came of each).

A request goes out byte for byte as it is written, so that paths are not tidied on the way; bytes are echoed by the server when they may pass.
"""

import concurrent.futures
import http.client
import json
import socket
import sys

PATIENCE = 30.0
# What is wrong with a token is said in these words first.
TOKEN = ("Jwt", "Jwks", "Audiences in Jwt")
# Envoy's TLS inspector waits for five bytes, the head of a record, before it says that something is none.
HELLO = b"hello, here are some bytes of no protocol\n"


def request(ask):
    connection = http.client.HTTPConnection(ask["server"], 8080, timeout=PATIENCE)
    try:
        connection.putrequest(ask["method"], ask["path"], skip_host=True, skip_accept_encoding=True)
        for name, value in {"host": f"{ask['server']}:8080", **ask["fields"]}.items():
            connection.putheader(name, value)
        connection.endheaders()
        answer = connection.getresponse()
        body = answer.read().decode(errors="replace")
        if answer.status == 403 and body == "RBAC: access denied":
            return "deny"
        if answer.status in (401, 403) and body.startswith(TOKEN):
            return f"refused-{answer.status}"
        return "allow" if answer.status == 200 else f"{answer.status} {body[:200]}"
    finally:
        connection.close()


def echoed(ask):
    try:
        with socket.create_connection((ask["server"], 9000), timeout=PATIENCE) as connection:
            connection.sendall(HELLO)
            return "allow" if connection.recv(len(HELLO)) == HELLO else "deny"
    except ConnectionResetError:
        return "deny"


def came_of(ask):
    try:
        return echoed(ask) if ask["tcp"] else request(ask)
    except (OSError, http.client.HTTPException) as error:
        return repr(error)


with concurrent.futures.ThreadPoolExecutor(16) as pool:
    json.dump(list(pool.map(came_of, json.load(sys.stdin))), sys.stdout)
