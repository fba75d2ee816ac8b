#!/usr/bin/env python3
"""Proxies beside each other: what a request costs through Weft, HAProxy, nginx and Envoy, in one run.

In: release binaries (WEFT_BIN), real peers (WEFT_PEERS, and HAProxy, nginx, wrk and h2load of Debian). Out: a table, and
bench/results/latest.json, .md and .svg. Holds: candidates take turns within every row, so that a noisy minute strikes all of
them; every proxy has one worker, on a core that only proxies have. Never: a figure of another run.

    bench/proxies/main.py [--rounds 5] [--seconds 3] [--rows REGEX] [--now]
"""

import argparse
import os
import pathlib
import re
import signal
import sys
import tempfile
import time

import candidates
import gates
import peers
import report
import rows
from stage import BACKEND, HERE, Stage

import counted

PATIENCE, QUIET = 120, 1.0
COUNTED, REQUESTS = "one HTTP/1.1 request, counted", 1000


def main():
    # Whoever is told to end takes its meshes down and keeps what it has measured.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended before its last row"))
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--now", action="store_true", help="do not wait for a quiet machine")
    parser.add_argument("--rows", default="", type=re.compile)
    wish = parser.parse_args()
    wanted = [row for row in rows.ROWS if wish.rows.search(row.name)]
    counting = wish.rows.search(COUNTED)
    if not wanted and not counting:
        sys.exit(f"no row matches {wish.rows.pattern!r}; there are:\n" + "\n".join([*(row.name for row in rows.ROWS), COUNTED]))
    machine = report.machine(peers.envoy_binary()) | {"load average at the start": f"{quiet(0 if wish.now else PATIENCE):.2f}", "seconds per round": wish.seconds}
    weft, envoy, figures = Stage("weft"), Stage("envoy"), report.Figures()
    try:
        if wanted:
            measure(wanted, wish, weft, envoy, figures)
        if counting:
            tell_counts(figures)
    finally:
        figures.keep(HERE.parent / "results", [*(row.name for row in rows.ROWS), COUNTED])
        figures.write(HERE.parent / "results", machine)
    print(figures.markdown(machine))


def measure(wanted, wish, weft, envoy, figures):
    with tempfile.TemporaryDirectory() as made:
        folder = pathlib.Path(made)
        folder.chmod(0o755)
        peers.certificates(folder)
        try:
            stages(weft, envoy, folder)
            rows.measure(wanted, candidates.Cast(weft, envoy, folder), wish.rounds, wish.seconds, figures)
        finally:
            envoy.down()
            weft.down()


def tell_counts(figures):
    """What does not depend on the machine's speed, so that one round says it."""
    for proxy, counts in counted.count(REQUESTS).items():
        figures.add(COUNTED, f"weft, {proxy}", {(what, "each"): figure for what, figure in counts.items()})


def quiet(patience):
    """Waits a while for a quiet machine (a build may just have ended); answers how loud it is."""
    end = time.monotonic() + patience
    while (load := os.getloadavg()[0]) > QUIET and time.monotonic() < end:
        time.sleep(5)
    if load > QUIET:
        print(f"WARNING: the load average is {load:.2f}: others use this machine, and the figures will not hold", file=sys.stderr)
    return load


def stages(weft, envoy, folder):
    (folder / "gates.yaml").write_text(gates.objects())
    weft.up(HERE / "mesh.yaml", folder / "gates.yaml")
    weft.mesh.kubectl("create", "secret", "tls", gates.CREDENTIAL, "-n", "gates", f"--cert={folder}/server.pem", f"--key={folder}/server.key")
    envoy.up(HERE / "mesh.yaml")
    candidates.backends(weft, ["plain", "bench", "direct"])
    candidates.backends(envoy, ["bench"])


if not BACKEND.exists():
    sys.exit(f"{BACKEND} is missing: cargo build --release -p bench-backend")
main()
