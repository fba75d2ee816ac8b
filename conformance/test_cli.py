"""The commands that look at a mesh as a whole: what they answer, to people and to programs, and with which exit code."""

import json
import socket

from mesh import SHOP, Mesh, free_port


def test_status_counts_pods_and_proxies(mesh):
    text = mesh.weft("status").stdout
    assert "pods           19 of 19 ready" in text
    assert "proxies        18 of 18 synced" in text
    told = json.loads(mesh.weft("status", "-o", "json").stdout)
    assert told["running"] and told["stateDir"] == str(mesh.state)
    assert told["ingressHttp"] == f"http://localhost:{mesh.http}"
    assert told["podsReady"] == {"good": 19, "all": 19, "behind": []}
    assert told["proxiesSynced"]["good"] == 18


def test_without_a_mesh_every_command_says_so_and_fails(tmp_path):
    mesh = Mesh()
    try:
        mesh.state = tmp_path / "nothing"
        assert json.loads(mesh.weft("status", "-o", "json", check=False).stdout)["running"] is False
        for command in (["status"], ["proxy-status"], ["logs", "a"], ["proxy-config", "all", "a"]):
            done = mesh.weft(*command, check=False)
            assert done.returncode == 1
            assert "no mesh runs with the state in" in done.stdout + done.stderr
        assert not mesh.state.exists()
    finally:
        mesh.down()


def test_a_port_in_use_is_told_with_its_process(tmp_path):
    mesh = Mesh()
    try:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", mesh.http))
            taken.listen()
            done = mesh.up(SHOP, check=False)
        assert done.returncode == 1
        assert f"port {mesh.http} of localhost (--ingress-http-port) is used by python" in done.stderr
        mesh.https = mesh.api = free_port()
        done = mesh.up(SHOP, check=False)
        assert f"--api-port and --ingress-https-port are both {mesh.api}" in done.stderr
        assert not mesh.processes()
    finally:
        mesh.down()


def test_a_port_of_another_mesh_is_told_with_that_mesh(mesh):
    other = Mesh()
    try:
        other.api = mesh.api
        done = other.up(SHOP, check=False)
        assert done.returncode == 1
        assert f"is used by the mesh with the state in {mesh.state}" in done.stderr
        assert f"weft down --state-dir {mesh.state}" in done.stderr
        assert not other.processes()
    finally:
        other.down()


def test_what_is_not_ready_in_time_is_named_with_why(tmp_path):
    mesh = Mesh()
    file = tmp_path / "stuck.yaml"
    file.write_text(
        "apiVersion: v1\nkind: Pod\nmetadata: {name: stuck, namespace: default}\n"
        "spec: {containers: [{name: app, image: example.com/app}]}\n"
        "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: fine, namespace: default}\n"
        "spec:\n  selector: {matchLabels: {app: fine}}\n  template:\n"
        "    metadata: {labels: {app: fine}}\n    spec: {containers: [{name: app, image: weft/sleep}]}\n"
    )
    try:
        done = mesh.weft(
            "up", file, "--detach", "--wait", "3s", "--api-port", mesh.api,
            "--ingress-http-port", mesh.http, "--ingress-https-port", mesh.https, check=False,
        )
        assert done.returncode == 1
        lines = done.stderr.splitlines()
        assert "not everything is ready after 3 s:" in lines[0]
        assert lines[1].startswith("  pod default/stuck: app: "), done.stderr
        assert "default/fine" not in done.stderr
    finally:
        mesh.down()


def test_a_terminal_is_given_only_where_there_is_one(mesh):
    done = mesh.weft("exec", "-n", "checkout", "-i", "-t", "deploy/sleep", after=["cat"], stdin="hello\n")
    assert done.stdout == "hello\n"
    assert "no terminal" in done.stderr


def test_version_and_completion(mesh):
    version = json.loads(mesh.run(mesh.bin / "weft", "version", "-o", "json").stdout)["version"]
    assert mesh.run(mesh.bin / "weft", "version").stdout == f"weft {version}\n"
    for shell in ("bash", "zsh", "fish"):
        assert "proxy-status" in mesh.run(mesh.bin / "weft", "completion", shell).stdout


def test_a_start_that_fails_tells_the_last_log_line_and_leaves_nothing_running():
    mesh = Mesh()
    try:
        mesh.state.mkdir()
        (mesh.state / "store.redb").write_text("this is no database")
        done = mesh.up(SHOP, check=False)
        assert done.returncode == 1
        assert "store.redb" in done.stderr and "log/control-plane.log says more" in done.stderr
        assert not mesh.processes()
    finally:
        mesh.down()
