"""Limits of rates, on both data planes: the EnvoyFilter of a seed at the gateway, limits by what requests say of themselves at a sidecar, and
limits that are only counted, and limits that routes have of their own."""

import pytest

from manifests import ECHO, SLEEP, deployment, gate, namespace, service
from mesh import until

pytestmark = pytest.mark.patient

CLIENT = ("shop", "deploy/client")
LIMIT = "envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit"
ALL = "{default_value: {numerator: 100}}"
NONE = "{default_value: {numerator: 0}}"


def patch(config, context="SIDECAR_INBOUND", before=""):
    manager = f"name: envoy.filters.network.http_connection_manager{before}"
    config = " ".join(config.split())
    value = f"name: envoy.filters.http.local_ratelimit, typed_config: {{'@type': type.googleapis.com/{LIMIT}, {config}}}"
    return f"""    - applyTo: HTTP_FILTER
      match: {{context: {context}, listener: {{filterChain: {{filter: {{{manager}}}}}}}}}
      patch: {{operation: INSERT_BEFORE, value: {{{value}}}}}
"""


def limits(name, app, *patches):
    return f"""---
apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: {{name: {name}, namespace: shop}}
spec:
  workloadSelector: {{labels: {{app: {app}}}}}
  configPatches:
{"".join(patches)}"""


def merged(apply_to, context, vhost, config):
    """A limit that virtual hosts or routes have of their own."""
    config = " ".join(config.split())
    own = f"envoy.filters.http.local_ratelimit: {{'@type': type.googleapis.com/{LIMIT}, {config}}}"
    return f"""    - applyTo: {apply_to}
      match: {{context: {context}, routeConfiguration: {{vhost: {vhost}}}}}
      patch: {{operation: MERGE, value: {{typed_per_filter_config: {{{own}}}}}}}
"""


def bucket(most, every="3600s"):
    return f"{{max_tokens: {most}, tokens_per_fill: {most}, fill_interval: {every}}}"


# Each user may ask three times, and ann only once; whoever is refused hears of it.
BY_USER = f"""stat_prefix: by_user, filter_enabled: {ALL}, filter_enforced: {ALL}, enable_x_ratelimit_headers: DRAFT_VERSION_03,
enable_retry_after_header: true, response_headers_to_add: [{{header: {{key: x-limited, value: 'yes'}}}}],
rate_limits: [{{actions: [{{request_headers: {{header_name: x-user, descriptor_key: user}}}}]}}],
descriptors: [{{entries: [{{key: user}}], token_bucket: {bucket(3)}}}, {{entries: [{{key: user, value: ann}}], token_bucket: {bucket(1)}}}]
"""
# Only counted; the server is told.
TRIED = f"""stat_prefix: tried, filter_enabled: {ALL}, filter_enforced: {NONE}, token_bucket: {bucket(1)},
request_headers_to_add_when_not_enforced: [{{header: {{key: x-beyond, value: 'yes'}}}}]
"""
# For one route of the client's; all others, and the filter by itself, limit nothing.
ROUTED = f"""stat_prefix: routed, filter_enabled: {ALL}, filter_enforced: {ALL}, enable_x_ratelimit_headers: DRAFT_VERSION_03,
token_bucket: {bucket(2)}
"""
ROUTES = """---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: routed, namespace: shop}
spec:
  hosts: [routed]
  http:
    - {name: dear, match: [{uri: {prefix: /dear}}], route: [{destination: {host: routed, port: {number: 8080}}}]}
    - {name: cheap, route: [{destination: {host: routed, port: {number: 8080}}}]}
"""


def objects():
    text = namespace("shop") + deployment("client", "shop", SLEEP)
    for name in ("users", "tried", "routed"):
        text += service(name, "shop", "{name: http, port: 8080}") + deployment(name, "shop", ECHO)
    text += gate("shop", "{route: [{destination: {host: users, port: {number: 8080}}}]}")
    router = ", subFilter: {name: envoy.filters.http.router}"
    text += limits("users", "users", patch(BY_USER)) + limits("tried", "tried", patch(TRIED, before=router)) + ROUTES
    host = "{name: 'routed.shop.svc.cluster.local:8080', route: {name: dear, action: ROUTE}}"
    empty = patch("stat_prefix: nothing", context="SIDECAR_OUTBOUND")
    return text + limits("routed", "client", empty, merged("HTTP_ROUTE", "SIDECAR_OUTBOUND", host, ROUTED))


@pytest.fixture(scope="module")
def limits_mesh(mesh_of):
    return mesh_of(objects())


