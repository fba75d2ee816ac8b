"""AuthorizationPolicy with action CUSTOM, on both data planes: a service of HTTP and one of gRPC decide on requests and connections, and what
happens when nobody can be asked. And policies that are only tried out (dry run)."""

import json
import pathlib

import pytest

from manifests import SLEEP, deployment, namespace, python, service
from mesh import until

pytestmark = pytest.mark.patient

HERE = pathlib.Path(__file__).resolve().parent
CLIENT = ("shop", "deploy/client")

PROVIDERS = """---
apiVersion: install.istio.io/v1alpha1
kind: IstioOperator
spec:
  meshConfig:
    extensionProviders:
      - name: by-http
        envoyExtAuthzHttp:
          service: judge.auth.svc.cluster.local
          port: 8000
          timeout: 2s
          pathPrefix: /check
          statusOnError: "503"
          includeRequestHeadersInCheck: [x-verdict, "x-a*", "*-end"]
          includeAdditionalHeadersInCheck: {x-by: weft}
          includeRequestBodyInCheck: {maxRequestBytes: 8, allowPartialMessage: true}
          headersToUpstreamOnAllow: [x-user]
          headersToDownstreamOnDeny: [x-why]
          headersToDownstreamOnAllow: [x-seen]
      - name: by-grpc
        envoyExtAuthzGrpc:
          service: auth/judge.auth.svc.cluster.local
          port: 9000
          timeout: 2s
          includeRequestBodyInCheck: {maxRequestBytes: 8}
      - name: open
        envoyExtAuthzHttp: {service: nobody.auth.svc.cluster.local, port: 8000, timeout: 2s, failOpen: true}
      - name: closed
        envoyExtAuthzGrpc: {service: nobody.auth.svc.cluster.local, port: 9000, timeout: 2s}
"""


def policy(name, spec, annotations=""):
    return f"""---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {{name: {name}, namespace: shop, annotations: {{{annotations}}}}}
spec: {spec}
"""


def custom(app, provider, rule='{to: [{operation: {notPaths: ["/free"]}}]}'):
    return policy(app, f"{{selector: {{matchLabels: {{app: {app}}}}}, action: CUSTOM, provider: {{name: {provider}}}, rules: [{rule}]}}")


def app(name, port="http"):
    ready = "readinessProbe: {tcpSocket: {port: 8080}}"
    return service(name, "shop", f"{{name: {port}, port: 8080}}") + deployment(name, "shop", f"{python(HERE / 'http_app.py', 8080)}, {ready}")


def objects():
    ports = "{name: http, port: 8000}, {name: grpc, port: 9000}"
    judge = f"{python(HERE / 'judge_app.py', 8000, 9000)}, readinessProbe: {{tcpSocket: {{port: 8000}}}}"
    text = namespace("shop") + namespace("auth") + PROVIDERS
    text += service("judge", "auth", ports) + deployment("judge", "auth", judge) + service("nobody", "auth", ports)
    text += deployment("client", "shop", SLEEP) + app("web") + app("rpc") + app("door") + app("wall") + app("raw", "tcp")
    text += custom("web", "by-http") + custom("rpc", "by-grpc") + custom("door", "open") + custom("wall", "closed")
    text += custom("raw", "by-grpc", "{}")
    never = '{to: [{operation: {paths: ["/never"]}}]}'
    for name in ("web", "rpc"):
        text += policy(f"never-{name}", f"{{selector: {{matchLabels: {{app: {name}}}}}, action: DENY, rules: [{never}]}}")
    tried = '{to: [{operation: {paths: ["/tried"]}}]}'
    web = "selector: {matchLabels: {app: web}}"
    text += policy("tried", f"{{{web}, action: DENY, rules: [{tried}]}}", 'istio.io/dry-run: "true"')
    return text


@pytest.fixture(scope="module")
def custom_mesh(mesh_of):
    return mesh_of(objects())


def ask(mesh, host, path="/", *args, verdict=None):
    """The status, the fields of the answer, and its body."""
    shown = ["-H", f"x-verdict: {verdict}"] if verdict else []
    done = mesh.curl(*CLIENT, "-i", *shown, *args, f"http://{host}:8080{path}", check=False)
    head, _, body = done.stdout.replace("\r\n", "\n").partition("\n\n")
    lines = head.split("\n")
    fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
    return int((lines[0].split(" ") + ["0", "0"])[1] or 0), fields, body


def ready(mesh, host):
    until(f"{host} is asked about", lambda: ask(mesh, host, verdict="allow")[0] == 200 and ask(mesh, host, verdict="deny")[0] == 401)


def seen(body, name):
    return [value for known, value in json.loads(body)["fields"] if known.lower() == name]


