"""Asks the mesh's certificate service by grpcio, without generated code. Runs inside a pod: reads one question as JSON from standard input.

`csr` and `seconds` are what is asked; `token`, or `chain` and `key`, are the proof; `roots` are what the server is verified by."""

import json
import sys

import grpc

METHOD = "/istio.v1.auth.IstioCertificateService/CreateCertificate"
SERVER = "istiod.istio-system.svc:15012"


def varint(number):
    """A number as protobuf has it."""
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes([*out, number])


def text(field, value):
    raw = value.encode()
    return varint(field << 3 | 2) + varint(len(raw)) + raw


def texts(message):
    """The texts of a message that has nothing else."""
    found, at = [], 0
    while at < len(message):
        length, shift, at = 0, 0, at + 1
        while True:
            byte, at = message[at], at + 1
            length, shift = length | (byte & 127) << shift, shift + 7
            if byte < 128:
                break
        found.append(message[at:at + length].decode())
        at += length
    return found


def ask(question):
    files = [question.get(name) for name in ("roots", "key", "chain")]
    credentials = grpc.ssl_channel_credentials(*(file.encode() if file else None for file in files))
    proof = [("authorization", f"Bearer {question['token']}")] if question.get("token") else []
    request = text(1, question["csr"]) + varint(3 << 3) + varint(question.get("seconds", 3600))
    with grpc.secure_channel(SERVER, credentials) as channel:
        try:
            answer = channel.unary_unary(METHOD)(request, metadata=proof, timeout=30)
        except grpc.RpcError as error:
            return {"code": error.code().name, "why": error.details()}
    return {"code": "OK", "chain": texts(answer)}


print(json.dumps(ask(json.load(sys.stdin))))
