"""RequestAuthentication with its AuthorizationPolicies, on both data planes: the seed's objects with a test issuer's keys, where tokens
may stand, what becomes of them, and what rules ask of their claims."""

import base64
import json
import pathlib
import re

import pytest

from issuer import NAME, Issuer
from manifests import SLEEP, deployment, gate, namespace, python, service
from mesh import SEEDS, until

pytestmark = pytest.mark.patient

APP = pathlib.Path(__file__).resolve().parent / "http_app.py"
HERE = ("production", "deploy/client")

RULES = """---
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {{name: places, namespace: production}}
spec:
  selector: {{matchLabels: {{app: places}}}}
  jwtRules:
    - issuer: {issuer}
      jwks: '{keys}'
      fromHeaders: [{{name: x-token, prefix: "Token "}}]
      fromParams: [tok]
      fromCookies: [session]
      outputPayloadToHeader: x-payload
      outputClaimToHeaders: [{{header: x-sub, claim: sub}}, {{header: x-role, claim: realm.role}}, {{header: x-age, claim: age}}]
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {{name: places, namespace: production}}
spec:
  selector: {{matchLabels: {{app: places}}}}
  rules:
    - to: [{{operation: {{notPaths: [/list, /nested, /scope, /reader]}}}}]
    - to: [{{operation: {{paths: [/list]}}}}]
      when: [{{key: "request.auth.claims[groups]", values: [admin, staff]}}]
    - to: [{{operation: {{paths: [/nested]}}}}]
      when: [{{key: "request.auth.claims[realm][role]", values: ["ad*"]}}]
    - to: [{{operation: {{paths: [/scope]}}}}]
      when: [{{key: "request.auth.claims[scope]", values: [write]}}]
    - to: [{{operation: {{paths: [/reader]}}}}]
      when:
        - {{key: request.auth.principal, values: ["{issuer}/ann"]}}
        - {{key: request.auth.audiences, values: [api.example.com]}}
        - {{key: "request.auth.claims[groups]", notValues: [blocked]}}
"""


DOOR = """
    {match: [{headers: {"@request.auth.claims[realm][role]": {exact: admin}}}], directResponse: {status: 207}},
    {match: [{headers: {"@request.auth.claims.groups": {prefix: st}, x-a: {exact: b}}}], directResponse: {status: 208}},
    {match: [{headers: {"@request.auth.claims.sub": {regex: "b.b"}}}], directResponse: {status: 226}},
    {match: [{headers: {"@request.auth.claims.level": {}}}], directResponse: {status: 202}},
    {match: [{headers: {x-team: {exact: red}}}], directResponse: {status: 205}},
    {match: [{withoutHeaders: {"@request.auth.claims.sub": {exact: ann}}}], directResponse: {status: 203}},
    {directResponse: {status: 200}}"""
DOOR_KEYS = """---
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {{name: door, namespace: istio-system}}
spec:
  selector: {{matchLabels: {{istio: ingressgateway}}}}
  jwtRules:
    - issuer: {issuer}
      jwks: '{keys}'
      outputClaimToHeaders: [{{header: x-team, claim: team}}]
"""


def seed(prefix, keys):
    """Objects of the seed, with the issuer's keys in them instead of their address."""
    (found,) = SEEDS.glob(f"{prefix}-*.yaml")
    return "---\n" + re.sub(r"jwksUri: .*", lambda _: f"jwks: '{keys}'", found.read_text())


def app(name, place):
    ready = "readinessProbe: {tcpSocket: {port: 8080}}"
    return service(name, place, "{name: http, port: 8080}") + deployment(name, place, f"{python(APP, 8080)}, {ready}")


@pytest.fixture(scope="module")
def issuers(tmp_path_factory):
    folder = tmp_path_factory.mktemp("issuer")
    return Issuer(folder), Issuer(folder, "stranger")


@pytest.fixture(scope="module")
def tokens_mesh(mesh_of, issuers):
    keys = issuers[0].keys()
    text = namespace("production") + namespace("default") + deployment("client", "production", SLEEP)
    text += app("api-gateway", "production") + app("places", "production") + app("api-service", "default")
    text += seed("s1-14", keys) + seed("s1-15", keys) + seed("s3-07", keys) + RULES.format(issuer=NAME, keys=keys)
    text += gate("production", DOOR) + DOOR_KEYS.format(issuer=NAME, keys=keys)
    return mesh_of(text)


