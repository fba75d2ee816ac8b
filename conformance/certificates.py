"""Certificates for the tests, made by openssl when they are needed."""

import base64
import subprocess


class Authority:
    """An authority that signs certificates into a folder."""

    def __init__(self, folder, name="root"):
        self.folder, self.name = folder, name
        self.certificate, self.key = folder / f"{name}.crt", folder / f"{name}.key"
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                "-subj", f"/CN={name}", "-keyout", self.key, "-out", self.certificate)

    def sign(self, name, *hosts, kind="ec", days=2):
        """A certificate for these hosts; answers the files of it and its key. Without hosts it is one of a client. With days below
        zero it has ended."""
        certificate, key, request = (self.folder / f"{name}.{end}" for end in ("crt", "key", "csr"))
        algorithm = ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"] if kind == "ec" else ["rsa:2048"]
        openssl("req", "-newkey", *algorithm, "-nodes", "-subj", f"/CN={name}", "-keyout", key, "-out", request)
        extensions = self.folder / f"{name}.ext"
        names = ",".join(f"DNS:{host}" for host in hosts or [f"{name}.client"])
        extensions.write_text(f"subjectAltName={names}\nbasicConstraints=CA:FALSE\n")
        openssl("x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self.key, "-CAcreateserial",
                "-days", days, "-extfile", extensions, "-out", certificate)
        # Programs of other users read them.
        key.chmod(0o644)
        return certificate, key


def secret(name, namespace, certificate=None, key=None, authorities=None, more=()):
    """A Secret of these files as YAML."""
    files = {"tls.crt": certificate, "tls.key": key, "ca.crt": authorities, **dict(more)}
    lines = [f"  {entry}: {base64.b64encode(file.read_bytes()).decode()}" for entry, file in files.items() if file]
    kind = "kubernetes.io/tls" if certificate and key else "Opaque"
    return "\n".join(["---", "apiVersion: v1", "kind: Secret", f"metadata: {{name: {name}, namespace: {namespace}}}",
                      f"type: {kind}", "data:", *lines, ""])


def openssl(*command):
    done = subprocess.run(["openssl", *map(str, command)], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr
