#!/usr/bin/env python3
"""How the control plane's figures grow with services and with proxies, as one plot.

In: bench/results/control-plane.json, of one run over several sizes. Out: an SVG beside it: a panel for each figure, a line over
the number of proxies for each number of services; both axes are logarithmic, so that a cost that grows with n rises by one.
Why here and not in the bench: it draws again from the figures that were kept, without a run.

    bench/control-plane/plot.py [FIGURES.json]
"""

import html
import json
import math
import pathlib
import re
import sys

HERE = pathlib.Path(__file__).resolve().parent
TITLE = re.compile(r"(?P<services>\d+) services, (?P<proxies>\d+) proxies(?P<scope>, each namespace for itself)?: (?P<row>.+)")
PANELS = [
    ("one endpoint", "apply to last ack"), ("one endpoint", "processor time of one change"),
    ("one route", "apply to last ack"), ("one route", "processor time of one change"),
    ("one policy", "apply to last ack"), ("a new service", "apply to last ack"),
    ("cold start", "until all are in sync"), ("cold start", "resident"),
]
WIDTH, HEIGHT, MARGIN, COLUMNS = 430, 300, 60, 2
COLOURS = ["#0b7a75", "#c98b3a", "#7a4fa3", "#b23a48", "#3a6ea5"]


def series(figures, row, metric):
    """Lines by number of services and scope: (proxies, figure), and the unit."""
    lines, unit = {}, ""
    for figure in figures:
        told = TITLE.fullmatch(figure["row"])
        if told and (told["row"], figure["metric"]) == (row, metric) and figure["median"] > 0:
            name = f"{int(told['services']):,} services{', scoped' if told['scope'] else ''}"
            lines.setdefault(name, []).append((int(told["proxies"]), figure["median"]))
            unit = figure["unit"]
    return {name: sorted(points) for name, points in lines.items()}, unit


def decades(values):
    """The powers of ten that hold all of these."""
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    return low, max(high, low + 1)


def panel(lines, title, left, top):
    points = [point for line in lines.values() for point in line]
    (x0, x1), (y0, y1) = (decades([point[at] for point in points]) for at in (0, 1))
    across, up = WIDTH - MARGIN - 20, HEIGHT - MARGIN - 40
    x = lambda value: left + MARGIN + (math.log10(value) - x0) / (x1 - x0) * across
    y = lambda value: top + 40 + up - (math.log10(value) - y0) / (y1 - y0) * up
    parts = [text(left + 10, top + 20, title, "font-weight='bold'")]
    for power in range(x0, x1 + 1):
        parts += [rule(x(10**power), top + 40, x(10**power), top + 40 + up), text(x(10**power) - 14, top + 58 + up, f"{10**power:,}")]
    for power in range(y0, y1 + 1):
        parts += [rule(left + MARGIN, y(10**power), left + MARGIN + across, y(10**power)), text(left + 8, y(10**power) + 4, f"{10**power:,g}")]
    for number, (name, line) in enumerate(lines.items()):
        colour = COLOURS[number % len(COLOURS)]
        drawn = " ".join(f"{x(proxies):.1f},{y(figure):.1f}" for proxies, figure in line)
        parts.append(f'<polyline points="{drawn}" fill="none" stroke="{colour}" stroke-width="2"/>')
        for proxies, figure in line:
            parts += [f'<circle cx="{x(proxies):.1f}" cy="{y(figure):.1f}" r="3" fill="{colour}"/>', text(x(proxies) + 5, y(figure) - 5, f"{figure:,.4g}", f"fill='{colour}'")]
        parts.append(text(left + MARGIN + 10 + 160 * (number % 2), top + HEIGHT - 2 + 14 * (number // 2), name, f"fill='{colour}'"))
    return parts


def rule(x1, y1, x2, y2):
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="#dddddd"/>'


def text(x, y, words, more=""):
    return f'<text x="{x:.1f}" y="{y:.1f}" {more}>{html.escape(words)}</text>'


def svg(figures):
    parts, drawn, step = [], 0, HEIGHT + 40
    for row, metric in PANELS:
        lines, unit = series(figures, row, metric)
        if lines:
            title = f"{row}: {metric}, {unit}, by proxies"
            parts += panel(lines, title, drawn % COLUMNS * WIDTH, drawn // COLUMNS * step)
            drawn += 1
    width, height = COLUMNS * WIDTH, math.ceil(drawn / COLUMNS) * step
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" font-family="sans-serif" font-size="11">'
            f'<rect width="{width}" height="{height}" fill="white"/>' + "".join(parts) + "</svg>\n")


def main():
    path = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else HERE.parent / "results" / "control-plane.json"
    path.with_suffix(".svg").write_text(svg(json.loads(path.read_text())))


if __name__ == "__main__":
    main()
