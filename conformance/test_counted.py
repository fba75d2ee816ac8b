"""What one proxied HTTP/1.1 request may cost: instructions, allocations and system calls, which are the same on every machine.

The bounds are in counted.json; half a call is room for what runs beside requests, so that one more call in each request is
seen. Who makes the proxy cheaper lowers them; who has to raise them says in the commit what was bought. `bench/profile` tells
which function took what. The gateway speaks plain text; client and server are the two sidecars of a mesh, mutual TLS between
them, with all that is on by default.
"""

import json
import pathlib

import pytest

from counted import PROXIES, count
from mesh import report

BOUNDS = json.loads((pathlib.Path(__file__).parent / "counted.json").read_text())
REQUESTS = 300
# So much below its bound a figure is reported, that the bound may follow.
SLACK = 0.9


@pytest.fixture(scope="module")
def figures():
    return count(REQUESTS)


@pytest.mark.parametrize("proxy", PROXIES)
def test_a_request_costs_no_more_than_it_did(figures, proxy):
    for what, figure in figures[proxy].items():
        bound = BOUNDS[proxy][what]
        report(f"{proxy}, one request: {figure:,.2f} {what}, bound {bound:,}" + (" (lower the bound)" if figure < bound * SLACK else ""))
    dearer = {what: figure for what, figure in figures[proxy].items() if figure > BOUNDS[proxy][what]}
    assert not dearer, f"a request costs {proxy} more than counted.json allows: see bench/profile --proxy {proxy}"
