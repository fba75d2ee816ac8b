"""Asks what the scenarios ask, from inside a pod: lines of JSON in (one list of asks each), lines of JSON out (their results).

One request goes through the real curl; many through connections of Python's own client; TCP and TLS through plain sockets.
"""

import concurrent.futures
import http.client
import json
import socket
import ssl
import subprocess
import sys
import threading
import time
import urllib.parse

# Longer than a request waits that is held for 12 s, behind others in the queues of both proxies in turn.
PATIENCE = 100.0


def curl(ask):
    command = ["curl", "-sS", "-i", "--max-time", str(PATIENCE), "-X", ask["method"], *ask["curl"]]
    for name, value in ask["headers"]:
        command += ["-H", f"{name}: {value}" if value != "" else f"{name};"]
    if ask["method"] == "HEAD":
        command += ["--head"]
    if ask["body"] is not None:
        command += ["--data-binary", ask["body"]]
    began = time.monotonic()
    done = subprocess.run([*command, ask["url"]], capture_output=True, check=False)
    result = {"exit": done.returncode, "error": done.stderr.decode(errors="replace"), "seconds": time.monotonic() - began}
    return {**result, **parse(done.stdout)}


def parse(out):
    """The last head in curl's output (1xx answers come before it) and the body."""
    head, _, body = out.partition(b"\r\n\r\n")
    while head.startswith(b"HTTP/1.1 1") and not head.startswith(b"HTTP/1.1 101"):
        head, _, body = body.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    if not lines[0].startswith("HTTP/"):
        return {"status": None, "headers": [], "body": ""}
    headers = [(name.lower(), value.strip()) for name, _, value in (line.partition(":") for line in lines[1:])]
    return {"status": int(lines[0].split()[1]), "headers": headers, "body": body.decode(errors="replace")}


def many(ask):
    """Sends it `times` times over `parallel` connections; a connection that ends is opened anew."""
    share = [ask["times"] // ask["parallel"] + (n < ask["times"] % ask["parallel"]) for n in range(ask["parallel"])]
    with concurrent.futures.ThreadPoolExecutor(ask["parallel"]) as pool:
        return [result for part in pool.map(lambda count: one_after_another(ask, count), share) for result in part]


def one_after_another(ask, count):
    url = urllib.parse.urlsplit(ask["url"])
    path = url.path + (f"?{url.query}" if url.query else "")
    connection, results = None, []
    for _ in range(count):
        began = time.monotonic()
        try:
            connection = connection or http.client.HTTPConnection(url.hostname, url.port or 80, timeout=PATIENCE)
            connection.putrequest(ask["method"], path, skip_host=True, skip_accept_encoding=True)
            names = [name.lower() for name, _ in ask["headers"]]
            for name, value in ask["headers"] if "host" in names else [("host", url.netloc), *ask["headers"]]:
                connection.putheader(name, value)
            if ask["body"] is not None:
                connection.putheader("content-length", str(len(ask["body"].encode())))
            connection.endheaders((ask["body"] or "").encode())
            got = connection.getresponse()
            body = got.read().decode(errors="replace")
            headers = [(name.lower(), value) for name, value in got.getheaders()]
            results.append({"exit": 0, "status": got.status, "headers": headers, "body": body})
            if ask["fresh"]:
                connection.close()
                connection = None
        except (OSError, http.client.HTTPException) as error:
            results.append({"exit": 56, "status": None, "headers": [], "body": "", "error": repr(error)})
            connection = None
        results[-1]["seconds"] = time.monotonic() - began
        time.sleep(ask["pause"])
    return results


def tcp(ask):
    """Connects (with TLS when there is an `sni`), sends, half-closes when asked, and reads to the end or to a silence."""
    began, got = time.monotonic(), b""
    try:
        with socket.create_connection((ask["host"], ask["port"]), timeout=PATIENCE) as sock:
            if ask["sni"]:
                context = ssl.create_default_context()
                context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
                if ask["alpn"]:
                    context.set_alpn_protocols(ask["alpn"])
                sock = context.wrap_socket(sock, server_hostname=ask["sni"])
            if ask["listen_first"]:
                got += sock.recv(4096)
            sock.sendall(ask["text"].encode().decode("unicode_escape").encode("latin-1"))
            if ask["then"]:
                got += sock.recv(4096)
                sock.sendall(ask["then"].encode())
            if ask["half_close"]:
                sock.shutdown(socket.SHUT_WR)
            sock.settimeout(ask["silence"])
            while data := sock.recv(65536):
                got += data
        end = "closed"
    except TimeoutError:
        end = "silence"
    except OSError as error:
        end = f"failed: {error!r}"
    return {"end": end, "text": got.decode("latin-1"), "seconds": time.monotonic() - began}


def answer(ask):
    time.sleep(ask["wait"])
    if ask["kind"] == "tcp":
        return [tcp(ask) for _ in range(ask["times"])]
    return [curl(ask)] if ask["times"] == 1 and not ask["fresh"] else many(ask)


def main():
    out = threading.Lock()

    def scenario(line):
        told = json.loads(line)
        results = [answer(ask) for ask in told["asks"]]
        with out:
            print(json.dumps({"key": told["key"], "results": results}), flush=True)

    with concurrent.futures.ThreadPoolExecutor(10) as pool:
        list(pool.map(scenario, sys.stdin))


main()
