"""Figures of rounds, as JSON, as Markdown with the bars that must hold, and as a plot.

In: values by row, candidate and metric. Out: bench/results/latest.json, .md, .svg.
Holds: every ratio is of medians of one run: a row is measured whole, or stays whole as the last run that measured it left it, and
says when that was; a row that failed is named with its reason.
"""

import json
import os
import platform
import statistics
import subprocess
import time

import bars
import plot

# So much faster than the fastest proxy the generator has to be, or the proxies are compared by their CPU.
HEADROOM = 1.15


class Figures:
    """Values by row, candidate, metric and unit, one a round."""

    def __init__(self):
        self.values, self.failures = {}, {}
        # Of rows that an earlier run measured: how many rounds, and when.
        self.earlier = {}
        self.now = time.strftime("%Y-%m-%d %H:%M", time.gmtime())

    def add(self, row, candidate, figures):
        for (metric, unit), value in figures.items():
            self.values.setdefault((row, candidate, metric, unit), []).append(value)

    def failed(self, row, candidate, error):
        self.failures[row, candidate] = (str(error).strip().splitlines() or [type(error).__name__])[-1][:300]

    def keep(self, folder, order):
        """Takes over the rows of the run before that this one did not measure, and brings all into an order of names."""
        file = folder / "latest.json"
        own = {row for row, *_ in [*self.values, *self.failures]}
        for record in json.loads(file.read_text()) if file.exists() else []:
            if record["row"] not in own and record["row"] in order:
                key = tuple(record[part] for part in ("row", "candidate", "metric", "unit"))
                self.values[key] = [record["min"], record["median"], record["max"]]
                self.earlier[key] = {"rounds": record["rounds"], "measured": record.get("measured", "earlier")}
        self.values = dict(sorted(self.values.items(), key=lambda one: order.index(one[0][0])))

    def measured(self, row):
        return next((told["measured"] for (r, *_), told in self.earlier.items() if r == row), self.now)

    def median(self, row, candidate, metric):
        """None where it was not measured."""
        found = [values for (r, c, m, _), values in self.values.items() if (r, c, m) == (row, candidate, metric)]
        return statistics.median(found[0]) if found else None

    def records(self):
        return [dict(zip(("row", "candidate", "metric", "unit"), key)) |
                {"median": statistics.median(values), "min": min(values), "max": max(values), "rounds": len(values), "measured": self.now} |
                self.earlier.get(key, {})
                for key, values in self.values.items()]

    def markdown(self, machine):
        lines = ["# Proxies, measured side by side", "", *[f"- {name}: {text}" for name, text in machine.items()]]
        lines += ["", *bars.markdown(self), "", *self.headroom(), ""]
        lines += ["Medians of the rounds, least and most beside them; the ratio is Weft's median to the candidate's. CPU per request in us is CPU",
                  "seconds per million requests. Latencies at a fixed rate count from when a request was due."]
        for row in dict.fromkeys(row for row, *_ in [*self.values, *self.failures]):
            lines += self.table(row)
        return "\n".join(lines) + "\n"

    def table(self, row):
        lines = ["", f"## {row}", "", f"Measured {self.measured(row)} UTC.", "", "| candidate | metric | median | least – most | Weft's ratio |", "|---|---|---|---|---|"]
        for record in self.records():
            if record["row"] == row:
                own = self.median(row, "weft", record["metric"])
                ratio = f"{own / record['median']:.2f}" if own and record["median"] else ""
                lines.append(f"| {record['candidate']} | {record['metric']}, {record['unit']} | {record['median']:.3f} | "
                             f"{record['min']:.3f} – {record['max']:.3f} | {ratio} |")
        return lines + [f"| {candidate} | failed: {why} | | | |" for (r, candidate), why in self.failures.items() if r == row]

    def headroom(self):
        """What generator and backend do alone, beside the fastest proxy."""
        lines = ["| row | generator and backend alone to the fastest proxy |", "|---|---|"]
        for (row, candidate, metric, unit), values in self.values.items():
            if candidate == "direct" and (metric.endswith("per second") or metric == "throughput"):
                others = {c: statistics.median(v) for (r, c, m, _), v in self.values.items() if (r, m) == (row, metric) and c != "direct"}
                if others:
                    fastest = max(others, key=others.get)
                    ratio = statistics.median(values) / others[fastest]
                    told = "" if ratio >= HEADROOM else " — **too little: compare CPU**"
                    lines.append(f"| {row} | {ratio:.2f} × {fastest}{told} |")
        return lines

    def write(self, folder, machine):
        folder.mkdir(exist_ok=True)
        (folder / "latest.json").write_text(json.dumps(self.records(), indent=1) + "\n")
        (folder / "latest.md").write_text(self.markdown(machine))
        (folder / "latest.svg").write_text(plot.svg(self))


def machine(envoy):
    """What was measured, where."""
    said = lambda *words: subprocess.run(words, capture_output=True, text=True, check=False)
    first = lambda done: ((done.stdout or done.stderr).strip().splitlines() or ["unknown"])[0]
    model = next((line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "unknown")
    return {"processor": f"{model}, {os.cpu_count()} cores", "kernel": platform.release(), "haproxy": first(said("haproxy", "-v")),
            "nginx": first(said("nginx", "-v")), "envoy": first(said(str(envoy), "--version")) or "see conformance/requirements.txt",
            "wrk": first(said("wrk", "-v")), "h2load": first(said("h2load", "--version"))}
