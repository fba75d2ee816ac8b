"""A plot of a run: one panel for each row, one bar for each candidate, with its least and most.

In: Figures. Out: SVG, drawn here, so that it needs no library and reads in any browser.
"""

import html
import statistics

LEADING = ("requests per second", "messages per second", "connections per second", "throughput", "latency p50",
           "memory per idle connection", "resident, all of it")
WIDTH, LABEL, LINE, HEAD, BAR = 860, 220, 20, 34, 440
COLOURS = {"direct": "#bbbbbb", "weft": "#0b7a75", "weft-direct": "#19a89f"}


def svg(figures):
    parts, y = [], 10
    for row in dict.fromkeys(row for row, *_ in figures.values):
        drawn, height = panel(figures, row, y)
        parts += drawn
        y += height
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{y}" font-family="sans-serif" font-size="12">'
            f'<rect width="{WIDTH}" height="{y}" fill="white"/>' + "".join(parts) + "</svg>\n")


def panel(figures, row, top):
    """The row's most telling metric; answers what it drew and how high it is."""
    there = {(metric, unit) for r, _, metric, unit in figures.values if r == row}
    metric, unit = min(there, key=lambda one: LEADING.index(one[0]) if one[0] in LEADING else len(LEADING))
    values = {candidate: found for (r, candidate, m, _), found in figures.values.items() if (r, m) == (row, metric)}
    most = max(max(found) for found in values.values()) or 1
    parts = [text(10, top + 18, f"{row}: {metric}, {unit}", "font-weight='bold'")]
    for number, (candidate, found) in enumerate(values.items()):
        y, length = top + HEAD + number * LINE, lambda value: max(value, 0) / most * BAR
        middle = statistics.median(found)
        colour = COLOURS.get(candidate, "#0b7a75" if candidate.startswith("weft") else "#c98b3a")
        parts += [text(10, y + 11, candidate),
                  f'<rect x="{LABEL}" y="{y}" width="{length(middle):.1f}" height="14" fill="{colour}"/>',
                  f'<line x1="{LABEL + length(min(found)):.1f}" x2="{LABEL + length(max(found)):.1f}" y1="{y + 7}" y2="{y + 7}" stroke="black"/>',
                  text(LABEL + BAR + 12, y + 11, f"{middle:,.4g}  ({min(found):,.4g} – {max(found):,.4g})")]
    return parts, HEAD + len(values) * LINE + 12


def text(x, y, words, more=""):
    return f'<text x="{x}" y="{y}" {more}>{html.escape(words)}</text>'
