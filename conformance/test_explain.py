"""weft explain and weft translate: what they say of a running mesh is what its proxies do."""

import json

from mesh import SHOP, until

ROUTES = """
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: product, namespace: production}
spec:
  hosts: [product-service]
  http:
    - name: teapot
      match: [{uri: {prefix: /teapot}}]
      directResponse: {status: 418, body: {string: short and stout}}
    - name: moved
      match: [{uri: {exact: /old}}]
      redirect: {uri: /new, redirectCode: 308}
    - name: tester
      match: [{headers: {x-user: {exact: tester}}}]
      route: [{destination: {host: api-service.production.svc.cluster.local, port: {number: 8080}}}]
    - name: rest
      route: [{destination: {host: product-service, port: {number: 8080}}}]
      timeout: 7s
"""
HOST = "product-service.production"


def explain(mesh, *call):
    return json.loads(mesh.weft("explain", *call, "-o", "json").stdout)


def test_what_it_says_of_a_running_mesh_is_what_a_client_gets(mesh):
    mesh.apply_text(ROUTES)
    mesh.programmed("virtualservice/product", "production")
    origin = ("--from", "sleep.checkout", "--to", f"{HOST}:8080")
    url = f"http://{HOST}:8080"
    code = lambda *args: mesh.code("checkout", "deploy/sleep", *args)
    try:
        said = explain(mesh, *origin, "GET", "/teapot/1")
        assert (said["outcome"], said["route"]) == ("direct_response", "teapot")
        assert code(f"{url}/teapot/1") == str(said["status"]) == "418"
        said = explain(mesh, *origin, "GET", "/old")
        assert said["redirect"]["code"] == 308 and said["redirect"]["location"].endswith("/new")
        assert code(f"{url}/old") == "308"
        said = explain(mesh, *origin, "GET", "/", "-H", "x-user: tester")
        assert said["clusters"] == [{"name": "outbound|8080||api-service.production.svc.cluster.local", "weight": 1}]
        answer = mesh.curl("checkout", "deploy/sleep", "-s", "-H", "x-user: tester", f"{url}/").stdout
        assert "api-service" in answer
        said = explain(mesh, *origin)
        assert (said["route"], said["timeout_ms"], said["retries"]["attempts"]) == ("rest", 7000, 2)
        why = [step for step in said["trace"] if step.get("object") == "VirtualService production/product"]
        assert why and code(f"{url}/") == "200"
    finally:
        mesh.kubectl("delete", "-n", "production", "virtualservice", "product")
        until("the routes are gone", lambda: code(f"{url}/teapot/1") != "418")


def test_files_are_explained_without_a_mesh(mesh):
    calls = "\n".join(json.dumps(call) for call in (
        {"gateway": "shop.production", "to": "shop.example.com:80"},
        {"from": "sleep.checkout", "to": f"{HOST}:8080", "http2": True},
        {"from": "nobody.checkout", "to": f"{HOST}:8080"},
    ))
    done = mesh.weft("explain", "-f", SHOP, "--calls", "-", "-o", "json", check=False, stdin=calls)
    gateway, sidecar, wrong = (json.loads(line) for line in done.stdout.splitlines())
    assert done.returncode == 1 and wrong["line"] == 3 and "no pod or workload nobody" in wrong["error"]
    assert gateway["clusters"][0]["name"] == "outbound|80||frontend.production.svc.cluster.local"
    step = next(step for step in gateway["trace"] if step["step"] == "route" and "object" in step)
    assert step["object"] == "VirtualService production/shop" and step["file"].endswith("50-ingress.yaml")
    assert sidecar["clusters"][0]["name"] == "outbound|8080||product-service.production.svc.cluster.local"
    told = mesh.weft("explain", "-f", SHOP, "--from", "sleep.checkout", "--to", f"{HOST}:8080").stdout
    assert told.startswith("routed\n") and "why:" in told


def test_translate_prints_what_the_proxy_of_a_running_mesh_has(mesh):
    printed = json.loads(mesh.weft("translate", "--proxy", "sleep.checkout").stdout)
    dump = json.loads(mesh.weft("proxy-config", "all", "-n", "checkout", "deploy/sleep", "-o", "json").stdout)
    configs = {config["@type"].rsplit(".", 1)[1]: config for config in dump["configs"]}
    running = {one["cluster"]["name"] for one in configs["ClustersConfigDump"]["dynamic_active_clusters"]}
    assert {one["name"] for one in printed["clusters"]} <= running
    routes = {one["route_config"]["name"] for one in configs["RoutesConfigDump"]["dynamic_route_configs"]}
    assert {one["name"] for one in printed["routes"]} <= routes
    only = mesh.weft("translate", "-f", SHOP, "--proxy", "gateway/shop.production", "--type", "rds", "-o", "yaml").stdout
    assert only.startswith("routes:") and "\nclusters:" not in only


def test_plan_tells_what_a_change_would_do_to_a_running_mesh(mesh):
    plan = json.loads(mesh.weft("plan", "-f", "-", "-o", "json", stdin=ROUTES).stdout)
    assert plan["objects"] == ["adding VirtualService production/product"]
    assert plan["calls_asked"] and plan["proxies"] and not any(one["closed"] for one in plan["proxies"])
    teapot = next(one for one in plan["calls"] if one["call"].endswith("/teapot"))
    assert teapot["because"] == ["VirtualService production/product"]
    assert {"field": "outcome", "before": "routed", "after": "direct_response"} in teapot["fields"]
    assert mesh.code("checkout", "deploy/sleep", f"http://{HOST}:8080/teapot/1") == "200"


READERS = """
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: readers, namespace: production}
spec:
  selector: {matchLabels: {app: product-service}}
  rules:
    - from: [{source: {namespaces: [checkout]}}]
      to: [{operation: {methods: [GET]}}]
"""


def test_it_names_who_calls_and_the_rule_that_decides_at_the_server(mesh):
    mesh.apply_text(READERS)
    mesh.programmed("authorizationpolicy/readers", "production")
    origin = ("--from", "sleep.checkout", "--to", f"{HOST}:8080")
    code = lambda *args: mesh.code("checkout", "deploy/sleep", *args, f"http://{HOST}:8080/")
    try:
        until("a reader gets in", lambda: code() == "200")
        said = explain(mesh, *origin, "GET", "/")
        assert (said["outcome"], said["policy"], said["rule"], said["mtls"]) == ("routed", "production/readers", 0, True)
        assert said["peer_identity"].startswith("spiffe://cluster.local/ns/checkout/sa/")
        until("nobody writes", lambda: code("-X", "DELETE") == "403")
        said = explain(mesh, *origin, "DELETE", "/")
        assert (said["outcome"], said["status"], said["policy"]) == ("denied", 403, None)
        assert said["nearest_miss"] == {"policy": "production/readers", "rule": 0, "conditions": ["to.operation.methods: DELETE is not GET"]}
        # Nobody gets in without mutual TLS, which the shop asks of everybody.
        said = explain(mesh, *origin, "GET", "/", "--plaintext")
        assert (said["outcome"], said["peer_identity"]) == ("no_filter_chain", None)
        told = mesh.weft("explain", *origin, "DELETE", "/").stdout
        assert told.startswith("denied (403)\n") and "nearest miss: production/readers, rule 0" in told
    finally:
        mesh.kubectl("delete", "-n", "production", "authorizationpolicy", "readers")
        until("the policy is gone", lambda: code("-X", "DELETE") != "403")
