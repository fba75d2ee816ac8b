"""Signs the tokens of the decision table: reads crates/weft-explain/tests/tokens/claims.yaml, writes signed.json beside it.

Run by hand when a token is added. Each signer gets a new key of Ed25519, whose private half is gone when this ends."""

import hashlib
import hmac
import json
import pathlib
import tempfile

import yaml

from certificates import openssl
from issuer import text, written
from mesh import ROOT

FOLDER = ROOT / "crates/weft-explain/tests/tokens"
LAST = 4_000_000_000


class Signer:
    """Somebody with a key, in a file of a folder."""

    def __init__(self, folder, name):
        self.folder, self.name, self.key = folder, name, folder / f"{name}.key"
        openssl("genpkey", "-algorithm", "ED25519", "-out", self.key)
        public = folder / f"{name}.pub"
        openssl("pkey", "-in", self.key, "-pubout", "-outform", "DER", "-out", public)
        # The last 32 bytes of an encoded key of Ed25519 are the key.
        self.public = public.read_bytes()[-32:]

    def keys(self):
        return json.dumps({"keys": [{"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "kid": self.name, "x": text(self.public)}]})

    def sign(self, message):
        file, signature = self.folder / "message", self.folder / "signature"
        file.write_text(message)
        openssl("pkeyutl", "-sign", "-rawin", "-inkey", self.key, "-in", file, "-out", signature)
        return signature.read_bytes()


def token(claims, signers, known):
    by, alg, of = claims.pop("by", "one"), claims.pop("alg", "EdDSA"), claims.pop("of", None)
    kid = claims.pop("kid", by)
    claims = {"iss": f"https://{by}.example", "sub": "ann", "aud": "api", "exp": LAST, **claims}
    claims = {name: value for name, value in claims.items() if value is not None}
    named = {"shared": "HS256"}.get(alg, alg)
    signed = f"{written({'alg': named, 'kid': kid})}.{written(claims)}"
    if of:
        return f"{signed}.{known[of].rsplit('.', 1)[1]}"
    if alg == "none":
        return f"{signed}."
    if alg == "shared":
        return f"{signed}.{text(hmac.new(signers[by].public, signed.encode(), hashlib.sha256).digest())}"
    return f"{signed}.{text(signers[by].sign(signed))}"


def main():
    wanted = yaml.safe_load((FOLDER / "claims.yaml").read_text())
    with tempfile.TemporaryDirectory() as folder:
        signers = {name: Signer(pathlib.Path(folder), name) for name in ("one", "two", "stranger")}
        known = {f"keys-{name}": signers[name].keys() for name in ("one", "two")}
        for name, claims in wanted.items():
            known[name] = token(dict(claims), signers, known)
    (FOLDER / "signed.json").write_text(json.dumps(known, indent=1) + "\n")


if __name__ == "__main__":
    main()
