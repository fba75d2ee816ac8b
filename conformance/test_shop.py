"""The shop, end to end: what the README promises, with real tools, on both data planes."""

import json
import os
import pathlib
import re
import signal
import subprocess
import time

import pytest

from mesh import finish, report, until

PAYMENT = "http://payment-service.payments:8080"
SLEEP = ("checkout", "deploy/sleep")
OUTSIDE = ("legacy", "deploy/sleep")
SNIFFER = pathlib.Path(__file__).with_name("sniff.py")


def pods(mesh):
    return mesh.get("pods", "-A")["items"]


def test_every_pod_is_ready_and_injected_ones_have_two_containers(mesh):
    rows = mesh.kubectl("get", "pods", "-A", "--no-headers").splitlines()
    assert len(rows) >= 15
    injected = {"checkout", "payments", "orders", "production"}
    for row in rows:
        namespace, name, ready = row.split()[:3]
        assert ready == ("2/2" if namespace in injected else "1/1"), row
    report(f"{mesh.name}: up with {len(rows)} pods took {mesh.up_seconds:.2f} s")


def test_the_page_is_served_through_the_ingress(mesh):
    page = mesh.run("curl", "-sS", "--max-time", "60", f"http://localhost:{mesh.http}/").stdout
    assert "<html" in page.lower()


def test_strict_resets_plaintext_and_serves_the_mesh(mesh):
    outside = mesh.curl(*OUTSIDE, f"{PAYMENT}/", check=False)
    assert outside.returncode == 56, outside.stderr
    assert mesh.code(*SLEEP, f"{PAYMENT}/") == "200"


def enter(pid):
    """The words that start a command in the network namespace of a process."""
    other_user = os.readlink(f"/proc/{pid}/ns/user") != os.readlink("/proc/self/ns/user")
    user = ["-U", "--preserve-credentials"] if other_user else []
    return ["nsenter", "-t", str(pid), *user, "-n"]