def ask(mesh, host, path="/", *args, token=None):
    """The status, and what the application saw or what the proxy said."""
    shown = ["-H", f"authorization: Bearer {token}"] if token else []
    done = mesh.curl(*HERE, "-g", "-w", "\n%{http_code}", *shown, *args, f"http://{host}:8080{path}")
    body, status = done.stdout.rsplit("\n", 1)
    return int(status), json.loads(body) if status == "200" else body


def seen(said, name):
    return [value for known, value in said["fields"] if known.lower() == name]


def wrong(ours, stranger):
    """Tokens that nobody must believe: what is said, the status, the token."""
    good = ours.token()
    tampered = good.rsplit(".", 1)[0] + "." + ours.token(sub="eve").rsplit(".", 1)[1]
    other = stranger.token()
    return [
        ("Jwt issuer is not configured", 401, ours.token(iss="https://other.example.com")),
        ("Audiences in Jwt are not allowed", 403, ours.token(aud="web.example.com")),
        ("Audiences in Jwt are not allowed", 403, ours.token(aud=None)),
        ("Jwt verification fails", 401, tampered),
        ("Jwks doesn't have key to match kid or alg from Jwt", 401, other),
        ("Jwt is expired", 401, ours.token(exp=1_600_000_000)),
        ("Jwt not yet valid", 401, ours.token(nbf=4_000_000_000)),
        ("Jwt", 401, ours.unsigned()),
        ("Jwt", 401, ours.shared()),
        ("Jwt", 401, "garbage"),
        ("Jwt", 401, "a.b.c"),
    ]


def test_the_seed_s_rules_believe_the_issuer_s_tokens_and_no_others(tokens_mesh, issuers):
    mesh, (ours, stranger) = tokens_mesh, issuers
    good = ours.token()
    until("the rules are in force", lambda: ask(mesh, "api-gateway")[0] == 403)
    status, said = ask(mesh, "api-gateway", "/orders", token=good)
    assert status == 200, said
    assert seen(said, "authorization") == [f"Bearer {good}"], "the seed forwards it"
    assert ask(mesh, "api-gateway", "/orders")[0] == 403, "without a token it is nobody's request"
    assert ask(mesh, "api-gateway", "/health")[0] == 200
    assert ask(mesh, "api-gateway", "/ready")[0] == 200
    for words, status, token in wrong(ours, stranger):
        for path in ("/orders", "/health"):
            found = ask(mesh, "api-gateway", path, token=token)
            assert found[0] == status and words in found[1], (words, path, found)


def test_a_service_that_requires_tokens_answers_nobody_else(tokens_mesh, issuers):
    mesh, (ours, _) = tokens_mesh, issuers
    host = "api-service.default"
    until("the rules are in force", lambda: ask(mesh, host)[0] == 403)
    assert ask(mesh, host, token=ours.token())[0] == 200
    assert ask(mesh, host, token=ours.token(sub=None))[0] == 403, "no subject, no principal"
    assert ask(mesh, host, "/health")[0] == 403


def test_a_refusal_challenges_the_client(tokens_mesh, issuers):
    url = "http://api-gateway:8080/orders?x=1"
    done = tokens_mesh.curl(*HERE, "-i", "-H", "authorization: Bearer x", url)
    challenge = f'www-authenticate: Bearer realm="{url}", error="invalid_token"'
    assert challenge in done.stdout, done.stdout


def test_a_preflight_needs_no_token(tokens_mesh):
    fields = ["-X", "OPTIONS", "-H", "origin: https://a.example", "-H", "access-control-request-method: PUT"]
    status, body = ask(tokens_mesh, "places", "/", "-H", "x-token: Token x", *fields)
    assert status == 200, body


