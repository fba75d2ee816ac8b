"""An HTTP/1.1 server of the standard library: reads the whole request, and answers with what it was, as JSON.

`/trailers` answers in chunks with a trailer, `/early` sends a 103 first, `/large` a body of a megabyte. Runs inside a pod.
"""

import http.server
import json
import sys


class App(http.server.BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"

    def chunks(self):
        """The body of a chunked request, and its trailers."""
        body = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        trailers = []
        while line := self.rfile.readline().strip():
            trailers.append(line.decode())
        return body, trailers

    def serve(self):
        body, trailers = b"", []
        if "chunked" in self.headers.get("transfer-encoding", ""):
            body, trailers = self.chunks()
        else:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
        said = {"method": self.command, "path": self.path, "fields": self.headers.items(), "body": len(body),
                "trailers": trailers, "from": self.client_address[1]}
        if self.path == "/early":
            self.wfile.write(b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n")
        self.answer(b"x" * 1_000_000 if self.path == "/large" else json.dumps(said).encode())

    def answer(self, body):
        self.send_response(200)
        self.send_header("X-Mixed-Case", "Kept")
        if self.path != "/trailers":
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)
            return
        self.send_header("Transfer-Encoding", "chunked")
        self.send_header("Trailer", "x-sum")
        self.end_headers()
        self.wfile.write(b"%x\r\n%s\r\n0\r\nX-Sum: 42\r\n\r\n" % (len(body), body))

    do_GET = do_POST = do_PUT = do_HEAD = do_DELETE = do_OPTIONS = do_PATCH = serve

    def log_message(self, *_):
        """The proxies have logs."""


http.server.ThreadingHTTPServer(("0.0.0.0", int(sys.argv[1])), App).serve_forever()
