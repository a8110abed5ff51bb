#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Do all commands tell the same story? Their sums on the made-up traces, whole and in part.

usage: consistent.py PYANALYZE MAKE_OUTPUTS

For each trace and each choice (a range of time, a thread, a state): functions, lines, files and
modules have the same totals per thread; threads and processes agree with them; the roots of tree
have them, too, and so has hot; the self and cumulative samples of functions are those of the folded
stacks; timeline's slices add up to them.
"""
import collections
import json
import pathlib
import subprocess
import sys
import tempfile

TABLES = ("functions", "lines", "files", "modules")
NUMBERS = ("cpu_time", "ticks", "samples", "wall")
CHOICES = ((), ("--state", "running"), ("--state", "blocked"), ("--from", "0.1", "--to", "0.35"),
           ("--thread", "MainThread"))


class Asker:
    def __init__(self, pyanalyze, trace, choice):
        self.pyanalyze, self.trace, self.choice = pyanalyze, trace, choice
        self.what = f"{trace.name} {' '.join(choice)}"

    def run(self, *words):
        done = subprocess.run([self.pyanalyze, *words, *self.choice, str(self.trace)],
                              capture_output=True, text=True)
        assert done.returncode in (0, 3, 5), (self.what, words, done.returncode, done.stderr)
        return done.stdout if done.returncode != 5 else ""

    def rows(self, *words):
        text = self.run(*words, "--format", "json", "--limit", "0")
        return json.loads(text) if text else []


def near(one, other):
    return abs(one - other) <= 1e-6 * max(1.0, abs(one), abs(other))


def sums(rows, keys=("process", "thread_id"), columns=NUMBERS):
    result = collections.defaultdict(lambda: [0.0] * len(columns))
    for row in rows:
        entry = result[tuple(row[key] for key in keys)]
        for i, column in enumerate(columns):
            entry[i] += row[column] or 0
    return {key: numbers for key, numbers in result.items() if any(numbers)}


def attributed(row):
    """A thread's or process's row without the CPU that is no sample's, which the row tells."""
    return {**row, "cpu_time": row["cpu_time"] - (row["unattributed"] or 0)
            - (row.get("other_cpu") or 0)}


def same(asker, what, one, other):
    assert one.keys() == other.keys(), (asker.what, what, sorted(one), sorted(other))
    for key, numbers in one.items():
        for left, right in zip(numbers, other[key]):
            assert near(left, right), (asker.what, what, key, numbers, other[key])


def check(asker):
    """How many rows were compared."""
    tables = {name: asker.rows(name) for name in TABLES}
    whole = sums(tables["functions"])
    for name in TABLES[1:]:
        same(asker, name, whole, sums(tables[name]))
    roots = [{**row, **{column: row[f"{column}_cum"] for column in NUMBERS}}
             for row in asker.rows("tree") if row["parent_node"] is None]
    same(asker, "tree", whole, sums(roots))
    columns = ("cpu_time", "ticks", "samples")
    if "--state" not in asker.choice:
        pythons = [row for row in asker.rows("threads") if row["kind"] == "python"]
        same(asker, "threads", sums(map(attributed, pythons), columns=columns),
             sums(tables["functions"], columns=columns))
        processes = map(attributed, asker.rows("processes"))
        same(asker, "processes", sums(processes, ("process",), columns),
             sums(tables["functions"], ("process",), columns))
        if "--from" not in asker.choice:  # timeline cuts an interval at the edge, tables do not
            slices = [row for row in asker.rows("timeline") if row["thread_id"] is not None]
            same(asker, "timeline", sums(slices, columns=("cpu_time",)),
                 sums(pythons, columns=("cpu_time",)))
    merged = asker.rows("functions", "--merge-threads")
    total = [sum(row[column] for row in merged) for column in NUMBERS]
    same(asker, "merged", {(): total},
         {(): [sum(numbers[i] for numbers in whole.values()) for i in range(len(NUMBERS))]})
    for command in ("stalls", "gil", "timeline", "info"):
        text = "" if asker.choice else asker.run(command, "--format", "json")
        same_keys(json.loads(text or "[]"), f"{asker.what}{command}")
    hot = asker.rows("hot")
    same(asker, "hot", {(): total},
         {(): [sum(row[column] for row in hot) for column in NUMBERS]})
    return len(merged) + check_folded(asker, merged)


def same_keys(value, where):
    """Objects of a list have the same keys, however deep."""
    if isinstance(value, dict):
        for key, inner in value.items():
            same_keys(inner, f"{where}.{key}")
    elif isinstance(value, list):
        objects = [item for item in value if isinstance(item, dict)]
        for item in objects:
            assert item.keys() == objects[0].keys(), (where, item.keys() ^ objects[0].keys())
        for item in value:
            same_keys(item, where)


def check_folded(asker, merged):
    """Self and cumulative samples of each function: once per stack, however often it is in it."""
    if asker.trace.name.startswith("hostile"):  # functions without a file that differ by line only
        return 0
    own, cumulative = collections.Counter(), collections.Counter()
    for line in asker.run("export", "--format", "folded").splitlines():
        stack, weight = line.rsplit(" ", 1)
        names = stack.split(";")
        own[names[-1]] += int(weight)
        for name in set(names):
            cumulative[name] += int(weight)
    table = [[], []]
    for row in merged:
        table[0].append(row["samples"])
        table[1].append(row["samples_cum"])
    # names are another matter (export_made.py): here the multisets of numbers must be the same
    for what, counted, wanted in (("self", own, table[0]), ("cumulative", cumulative, table[1])):
        one, other = sorted(filter(None, counted.values())), sorted(filter(None, wanted))
        assert one == other, (asker.what, "folded", what, one, other)
    return len(own)


def main():
    pyanalyze, make_outputs = sys.argv[1:3]
    checked = 0
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([make_outputs, folder], check=True)
        for trace in sorted(pathlib.Path(folder).glob("*.trace")):
            for choice in CHOICES:
                checked += check(Asker(pyanalyze, trace, choice))
    print(f"{checked} rows")
    assert checked > 500, checked


if __name__ == "__main__":
    main()
