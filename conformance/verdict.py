"""Judges what came of one ask: each word that may stand under `want` is a function here that says what is wrong, if anything."""

import json
import math
import re
from collections import Counter


class Outcome:
    """The results of one ask and the requests that arrived at pods for it; mirrored are those of versions that never answer."""

    def __init__(self, results, arrived):
        self.results = results
        self.arrived = arrived
        answered = {self.header(result, "x-version") for result in results if "headers" in result}
        self.mirrored = [record for record in arrived if record["version"] not in answered]

    @property
    def first(self):
        return self.results[0]

    def header(self, result, name):
        return next((value for key, value in result["headers"] if key == name.lower()), None)

    def told(self, result):
        """What the pod that answered says that it saw."""
        try:
            return json.loads(result["body"])
        except ValueError:
            return {"headers": {}}


def judge(outcome, want):
    """Sentences about all that is not as wanted."""
    if isinstance(outcome.results, str):
        return [outcome.results]
    wrong = []
    for word, value in want.items():
        wrong += [f"{word}: {text}" for text in WORDS[word](outcome, value)]
    return wrong


def each(reading):
    """A word about every result."""
    def word(outcome, wanted):
        found = [reading(outcome, result) for result in outcome.results]
        return [f"want {wanted}, got {value}" for value in found if not fits(value, wanted)][:3]
    return word


def fits(value, wanted):
    """A list stands for any of them, `{re: ..}` for a pattern, `{min, max}` for bounds, null for nothing there."""
    if isinstance(wanted, list):
        return any(fits(value, one) for one in wanted)
    if isinstance(wanted, dict) and "re" in wanted:
        return value is not None and re.fullmatch(wanted["re"], str(value)) is not None
    if isinstance(wanted, dict):
        assert set(wanted) <= {"min", "max"}, f"unknown words {wanted}"
        return value is not None and wanted.get("min", -math.inf) <= float(value) <= wanted.get("max", math.inf)
    return value == wanted if wanted is None or not isinstance(wanted, str) else str(value) == wanted and value is not None


def named(reading):
    """A word about several named values of every result."""
    def word(outcome, wanted):
        return [f"{name}: want {value}, got {got}" for result in outcome.results[:20] for name, value in wanted.items()
                if not fits(got := reading(outcome, result, name), value)][:3]
    return word


def shares(reading):
    """A word about how results are spread; four standard deviations away is still right."""
    def word(outcome, wanted):
        total, counts = len(outcome.results), Counter(str(reading(outcome, result)) for result in outcome.results)
        return [f"want {share} as {name}, got {counts}" for name, share in wanted.items()
                if abs(counts[str(name)] / total - share) > bound(share, total)]
    return word


def bound(share, total):
    return 4 * math.sqrt(share * (1 - share) / total)


def counted(records):
    """A word about how many requests arrived: a number, bounds, or those by version."""
    def word(outcome, wanted):
        found = records(outcome)
        counts = Counter(record["version"] for record in found)
        if isinstance(wanted, dict) and not set(wanted) & {"min", "max"}:
            return [f"want {value} at {version}, got {dict(counts)}" for version, value in wanted.items()
                    if not fits(counts[version], value)]
        return [] if fits(len(found), wanted) else [f"want {wanted}, got {len(found)}: {dict(counts)}"]
    return word


def mirror_shares(outcome, wanted):
    total, counts = len(outcome.results), Counter(record["version"] for record in outcome.mirrored)
    return [f"want {share} of {total} at {version}, got {dict(counts)}" for version, share in wanted.items()
            if abs(counts[version] / total - share) > bound(share, total)]


def slower(outcome, wanted):
    """The share of results that took so many seconds at least; more of them is no fault, because a machine may be slow."""
    total = len(outcome.results)
    counts = {least: sum(result["seconds"] >= least for result in outcome.results) for least in wanted}
    return [f"want {share} of {total} to take {least} s, got {counts[least]}" for least, share in wanted.items()
            if counts[least] / total < share - bound(share, total)]


def text(outcome, wanted):
    return [f"want {wanted!r} in it, got {got!r}" for got in (r.get("body", r.get("text")) for r in outcome.results)
            if (wanted["re"] if isinstance(wanted, dict) else re.escape(wanted)) and not re.search(
                wanted["re"] if isinstance(wanted, dict) else re.escape(wanted), got)][:3]


def pods(outcome, wanted):
    found = {outcome.header(result, "x-pod") for result in outcome.results} - {None}
    return [] if fits(len(found), wanted) else [f"want {wanted}, got {found}"]


def some(outcome, wanted):
    """So many results have this status: bounds, or a number that is the least."""
    counts = Counter(str(result["status"]) for result in outcome.results)
    bounds = {status: many if isinstance(many, dict) else {"min": many} for status, many in wanted.items()}
    return [f"want {many} of {status}, got {dict(counts)}" for status, many in bounds.items() if not fits(counts[status], many)]


def overflowed(outcome, wanted):
    """Headers of the results that are no 200, of which there is one at least."""
    turned_away = [result for result in outcome.results if result["status"] != 200]
    wrong = [f"{name}: want {value}, got {outcome.header(result, name)}" for result in turned_away
             for name, value in wanted.items() if not fits(outcome.header(result, name), value)]
    return wrong[:3] if turned_away else ["all were 200"]


def connections(outcome, wanted):
    found = {(record["pod"], record["conn"]) for record in outcome.arrived}
    return [] if fits(len(found), wanted) else [f"want {wanted}, got {len(found)}"]


def copies(outcome, wanted):
    """What mirrored requests look like: fields of the record, or headers."""
    found = [{**record["headers"], **record} for record in outcome.mirrored] or [{}]
    return [f"{name}: want {value}, got {record.get(name)}" for record in found for name, value in wanted.items()
            if not fits(record.get(name), value)][:3]


WORDS = {
    "status": each(lambda outcome, result: result["status"]),
    "version": each(lambda outcome, result: outcome.header(result, "x-version")),
    "exit": each(lambda outcome, result: result["exit"]),
    "seconds": each(lambda outcome, result: result["seconds"]),
    "end": each(lambda outcome, result: result["end"]),
    "path": each(lambda outcome, result: outcome.told(result).get("path")),
    "method": each(lambda outcome, result: outcome.told(result).get("method")),
    "proto": each(lambda outcome, result: outcome.told(result).get("proto")),
    "at_port": each(lambda outcome, result: outcome.told(result).get("port")),
    "seen": named(lambda outcome, result, name: outcome.told(result)["headers"].get(name)),
    "headers": named(lambda outcome, result, name: outcome.header(result, name)),
    "statuses": shares(lambda outcome, result: result["status"]),
    "shares": shares(lambda outcome, result: outcome.header(result, "x-version")),
    "arrived": counted(lambda outcome: outcome.arrived),
    "mirrored": counted(lambda outcome: outcome.mirrored),
    "mirror_shares": mirror_shares,
    "slower": slower,
    "text": text,
    "pods": pods,
    "connections": connections,
    "ports": shares(lambda outcome, result: outcome.told(result).get("port")),
    "some": some,
    "overflowed": overflowed,
    "copies": copies,
}
