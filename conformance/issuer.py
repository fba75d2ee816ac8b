"""Somebody who issues tokens to users: keys and signatures are openssl's."""

import base64
import hashlib
import hmac
import json
import re
import time

from certificates import openssl

NAME = "https://auth.example.com"


def text(raw):
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def written(value):
    return text(json.dumps(value).encode())


class Issuer:
    """An issuer with one RSA key, in files of a folder."""

    def __init__(self, folder, name="issuer"):
        self.name, self.key, self.public = name, folder / f"{name}.key", folder / f"{name}.pub"
        self.folder = folder
        openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", self.key)
        openssl("pkey", "-in", self.key, "-pubout", "-out", self.public)

    def keys(self):
        """The set of its public key."""
        out = self.folder / f"{self.name}.txt"
        openssl("rsa", "-in", self.key, "-noout", "-modulus", "-out", out)
        modulus = bytes.fromhex(re.search("Modulus=([0-9A-F]+)", out.read_text())[1])
        key = {"kty": "RSA", "kid": self.name, "use": "sig", "n": text(modulus), "e": "AQAB"}
        return json.dumps({"keys": [key]})

    def claims(self, changes):
        now = int(time.time())
        claims = {"iss": NAME, "sub": "ann", "aud": "api.example.com", "iat": now, "exp": now + 3600}
        claims.update(changes)
        return {name: value for name, value in claims.items() if value is not None}

    def token(self, **changes):
        """A token with the usual claims and these; None leaves one out."""
        signed = f"{written({'alg': 'RS256', 'kid': self.name})}.{written(self.claims(changes))}"
        message, signature = self.folder / "message", self.folder / "signature"
        message.write_text(signed)
        openssl("dgst", "-sha256", "-sign", self.key, "-out", signature, message)
        return f"{signed}.{text(signature.read_bytes())}"

    def unsigned(self):
        """A token of the algorithm `none`."""
        return f"{written({'alg': 'none'})}.{written(self.claims({}))}."

    def shared(self):
        """A token whose shared secret is the public key, as everybody knows it."""
        signed = f"{written({'alg': 'HS256', 'kid': self.name})}.{written(self.claims({}))}"
        return f"{signed}.{text(hmac.new(self.public.read_bytes(), signed.encode(), hashlib.sha256).digest())}"
