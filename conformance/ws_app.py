"""A WebSocket server and a client of it, both of the library `websockets`. Both run inside pods.

`serve PORT` echoes; `talk URL` sends texts and a large binary, and closes properly; `hold URL` keeps a connection busy until its
standard input ends. The clients print what came of it, as JSON.
"""

import json
import os
import select
import sys

from websockets.sync.client import connect
from websockets.sync.server import serve


def echo(connection):
    for message in connection:
        connection.send(message)


def talk(url):
    large = os.urandom(1_000_000)
    with connect(url, max_size=None) as connection:
        connection.send("hello")
        said = connection.recv()
        connection.send(large)
        same = connection.recv() == large
        pong = connection.ping()
        ponged = pong.wait(10)
    return {"said": said, "same": same, "ponged": ponged, "closed": connection.protocol.close_code}


def hold(url):
    sent = 0
    with connect(url) as connection:
        print("holding", flush=True)
        while not select.select([sys.stdin], [], [], 0.02)[0]:
            connection.send(str(sent))
            assert connection.recv(10) == str(sent)
            sent += 1
    return {"sent": sent, "closed": connection.protocol.close_code}


if sys.argv[1] == "serve":
    with serve(echo, "0.0.0.0", int(sys.argv[2]), max_size=None) as server:
        server.serve_forever()
print(json.dumps({"talk": talk, "hold": hold}[sys.argv[1]](sys.argv[2])))
