"""The real kubectl with the flags that people use, against a running mesh."""

import pytest

from mesh import running

WEB = """apiVersion: v1
kind: Namespace
metadata: {name: shop}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop, labels: {app: web}}
spec:
  replicas: 1
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: weft/echo, ports: [{containerPort: 8080}], env: [{name: A, value: x}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop, annotations: {note: mine}}
spec: {selector: {app: web}, ports: [{name: http, port: 80, targetPort: 8080}]}
"""


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    with running(tmp_path_factory.mktemp("kubectl") / "mesh.yaml", WEB) as mesh:
        yield mesh


def kubectl(mesh, *words, stdin=None):
    done = mesh.run(mesh.peers / "kubectl", "-n", "shop", *words, check=False, stdin=stdin)
    return done.returncode, done.stdout + done.stderr


def test_what_weft_up_applied_is_unchanged_for_kubectl(shop):
    code, told = kubectl(shop, "diff", "-f", "-", stdin=WEB)
    assert (code, told) == (0, "")
    code, told = kubectl(shop, "apply", "-f", "-", stdin=WEB)
    assert code == 0 and told.count("unchanged") == 3, told
    code, told = kubectl(shop, "diff", "-f", "-", stdin=WEB.replace("value: x", "value: z"))
    assert code == 1 and "-          value: x" in told and "+          value: z" in told, told
    assert "value: x" in kubectl(shop, "get", "deploy", "web", "-o", "yaml")[1]


def test_kubectl_acts_as_somebody_else_only_with_the_rights_of_that_user(shop):
    account = "--as=system:serviceaccount:shop:default"
    assert kubectl(shop, "auth", "can-i", "get", "pods", account) == (0, "yes\n")
    assert kubectl(shop, "auth", "can-i", "get", "secrets", account) == (1, "no\n")
    code, told = kubectl(shop, "delete", "service", "web", account)
    assert code != 0 and "system:serviceaccount:shop:default may only read" in told, told
    code, told = kubectl(shop, "get", "secrets", "--as=jane", "--as-group=dev")
    assert code != 0 and "jane may only read" in told, told
    told = kubectl(shop, "auth", "whoami", "--as=jane", "--as-group=dev")[1]
    assert "jane" in told and "[dev system:authenticated]" in told, told
    assert kubectl(shop, "auth", "can-i", "delete", "pods", "--as=root", "--as-group=system:masters")[1] == "yes\n"


def test_rollouts_are_paused_undone_and_told_of(shop):
    assert kubectl(shop, "set", "image", "deploy/web", "web=weft/sleep")[0] == 0
    assert "successfully rolled out" in kubectl(shop, "rollout", "status", "deploy/web", "--timeout=180s")[1]
    history = kubectl(shop, "rollout", "history", "deploy/web")[1].splitlines()
    assert [line.split()[0] for line in history[2:] if line] == ["1", "2"], history
    assert kubectl(shop, "rollout", "undo", "deploy/web", "--to-revision=1")[0] == 0
    assert kubectl(shop, "rollout", "restart", "deploy/web")[0] == 0
    assert "successfully rolled out" in kubectl(shop, "rollout", "status", "deploy/web", "--timeout=180s")[1]
    assert "weft/echo" in kubectl(shop, "get", "deploy", "web", "-o", "wide")[1]


def test_server_side_apply_names_the_owner_of_what_it_would_take(shop):
    more = WEB.replace("replicas: 1", "replicas: 2")
    assert kubectl(shop, "apply", "--server-side", "--field-manager=one", "-f", "-", "--force-conflicts", stdin=WEB)[0] == 0
    code, told = kubectl(shop, "apply", "--server-side", "--field-manager=two", "-f", "-", stdin=more)
    assert code != 0 and '"one"' in told and ".spec.replicas" in told, told
    assert kubectl(
        shop, "apply", "--server-side", "--field-manager=two", "-f", "-", "--force-conflicts", stdin=more)[0] == 0
    assert kubectl(shop, "wait", "--for=jsonpath={.status.readyReplicas}=2", "deploy/web", "--timeout=180s")[0] == 0


def test_an_apply_set_prunes_what_is_not_applied_any_more(shop):
    def apply(*names):
        text = "---\n".join(f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\n" for name in names)
        words = ["env", "KUBECTL_APPLYSET=true", shop.peers / "kubectl", "-n", "shop", "apply", "-f", "-"]
        return shop.run(*words, "--prune", "--applyset=kept", stdin=text).stdout

    apply("a", "b")
    assert "configmap/b pruned" in apply("a")
    assert kubectl(shop, "get", "configmap", "a", "-o", "name") == (0, "configmap/a\n")


def test_selectors_that_cannot_be_read_are_refused(shop):
    for words in (["-l", "a=b=c"], ["-l", "a in b"], ["--field-selector", "foo=bar"]):
        code, told = kubectl(shop, "get", "pods", *words)
        assert code != 0 and "selector" in told, (words, told)
    assert kubectl(shop, "get", "pods", "-l", "app in (web),!old", "-o", "name")[1].startswith("pod/web-")


WORDS = {
    "top pods": "Metrics API not available",
    "get nothing": "doesn't have a resource type",
    "scale vs web --replicas=1": "not found",
    "patch deploy web --type=json -p [{\"op\":\"test\",\"path\":\"/spec/replicas\",\"value\":77}]": "/spec/replicas",
    "create deploy UPPER --image=x": "metadata.name",
    "delete ns default": "needed",
    "attach deploy/web": "kubectl logs -f",
}


@pytest.mark.parametrize("command", WORDS)
def test_what_cannot_be_done_is_said_in_one_line(shop, command):
    if "vs" in command:
        route = "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: web}\n" \
            "spec: {hosts: [web], http: [{route: [{destination: {host: web}}]}]}\n"
        assert kubectl(shop, "apply", "-f", "-", stdin=route)[0] == 0
    code, told = kubectl(shop, *command.split())
    assert code != 0 and (WORDS[command] in told or "nothing at" in told), told
