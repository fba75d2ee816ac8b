"""A server for requests of the Gateway API's cases: HTTP at 8080, gRPC at 9000, and HTTP inside of TLS at 8443 when it is given a certificate and a key.
Answers what it saw as JSON, gRPC calls with its name. `?wait=SECONDS` answers later, `?mark=WORD` is counted, `/told?mark=WORD` says how often it was.

    app.py NAME [CERTIFICATE KEY]
"""

import collections
import concurrent.futures
import http.server
import json
import ssl
import sys
import threading
import time
import urllib.parse

import grpc

NAME, *PAIR = sys.argv[1:]
marks = collections.Counter()


class App(http.server.BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"

    def serve(self):
        self.rfile.read(int(self.headers.get("content-length", 0)))
        url = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(url.query))
        if url.path == "/told":
            return self.answer({"count": marks[query["mark"]]})
        marks[query.get("mark")] += 1
        time.sleep(float(query.get("wait", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        return self.answer({"version": NAME, "path": self.path, "headers": headers, "protocol": "HTTP/1.1"})

    def answer(self, said):
        body = json.dumps(said).encode()
        self.send_response(200)
        for name, value in {"content-length": len(body), "x-of-app": "app", "x-also": "also"}.items():
            self.send_header(name, str(value))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_PUT = do_OPTIONS = serve

    def log_message(self, *_):
        """The proxies have logs."""


class Calls(grpc.GenericRpcHandler):
    """Every method answers with the name."""

    def service(self, _details):
        return grpc.unary_unary_rpc_method_handler(lambda _request, _context: NAME.encode())


rpc = grpc.server(concurrent.futures.ThreadPoolExecutor(8), handlers=[Calls()])
assert rpc.add_insecure_port("0.0.0.0:9000")
rpc.start()
if PAIR:
    secure = http.server.ThreadingHTTPServer(("0.0.0.0", 8443), App)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*PAIR)
    secure.socket = context.wrap_socket(secure.socket, server_side=True)
    threading.Thread(target=secure.serve_forever, daemon=True).start()
http.server.ThreadingHTTPServer(("0.0.0.0", 8080), App).serve_forever()