def ask(mesh, host, user=None, path="/"):
    """The status, the fields of the answer, and its body."""
    shown = ["-H", f"x-user: {user}"] if user else []
    done = mesh.curl(*CLIENT, "-i", *shown, f"http://{host}:8080{path}", check=False)
    head, _, body = done.stdout.replace("\r\n", "\n").partition("\n\n")
    lines = head.split("\n")
    fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
    return int((lines[0].split(" ") + ["0", "0"])[1] or 0), fields, body


def burst(mesh, count):
    """Statuses of requests from outside, one after the other."""
    url = f"http://localhost:{mesh.http}/[1-{count}]"
    done = mesh.run("curl", "-sS", "--max-time", "20", "-o", "/dev/null", "-w", "%{http_code}\\n", url, check=False)
    return [line for line in done.stdout.split("\n") if line]


def test_the_seed_limits_what_comes_in(limits_mesh):
    mesh = limits_mesh
    until("the gateway serves", lambda: burst(mesh, 1) == ["200"])
    mesh.apply_seed("s3-10")
    mesh.programmed("envoyfilter/rate-limit", "istio-system")
    first = burst(mesh, 400)
    assert set(first[:100]) == {"200"}, first
    assert "429" in first or until("the 101st request is refused", lambda: "429" in burst(mesh, 400)), first
    assert set(first) <= {"200", "429"}, first

    def refusal():
        done = mesh.run("curl", "-sS", "-i", "--max-time", "20", f"http://localhost:{mesh.http}/[1-50]", check=False).stdout
        return " 429 " in done and "local_rate_limited" in done

    until("the refusal says why", refusal)
    mesh.kubectl("delete", "envoyfilter", "rate-limit", "-n", "istio-system")
    until("nothing is limited any more", lambda: set(burst(mesh, 200)) == {"200"})


def test_each_value_has_a_bucket_of_its_own(limits_mesh):
    mesh = limits_mesh
    until("the limit acts", lambda: "x-ratelimit-limit" in ask(mesh, "users", "first")[1])
    for left in (2, 1, 0):
        status, fields, _ = ask(mesh, "users", "bob")
        assert (status, fields["x-ratelimit-limit"], fields["x-ratelimit-remaining"]) == (200, "3", str(left)), fields
    status, fields, body = ask(mesh, "users", "bob")
    assert (status, body, fields["x-limited"], fields["x-ratelimit-remaining"]) == (429, "local_rate_limited", "yes", "0")
    # A token comes every twenty minutes.
    assert 600 < int(fields["retry-after"]) <= 1200 and 600 < int(fields["x-ratelimit-reset"]) <= 1200, fields
    assert [ask(mesh, "users", user)[0] for user in ("ann", "ann", "cleo")] == [200, 429, 200]
    status, fields, _ = ask(mesh, "users")
    assert status == 200 and "x-ratelimit-limit" not in fields and "x-limited" not in fields, "who says nothing is not limited"


def test_what_is_only_counted_goes_on(limits_mesh):
    mesh = limits_mesh

    def counted():
        status, fields, body = ask(mesh, "tried")
        return status == 200 and "x-beyond" in body.lower()

    until("the server is told of what is beyond", counted)

    def told():
        stats = mesh.curl("shop", "deploy/tried", "http://127.0.0.1:15000/stats").stdout
        found = dict(line.split(": ", 1) for line in stats.splitlines() if line.startswith("tried.http_local_rate_limit."))
        count = {name.rsplit(".", 1)[1]: int(value) for name, value in found.items()}
        return count.get("ok") == 1 and count["rate_limited"] >= 1 and count["enforced"] == 0 and count["enabled"] > count["ok"]

    until("the dry run is counted", told)


def test_a_route_has_a_limit_of_its_own(limits_mesh):
    mesh = limits_mesh

    def acts():
        """Asks the route until it is limited; what was taken before is not taken back for an hour."""
        status, fields, body = ask(mesh, "routed", path="/dear")
        return (status, body, fields.get("x-ratelimit-limit")) == (429, "local_rate_limited", "2")

    until("the route is limited", acts)
    # The client's proxy refuses, so that the server may not be there yet.
    until("other routes are not", lambda: ask(mesh, "routed", path="/cheap")[0] == 200)
    statuses = [ask(mesh, "routed", path="/cheap") for _ in range(3)]
    assert all(status != 429 and "x-ratelimit-limit" not in fields for status, fields, _ in statuses), statuses
    until("nor are other hosts", lambda: ask(mesh, "users", "dora")[0] == 200)