@pytest.mark.parametrize("host", ["web", "rpc"])
def test_a_yes_lets_pass_and_changes_both_ways(custom_mesh, host):
    mesh = custom_mesh
    ready(mesh, host)
    status, fields, body = ask(mesh, host, "/a?b=c", "-H", "x-user: root", "-H", "x-secret: s", verdict="allow")
    assert (status, fields.get("x-seen")) == (200, "yes"), (fields, body)
    assert seen(body, "x-user") == ["ann"] and not seen(body, "x-secret") and not seen(body, "x-hidden"), body
    assert json.loads(body)["path"] == "/a?b=c"


@pytest.mark.parametrize("host", ["web", "rpc"])
def test_a_no_is_told_to_the_client(custom_mesh, host):
    mesh = custom_mesh
    ready(mesh, host)
    status, fields, body = ask(mesh, host, "/a?b=c", "-H", "x-abc: 1", "-H", "x-b-end: 2", "-H", "cookie: c=d", verdict="deny")
    assert (status, fields.get("x-why"), fields.get("x-hidden")) == (401, "because", None), (fields, body)
    asked = json.loads(body)
    assert asked["path"] == ("/check/a?b=c" if host == "web" else "/a?b=c")
    assert (asked["fields"]["x-abc"], asked["fields"]["x-b-end"]) == ("1", "2")
    if host == "web":
        assert asked["fields"]["x-by"] == "weft" and "cookie" not in asked["fields"]
    else:
        assert asked["principal"] == "spiffe://cluster.local/ns/shop/sa/default", asked
        assert asked["fields"][":path"] == "/a?b=c" and asked["fields"]["cookie"] == "c=d"


def test_the_path_may_become_another_one(custom_mesh):
    ready(custom_mesh, "rpc")
    status, _, body = ask(custom_mesh, "rpc", "/a", "-H", "x-path: /other?x=1", verdict="allow")
    assert (status, json.loads(body)["path"]) == (200, "/other?x=1")


def test_what_no_rule_matches_is_not_asked_about_and_a_denial_stays_one(custom_mesh):
    mesh = custom_mesh
    for host in ("web", "rpc"):
        ready(mesh, host)
        assert ask(mesh, host, "/free")[0] == 200
        assert ask(mesh, host, "/never", verdict="allow")[0] == 403
        assert ask(mesh, host, "/never", verdict="deny")[0] == 401, "who is asked comes first"


def test_a_body_is_shown_up_to_its_bound_and_goes_on_whole(custom_mesh):
    mesh = custom_mesh
    for host in ("web", "rpc"):
        ready(mesh, host)
        assert json.loads(ask(mesh, host, "/", "-d", "12345678", verdict="allow")[2])["body"] == 8
        asked = json.loads(ask(mesh, host, "/", "-d", "12345678", verdict="deny")[2])
        assert asked["body"] == "12345678"
    asked = json.loads(ask(mesh, "web", "/", "-d", "123456789", verdict="deny")[2])
    assert (asked["body"], asked["fields"]["x-envoy-auth-partial-body"]) == ("12345678", "true")
    status, _, body = ask(mesh, "web", "/", "-d", "123456789", verdict="allow")
    assert (status, json.loads(body)["body"]) == (200, 9)
    assert ask(mesh, "rpc", "/", "-d", "123456789", verdict="allow")[0] == 413


def test_who_fails_or_takes_too_long_lets_nobody_pass(custom_mesh):
    mesh = custom_mesh
    for host, status in (("web", 503), ("rpc", 403)):
        ready(mesh, host)
        assert ask(mesh, host, verdict="fail")[0] == status
        assert ask(mesh, host, verdict="slow")[0] == status


def test_who_is_not_there_lets_pass_only_where_that_is_wished(custom_mesh):
    mesh = custom_mesh
    until("nobody can be asked about wall", lambda: ask(mesh, "wall")[0] == 403)
    until("door stands open", lambda: ask(mesh, "door")[0] == 200)
    assert ask(mesh, "wall", "/free")[0] == 200


def test_connections_are_asked_about_too(custom_mesh):
    mesh = custom_mesh

    def judged(answer):
        return mesh.code(*CLIENT, f"http://judge.auth:8000/bytes/{answer}") == "200"

    until("the judge lets bytes pass", lambda: judged("allow") and ask(mesh, "raw")[0] == 200)
    until("the judge lets no bytes pass", lambda: judged("deny") and ask(mesh, "raw")[0] == 0)
    until("the judge lets bytes pass again", lambda: judged("allow") and ask(mesh, "raw")[0] == 200)


def test_a_policy_that_is_tried_out_is_counted_and_decides_nothing(custom_mesh):
    mesh = custom_mesh
    ready(mesh, "web")

    def denied():
        assert ask(mesh, "web", "/tried", verdict="allow")[0] == 200
        stats = mesh.curl("shop", "deploy/web", "http://127.0.0.1:15000/stats").stdout
        lines = [line for line in stats.splitlines() if "istio_dry_run_deny_.shadow_denied: " in line]
        return any(int(line.rsplit(" ", 1)[1]) > 0 for line in lines)

    until("the dry run is counted", denied)
