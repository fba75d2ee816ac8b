"""TCP through the mesh from the client's side: `half HOST PORT` ends its half of an echoing connection before it reads, `mail HOST PORT`
speaks SMTP, where the server speaks first. Prints what came of it, as JSON. Runs inside a pod.
"""

import json
import smtplib
import socket
import sys
import threading


def half(host, port):
    sent = bytes(range(256)) * 4000
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        def send():
            connection.sendall(sent)
            connection.shutdown(socket.SHUT_WR)

        sender = threading.Thread(target=send)
        sender.start()
        got = b""
        while piece := connection.recv(65536):
            got += piece
        sender.join()
    return {"same": got == sent}


def mail(host, port):
    with smtplib.SMTP(host, int(port), timeout=20) as server:
        refused = server.sendmail("a@wire.test", ["b@wire.test"], "Subject: hello\r\n\r\n" + "text\r\n" * 1000)
        return {"refused": refused, "noop": server.noop()[0]}


print(json.dumps({"half": half, "mail": mail}[sys.argv[1]](*sys.argv[2:])))
