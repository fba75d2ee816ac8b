"""Reads raw frames of one interface until told to stop; counts TCP payloads that look like TLS or like HTTP.

Runs inside the mesh namespace. Only pod-to-pod frames count: the node's own probes are plain by design.
"""

import json
import select
import socket
import sys

NODE = "10.244.0.1"


def payload(frame):
    """(source, destination, bytes) of a TCP segment in an Ethernet frame, or None."""
    if len(frame) < 54 or frame[12:14] != b"\x08\x00" or frame[23] != 6:
        return None
    header = 14 + (frame[14] & 15) * 4
    start = header + (frame[header + 12] >> 4) * 4
    end = 14 + int.from_bytes(frame[16:18], "big")
    source, destination = (socket.inet_ntoa(frame[i : i + 4]) for i in (26, 30))
    return source, destination, frame[start:end]


def main():
    raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.ntohs(3))
    raw.bind((sys.argv[1], 0))
    print("listening", flush=True)
    seen = {"tls_records": 0, "plaintext": 0, "examples": []}
    while True:
        ready, _, _ = select.select([raw, sys.stdin], [], [])
        if raw in ready:
            segment = payload(raw.recv(65535))
            if segment and segment[2] and NODE not in segment[:2]:
                source, destination, data = segment
                seen["tls_records"] += data[:2] == b"\x17\x03"
                if b"HTTP/1.1" in data or b"secret-path-of-the-test" in data:
                    seen["plaintext"] += 1
                    seen["examples"].append([source, destination, repr(data[:60])])
        elif sys.stdin in ready:
            break
    print(json.dumps(seen))


main()