def test_tokens_stand_where_the_rule_says(tokens_mesh, issuers):
    mesh, good = tokens_mesh, issuers[0].token(realm={"role": "admin"}, age=42)
    ways = [
        ("/", ["-H", f"x-token: Token {good}"]),
        (f"/?a=1&tok={good}&b=2", []),
        ("/", ["-H", f"cookie: a=b; session={good}"]),
    ]
    for path, args in ways:
        status, said = ask(mesh, "places", path, *args)
        assert status == 200, (path, args, said)
        assert seen(said, "x-sub") == ["ann"] and seen(said, "x-role") == ["admin"] and seen(said, "x-age") == ["42"], said
        (payload,) = seen(said, "x-payload")
        assert json.loads(base64.urlsafe_b64decode(payload + "=="))["sub"] == "ann"
        assert seen(said, "x-token") == [], "the token has done its work"
        assert good not in said["path"]
    assert ask(mesh, "places", "/?a=1&tok=x")[0] == 401
    assert ask(mesh, "places", "/", "-H", "cookie: session=x")[0] == 401
    # It is none of this rule where others have it.
    status, said = ask(mesh, "places", token="x")
    assert status == 200 and seen(said, "x-sub") == [], said


def test_nobody_can_say_himself_what_a_token_claims(tokens_mesh, issuers):
    mesh = tokens_mesh
    lies = ["-H", "x-sub: root", "-H", "X-Role: admin", "-H", "x-payload: e30"]
    status, said = ask(mesh, "places", "/", *lies)
    assert status == 200, said
    assert [seen(said, name) for name in ("x-sub", "x-role", "x-payload")] == [[], [], []], said
    status, said = ask(mesh, "places", "/", *lies, "-H", f"x-token: Token {issuers[0].token()}")
    assert (seen(said, "x-sub"), seen(said, "x-role")) == (["ann"], []), said


def test_rules_ask_for_claims(tokens_mesh, issuers):
    mesh, ours = tokens_mesh, issuers[0]
    cases = [
        ("/list", {"groups": ["users", "staff"]}, 200),
        ("/list", {"groups": "admin"}, 200),
        ("/list", {"groups": ["users"]}, 403),
        ("/list", {}, 403),
        ("/nested", {"realm": {"role": "admin"}}, 200),
        ("/nested", {"realm": {"role": ["user", "adept"]}}, 200),
        ("/nested", {"realm": {"role": "user"}}, 403),
        ("/nested", {"realm": "admin"}, 403),
        ("/scope", {"scope": "read write"}, 200),
        ("/scope", {"scope": "readwrite"}, 403),
        ("/reader", {"groups": ["users"]}, 200),
        ("/reader", {"groups": ["users", "blocked"]}, 403),
        ("/reader", {"sub": "bob"}, 403),
    ]
    for path, claims, expected in cases:
        token = ours.token(**claims)
        status, said = ask(mesh, "places", path, "-H", f"x-token: Token {token}")
        assert status == expected, (path, claims, said)
        assert ask(mesh, "places", path)[0] == 403, (path, "without a token")


def knock(mesh, token=None, **fields):
    """The status that a client outside of the mesh gets at the gateway."""
    shown = {**fields, **({"authorization": f"Bearer {token}"} if token else {})}
    args = [word for name, value in shown.items() for word in ("-H", f"{name}: {value}")]
    done = mesh.run("curl", "-sS", "--max-time", "60", "-o", "/dev/null", "-w", "%{http_code}", *args, f"http://localhost:{mesh.http}/", check=False)
    return int(done.stdout or 0)


def test_a_gateway_routes_by_claims(tokens_mesh, issuers):
    mesh, ours = tokens_mesh, issuers[0]
    until("the gateway serves", lambda: knock(mesh) == 203)
    until("the gateway verifies", lambda: knock(mesh, "garbage") == 401)
    cases = [
        ({"realm": {"role": ["user", "admin"]}}, {}, 207),
        ({"realm": {"role": "admin"}}, {}, 207),
        ({"realm": {"role": "user"}}, {}, 200),
        ({"realm": "admin"}, {}, 200),
        ({"groups": ["users", "staff"]}, {}, 200),
        ({"groups": ["users", "staff"]}, {"x-a": "b"}, 208),
        ({"sub": "bob"}, {}, 226),
        ({"sub": "eve"}, {}, 203),
        ({"level": 7}, {}, 202),
        ({"team": "red"}, {}, 205),
        ({"exp": 1_600_000_000}, {}, 401),
    ]
    for claims, fields, status in cases:
        token = None if claims is None else ours.token(**claims)
        found = knock(mesh, token, **fields)
        assert found == status, (claims, fields, found)
    # Nobody can say himself what a token would. An Envoy has looked for the route before it takes such a field away.
    assert knock(mesh, **{"x-team": "red"}) in ((203,) if mesh.dataplane == "weft" else (203, 205))
