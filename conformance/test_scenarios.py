"""The scenario table on both data planes: one mesh each, the scenarios of a subject in it at a time, each judged by its requests."""

import itertools

import pytest

from conftest import planes
from mesh import report
from scenario import fill, identity, table
from verdict import Outcome, judge
from world import World

TABLE = {scenario.key: scenario for scenario in table()}


@pytest.fixture(scope="module")
def asked(request):
    """The mesh of a data plane with every scenario asked: (mesh, results, arrived)."""
    world = World(dataplane=request.param)
    try:
        world.start()
        chosen = [scenario for scenario in TABLE.values() if wanted(request, scenario)]
        results = {}
        for _, batch in itertools.groupby(chosen, key=lambda scenario: scenario.batch):
            results.update(world.live(list(batch)))
        yield world, results, world.arrived()
    finally:
        world.down()


def wanted(request, scenario):
    """Whether a test of this run is about the scenario: `-k match-03` asks no other."""
    return any(f"-{scenario.key}]" in item.name for item in request.session.items)


def pytest_generate_tests(metafunc):
    if "asked" in metafunc.fixturenames:
        metafunc.parametrize("asked", planes(metafunc.config), indirect=True, scope="module")
    if "scenario" in metafunc.fixturenames:
        metafunc.parametrize("scenario", TABLE.values(), ids=list(TABLE))


TALLY = {}


def test_scenario(asked, scenario):
    world, results, arrived = asked
    tally = TALLY.setdefault(world.dataplane, {"held": 0, "differs": 0, "todo": 0, "failed": 0})
    wrong = verdicts(world, scenario, results, arrived)
    differs = any(ask["envoy"] for ask in scenario.asks) and world.dataplane == "envoy"
    todo = any(ask["todo"] for ask in scenario.asks)
    tally["failed" if wrong else "differs" if differs else "todo" if todo else "held"] += 1
    assert not wrong, f"{scenario.title}\n" + "\n".join(wrong)


def verdicts(world, scenario, results, arrived):
    wrong = []
    for number, ask in enumerate(scenario.asks):
        key = identity(scenario, number)
        want = fill({**ask["want"], **(ask["envoy"] if world.dataplane == "envoy" else {})}, world.addresses)
        outcome = Outcome(results.get(key, "was not asked"), arrived.get(key, []))
        found = judge(outcome, want)
        wrong += [*(f"{key} {text}" for text in found), f"   {excerpt(outcome.results)}"] if found else []
    return wrong


def excerpt(results):
    """The beginning of what was got; what was no answer comes first."""
    if isinstance(results, list):
        results = sorted(results, key=lambda result: result.get("status") is not None)
    return str(results)[:600]


def test_no_proxy_refused_anything(asked):
    world, _, _ = asked
    assert not world.complaints, "\n".join(world.complaints)
    tally = TALLY.get(world.dataplane, {})
    report(f"{world.name}: scenarios {', '.join(f'{word} {count}' for word, count in tally.items())}")
