"""Commands that look into a running mesh: what proxies have, what they run with, what containers say."""

import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import termios

from mesh import until

PAYMENT = ("-n", "payments", "deploy/payment-service-v1")


def table(text):
    """Rows of a table: a dictionary per row, by heading."""
    head, *rows = text.rstrip("\n").splitlines()
    spans = [(m.group().strip(), m.start()) for m in re.finditer(r"\S+(?: \S+)*\s*", head)]
    ends = [start for _, start in spans[1:]] + [None]
    return [{name: row[start:end].strip() for (name, start), end in zip(spans, ends)} for row in rows]


def show(mesh, part, *target):
    return mesh.weft("proxy-config", part, *(target or PAYMENT)).stdout


def test_proxy_status_lists_every_proxy_as_synced(mesh):
    rows = table(mesh.weft("proxy-status").stdout)
    injected = [pod for pod in mesh.get("pods", "-A")["items"]
                if any(key.endswith("istio.io/status") for key in pod["metadata"].get("annotations", {}))]
    assert len(rows) == len(injected)
    for row in rows:
        assert row["TYPE"] == ("router" if "ingress" in row["NAME"] else "sidecar")
        for kind in ("CDS", "LDS", "EDS", "RDS"):
            assert row[kind].startswith("SYNCED ("), row
        assert re.fullmatch(rf"{mesh.dataplane} \d+\.\d+\.\d+", row["VERSION"]), row
    report = json.loads(mesh.weft("proxy-status", "-o", "json").stdout)
    assert len(report["proxies"]) == len(rows)


def test_proxy_config_shows_each_part_of_a_sidecar(mesh):
    listeners = table(show(mesh, "listener"))
    assert {row["PORT"] for row in listeners} >= {"15001", "15006", "8080"}
    assert any("tls" in row["MATCH"] and row["PORT"] == "15006" for row in listeners)
    clusters = table(show(mesh, "cluster"))
    frontend = [row for row in clusters if row["SERVICE FQDN"] == "frontend.production.svc.cluster.local"]
    assert frontend and frontend[0]["DIRECTION"] == "outbound" and frontend[0]["TYPE"] == "EDS"
    endpoints = table(show(mesh, "endpoint"))
    own = [row for row in endpoints if "payment-service.payments" in row["CLUSTER"]]
    assert own and all(row["STATUS"] == "HEALTHY" for row in own)
    routes = table(show(mesh, "route"))
    assert any(row["NAME"] == "8080" and "payment-service.payments" in row["VHOST NAME"] for row in routes)
    secrets = {row["RESOURCE NAME"]: row for row in table(show(mesh, "secret"))}
    assert secrets["default"]["VALID CERT"] == "true" and secrets["ROOTCA"]["TYPE"] == "CA"
    whole = show(mesh, "all", *PAYMENT, "-o", "json")
    assert "PRIVATE KEY" not in whole and json.loads(whole)["configs"]


BROKEN = """
apiVersion: v1
kind: Service
metadata: {name: broken, namespace: legacy}
spec:
  selector: {app: sleep}
  ports: [{name: http, port: 8080, targetPort: 9}]
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: broken, namespace: legacy}
spec:
  host: broken.legacy.svc.cluster.local
  trafficPolicy:
    outlierDetection: {consecutive5xxErrors: 1, interval: 1s, baseEjectionTime: 600s, maxEjectionPercent: 100}
"""


def test_an_ejected_endpoint_is_shown_as_failed(mesh):
    def outlier_check():
        rows = table(show(mesh, "endpoint", "deploy/sleep.checkout"))
        return {row["OUTLIER CHECK"] for row in rows if "broken.legacy" in row["CLUSTER"]}

    mesh.apply_text(BROKEN)
    try:
        mesh.programmed("destinationrule/broken", "legacy")
        until("the endpoint is known", lambda: outlier_check() == {"OK"})
        until("the endpoint is out", lambda: (
            mesh.code("checkout", "deploy/sleep", "http://broken.legacy:8080/") == "503"
            and outlier_check() == {"FAILED"}
        ))
        rules = {row["SERVICE FQDN"]: row["DESTINATION RULE"]
                 for row in table(show(mesh, "cluster", "deploy/sleep.checkout"))}
        assert rules["broken.legacy.svc.cluster.local"] == "broken.legacy"
    finally:
        mesh.run(mesh.peers / "kubectl", "delete", "-f", "-", stdin=BROKEN)


def test_no_key_is_shown_in_any_part(mesh):
    def keys(value):
        if isinstance(value, list):
            return [key for item in value for key in keys(item)]
        if isinstance(value, dict):
            own = [value["private_key"]] if "private_key" in value else []
            return own + [key for item in value.values() for key in keys(item)]
        return []

    for part in ("all", "secret", "listener", "cluster"):
        told = json.loads(show(mesh, part, *PAYMENT, "-o", "json"))
        assert set(keys(told)) <= {"[redacted]"}, part


def test_routes_inside_listeners_are_shown_too(mesh):
    rows = table(show(mesh, "route"))
    assert any(row["NAME"].startswith("inbound|8080|") for row in rows), rows


