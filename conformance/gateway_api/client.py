"""Asks what it is told, one request after the other, and says what came back. Runs inside of a pod: `client.py JSON`."""

import http.client
import json
import sys


def answer(ask):
    connection = http.client.HTTPConnection(ask["to"], ask.get("port", 80), timeout=20)
    try:
        connection.request(ask.get("method", "GET"), ask.get("path", "/"), headers={"host": ask["host"], **ask.get("headers", {})})
        got = connection.getresponse()
        return {"status": got.status, "back": {name.lower(): value for name, value in got.getheaders()}, "body": got.read().decode()}
    except OSError as error:
        return {"status": None, "body": repr(error)}
    finally:
        connection.close()


print(json.dumps({key: answer(ask) for key, ask in json.loads(sys.argv[1]).items()}))