def test_no_plaintext_http_crosses_the_bridge_between_meshed_pods(mesh):
    (node,) = [p for p, line in mesh.processes() if " node " in line and "control-plane" not in line][:1]
    sniffer = subprocess.Popen(
        [*mesh.as_user(), *enter(node), "python3", "-c", SNIFFER.read_text(), "weft0"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )
    assert sniffer.stdout.readline().strip() == "listening"
    for _ in range(20):
        assert mesh.code(*SLEEP, f"{PAYMENT}/secret-path-of-the-test") in ("200", "404")
    out, _ = sniffer.communicate("stop\n", timeout=180)
    seen = json.loads(out)
    assert seen["tls_records"] > 0, seen
    assert seen["plaintext"] == 0, seen


def versions(mesh, url, count, *headers):
    load = mesh.load(*SLEEP, url, 500, count / 500, *[w for h in headers for w in ("-H", h)])
    return finish(load, count / 500)


def test_a_canary_splits_ninety_to_ten(mesh):
    mesh.apply_seed("s0-04")
    mesh.apply_seed("s0-03")
    mesh.programmed("virtualservice/payment-service", "payments")
    result = versions(mesh, f"{PAYMENT}/", 10_000)
    assert result["failed"] == 0, json.dumps(result)
    share = result["versions"]["v2"] / result["requests"]
    report(f"{mesh.name}: canary share of v2 {share:.4f} of {result['requests']}")
    assert abs(share - 0.10) <= 0.015, result


def test_weights_change_under_load_without_a_failed_request(mesh):
    mesh.apply_seed("s0-04")
    load = mesh.load(*SLEEP, f"{PAYMENT}/", 500, 12)
    for weight in (50, 0, 100, 10):
        patch = {"spec": {"http": [{"route": [
            {"destination": {"host": "payment-service", "subset": "v1"}, "weight": 100 - weight},
            {"destination": {"host": "payment-service", "subset": "v2"}, "weight": weight},
        ]}]}}
        mesh.kubectl("patch", "-n", "payments", "virtualservice/payment-service",
                     "--type=merge", "-p", json.dumps(patch))
        mesh.programmed("virtualservice/payment-service", "payments")
    result = finish(load, 12)
    assert result["failed"] == 0, json.dumps(result)


def test_headers_choose_the_version(mesh):
    mesh.apply_seed("s0-06", "production")
    mesh.programmed("virtualservice/frontend", "production")
    url = "http://frontend.production/version"
    assert "v1" in mesh.curl(*SLEEP, url).stdout
    for header in ("x-canary-user: true", "x-user-segment: beta"):
        assert "v2" in mesh.curl(*SLEEP, "-H", header, url).stdout, header


def denied_for(mesh, url, seconds):
    """True when every request of that long is denied."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if mesh.code(*SLEEP, url) != "403":
            return False
    return True


def test_a_policy_admits_one_identity_on_named_paths_only(mesh):
    mesh.apply_seed("s0-02")
    mesh.programmed("authorizationpolicy/payment-service-authz", "payments")
    caller = ("checkout", "deploy/checkout-service")
    try:
        allowed = f"{PAYMENT}/api/v1/payments/1"
        if mesh.dataplane == "envoy":
            # Envoy judges by the new policy on new connections; the old ones end within its drain time.
            until("every old connection ended", lambda: denied_for(mesh, allowed, 6))
        assert mesh.code(*caller, allowed) == "200"
        assert mesh.code(*caller, "-X", "POST", allowed) == "200"
        assert mesh.code(*caller, "-X", "DELETE", allowed) == "403"
        assert mesh.code(*caller, f"{PAYMENT}/admin") == "403"
        denied = mesh.curl(*SLEEP, allowed)
        assert denied.stdout.strip() == "RBAC: access denied"
        assert mesh.code(*SLEEP, allowed) == "403"
    finally:
        mesh.kubectl("delete", "-n", "payments", "authorizationpolicy/payment-service-authz")


JOB = """
apiVersion: batch/v1
kind: Job
metadata: {name: under-load, namespace: checkout}
spec:
  template:
    spec:
      restartPolicy: Never
      containers:
      - name: load
        image: weft/load
        args: ["--rate", "200", "--duration", "10s", "-o", "json", "http://payment-service.payments:8080/"]
"""


def report_of(mesh, job):
    """What the load of a job printed at its end."""
    text = mesh.kubectl("logs", "-n", "checkout", job, "-c", "load")
    return json.loads(text) if text.rstrip().endswith("}") else None


def everything(mesh):
    """Names and identities of all that is stored, but for what comes and goes by itself."""
    kinds = "ns,deploy,rs,pods,svc,sa,cm,secrets,virtualservices,destinationrules,gateways,peerauthentications"
    lines = mesh.kubectl("get", kinds, "-A", "--no-headers",
                         "-o", "custom-columns=K:.kind,NS:.metadata.namespace,N:.metadata.name,U:.metadata.uid")
    return sorted(lines.splitlines())


def test_the_control_plane_may_die_under_load(mesh):
    # Neither load passes the API server: one comes in by the door, one runs in a pod of its own.
    mesh.apply_text(JOB)
    until("the job runs", lambda: "load" in mesh.kubectl(
        "get", "pods", "-n", "checkout", "-l", "job-name=under-load",
        "-o", "jsonpath={.items[*].status.containerStatuses[?(@.state.running)].name}").split())
    before = everything(mesh)
    load = mesh.load_from_outside(100, 8)
    killed = mesh.control_plane_pid()
    os.kill(killed, signal.SIGKILL)
    until("a new control plane", lambda: [
        p for p, line in mesh.processes() if "control-plane" in line and p != killed])
    until("an answering API", lambda: mesh.run(
        "kubectl", "get", "ns", check=False).returncode == 0)
    assert everything(mesh) == before
    mesh.kubectl("annotate", "-n", "payments", "svc/payment-service", "weft.test/after=restart", "--overwrite")
    result = finish(load, 8)
    assert result["failed"] == 0, json.dumps(result)
    told = until("the job's report", lambda: report_of(mesh, "job/under-load"))
    assert told["failed"] == 0 and told["requests"] > 1000, json.dumps(told)
    mesh.kubectl("delete", "-n", "checkout", "job/under-load", "--wait=false")
    mesh.apply_seed("s0-04")
    mesh.apply_seed("s0-03")
    mesh.programmed("virtualservice/payment-service", "payments")


def test_memory_of_an_idle_sidecar(mesh):
    if mesh.dataplane != "weft":
        pytest.skip("the bar is for weft-proxy")
    sizes = [size for pid in mesh.descendants("weft-proxy") if (size := resident(pid))]
    report(f"{mesh.name}: resident memory of {len(sizes)} idle proxies: {min(sizes):.1f} to {max(sizes):.1f} MB")
    assert min(sizes) < 12


def resident(pid):
    """VmRSS in megabytes; None for a process that is ending, as that of a job that was deleted may be."""
    try:
        found = re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text())
    except OSError:
        return None
    return int(found[1]) / 1024 if found else None