def test_a_pod_without_a_proxy_is_told_apart(mesh):
    done = mesh.weft("proxy-config", "all", "deploy/sleep.legacy", check=False)
    assert done.returncode == 1 and "has no proxy" in done.stderr, done


def test_proxy_config_shows_the_route_of_the_gateway_with_its_object(mesh):
    rows = table(show(mesh, "route", "-n", "istio-system", "deploy/istio-ingressgateway"))
    assert any(row["NAME"] == "http.8080" and row["VIRTUAL SERVICE"] == "shop.production" for row in rows), rows


def test_a_program_runs_in_a_pod_and_its_exit_code_comes_back(mesh):
    done = mesh.weft("exec", "-n", "checkout", "deploy/sleep", check=False, stdin="", after=("sh", "-c", "hostname; exit 7"))
    assert done.returncode == 7 and done.stdout.startswith("sleep-"), done
    echoed = mesh.weft("exec", "-i", "-n", "checkout", "deploy/sleep", stdin="to and fro", after=("cat",))
    assert echoed.stdout == "to and fro"


def test_a_namespace_may_stand_behind_the_name(mesh):
    (pod,) = mesh.get("pods", "-n", "checkout", "-l", "app=sleep")["items"]
    name = pod["metadata"]["name"]
    for target in (f"{name}.checkout", f"pod/{name}.checkout", "deploy/sleep.checkout"):
        assert mesh.weft("exec", target, after=("hostname",)).stdout.strip() == name


def test_much_input_arrives_whole_and_error_output_stands_apart(mesh):
    much = "0123456789abcdef" * 100_000
    echoed = mesh.weft("exec", "-i", "deploy/sleep.checkout", stdin=much, after=("sh", "-c", "cat; echo told >&2"))
    assert echoed.stdout == much and echoed.stderr == "told\n"


def test_the_mesh_s_own_binary_runs_in_every_container(mesh):
    for container in ("sleep", "istio-proxy"):
        told = mesh.weft("exec", "-c", container, "deploy/sleep.checkout", after=("weft", "version")).stdout
        assert told.startswith("weft "), told


def test_a_program_gets_a_terminal_of_our_size(mesh):
    ours, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 33, 91, 0, 0))
    # The size is told after the start, as by kubectl.
    script = "until stty size | grep -v '^0 0'; do :; done; test -t 1 && exit 4"
    command = [mesh.bin / "weft", "exec", "-it", "deploy/sleep.checkout", "--state-dir", mesh.state]
    running = subprocess.Popen(
        [*mesh.as_user(), *map(str, command), "--", "sh", "-c", script],
        stdin=its, stdout=subprocess.PIPE, env=mesh.environment(),
    )
    before = termios.tcgetattr(ours)
    out, _ = running.communicate(timeout=180)
    assert out.decode().strip() == "33 91" and running.returncode == 4
    assert termios.tcgetattr(ours) == before, "the terminal is as it was"
    os.close(ours)
    os.close(its)


def test_who_stops_reading_ends_the_program_without_an_error(mesh):
    running = mesh.popen(mesh.bin / "weft", "exec", "deploy/sleep.checkout", "--state-dir", mesh.state, "--", "yes")
    assert running.stdout.readline() == "y\n"
    running.stdout.close()
    assert running.wait(timeout=180) == 141 and running.stderr.read() == ""


def test_logs_of_a_container_are_printed(mesh):
    text = mesh.weft("logs", "-n", "payments", "deploy/payment-service-v1", "-c", "istio-proxy").stdout
    assert "certificate issued" in text
    last = mesh.weft("logs", "-n", "payments", "deploy/payment-service-v1", "-c", "istio-proxy", "--tail", "1").stdout
    assert len(last.splitlines()) == 1


def test_a_followed_log_goes_on_until_we_leave(mesh):
    running = mesh.popen(
        mesh.bin / "weft", "logs", "-f", "-c", "istio-proxy", "deploy/sleep.checkout", "--state-dir", mesh.state,
    )
    assert running.stdout.readline()
    assert running.poll() is None
    running.terminate()
    running.wait(timeout=180)


RESTARTING = """
apiVersion: v1
kind: Pod
metadata: {name: restarting, namespace: legacy}
spec:
  terminationGracePeriodSeconds: 0
  containers:
  - {name: main, image: host, command: [sh, -c, "echo run of $$; sleep 0.2; exit 1"]}
"""


def test_the_log_of_the_run_before_a_restart_is_kept(mesh):
    mesh.apply_text(RESTARTING)
    try:
        def previous():
            return mesh.weft("logs", "--previous", "restarting.legacy", check=False).stdout

        assert until("there was a run before", previous).startswith("run of ")
    finally:
        mesh.run(mesh.peers / "kubectl", "delete", "-f", "-", stdin=RESTARTING)


def test_an_earlier_run_that_never_was_has_no_log(mesh):
    done = mesh.weft("logs", "--previous", "deploy/sleep.checkout", check=False)
    assert done.returncode == 1 and "no previous run" in done.stderr, done


def test_a_name_that_does_not_exist_is_answered_with_a_near_one(mesh):
    done = mesh.weft("logs", "payment-service-v1", check=False)
    assert done.returncode == 1
    assert "there is no pod payment-service-v1 in namespace default" in done.stderr
    assert "-n payments" in done.stderr or "-n production" in done.stderr
