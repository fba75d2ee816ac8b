"""The bars that must hold: one line each, a ratio of two medians of this run, and whether it holds.

In: Figures. Out: Markdown. Holds: a bar whose rows were not measured says so.
"""

import dataclasses

RPS, CPU, P50, P99 = "requests per second", "CPU per request", "latency p50", "latency p99"
PER_CONNECTION, OWN = "memory per idle connection", "resident, all of it"
PLAIN = "HTTP/1.1, {} connections, {} KB"
PAIR_32, PAIR_RATE = "mesh pair, HTTP/1.1, 32 connections, 1 KB", "mesh pair, HTTP/1.1 at 1,000/s"


@dataclasses.dataclass(frozen=True)
class Bar:
    """`against` are candidates, of which the best counts, or a number. Less is better where `most` is set."""

    row: str
    metric: str
    against: object
    least: float | None = None
    most: float | None = None
    own: str = "weft"
    # What counts is what a proxy adds to the way without one.
    added: bool = False

    def ratio(self, figures):
        own, base = figures.median(self.row, self.own, self.metric), 0
        if self.added:
            base = figures.median(self.row, "direct", self.metric)
        if isinstance(self.against, (int, float)):
            theirs = [self.against]
        else:
            theirs = [value for name in self.against if (value := figures.median(self.row, name, self.metric)) is not None]
        if own is None or base is None or not theirs:
            return None
        best = max(theirs) if self.least else min(theirs)
        # CPU is the worse the more there is, so that `least` asks for theirs over ours.
        if self.least and self.metric.startswith("CPU"):
            own, best = min(theirs), own
        return (own - base) / (best - base) if best != base else None

    def text(self):
        against = f"{self.against:g}" if isinstance(self.against, (int, float)) else " or ".join(self.against)
        return f"{self.row}: {'added ' if self.added else ''}{self.metric}, {self.own} to {against}"

    def judge(self, figures):
        ratio, bar = self.ratio(figures), self.least or self.most
        wanted = f"≥ {bar:g}" if self.least else f"≤ {bar:g}"
        if ratio is None:
            return f"| {self.text()} | {wanted} | | not measured |"
        met = ratio >= bar if self.least else ratio <= bar
        missed = f"**missed by {abs(bar - ratio) / bar:.0%}**"
        return f"| {self.text()} | {wanted} | {ratio:.2f} | {'met' if met else missed} |"


def both(row, against, least, own="weft"):
    """Requests per second, and CPU per request as work done for the same CPU."""
    return [Bar(row, RPS, against, least=least, own=own), Bar(row, CPU, against, least=least, own=own)]


def pair(own):
    return [*both(PAIR_32, ("haproxy", "nginx"), 1.25, own), Bar(PAIR_32, RPS, ("envoy as in Istio",), least=4.5, own=own),
            Bar(PAIR_RATE, P50, ("envoy as in Istio",), most=0.5, own=own, added=True),
            Bar(PAIR_RATE, P99, ("nginx",), most=1.0, own=own, added=True), Bar(PAIR_RATE, CPU, ("nginx",), most=1.0, own=own)]


GRPC = "gRPC unary, 8 connections × 32 streams"
BARS = [
    *both(PLAIN.format(32, 1), ("haproxy",), 1.25), *both(PLAIN.format(512, 1), ("haproxy",), 1.3),
    *both(PLAIN.format(32, 64), ("haproxy",), 1.2), *both(PLAIN.format(32, 1), ("envoy",), 4.0),
    *pair("weft"), *pair("weft-direct"),
    *[bar for row in ("HTTP/2, 32 connections × 1 stream", "HTTP/2, 8 connections × 32 streams", GRPC)
      for bar in (*both(row, ("envoy",), 3.0), *both(row, ("nginx",), 1.0))],
    Bar("new connections, TLS, full handshakes", "connections per second", ("nginx",), least=1.0),
    Bar("new connections, TLS, full handshakes", "CPU per connection", ("nginx",), least=1.0),
    Bar("TCP, one stream", "throughput", ("envoy", "haproxy"), least=0.95),
    Bar("memory, idle", OWN, 8, most=1.0),
    Bar("memory, 1,000 idle connections", PER_CONNECTION, 2, most=1.0),
    Bar("memory, 1,000 idle connections, TLS", PER_CONNECTION, 16, most=1.0),
    Bar("memory, 1,000 services", OWN, 15, most=1.0),
    *both("routes, 32 connections, 1 KB", ("weft",), 0.95, "weft, routes 1000"),
    *both("RBAC, 32 connections, 1 KB", ("weft",), 0.95, "weft, rbac 100"),
]


def markdown(figures):
    return ["| bar | wanted | ratio | |", "|---|---|---|---|", *[bar.judge(figures) for bar in BARS]]
