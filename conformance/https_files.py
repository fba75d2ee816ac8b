"""Serves the files of a folder over TLS: PORT FOLDER. Certificate and key are `server.crt` and `server.key` of the folder, read for each connection."""

import http.server
import pathlib
import ssl
import sys

port, folder = int(sys.argv[1]), pathlib.Path(sys.argv[2])


class Handler(http.server.SimpleHTTPRequestHandler):
    """Shakes hands in the connection's own thread, so that a probe that says nothing delays nobody."""

    def __init__(self, *args):
        super().__init__(*args, directory=folder)

    def setup(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "server.crt", folder / "server.key")
        self.request = context.wrap_socket(self.request, server_side=True)
        super().setup()


class Server(http.server.ThreadingHTTPServer):
    def handle_error(self, request, client_address):
        print(client_address, sys.exc_info()[1], file=sys.stderr)


Server(("0.0.0.0", port), Handler).serve_forever()
